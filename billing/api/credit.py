"""Shapes of grants and of the credit of customers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounting.api.fields import UnitField
from accounting.enums import GrantSource, GrantStatus
from accounting.models.grant import MAX_PRIORITY
from common.api.fields import AmountField, ChoiceField, IdField, InstantField, IntegerField, MetadataField, refuse
from common.api.reasons import ReasonInput
from common.api.serializers import InputSerializer
from common.money import MAX_AMOUNT
from common.prefixes import ACCOUNT, CUSTOMER


class RolloverInput(InputSerializer):
    """At the end at most `max` moves into a new grant of the same length, nothing when less than `min` is left."""

    min = AmountField(min_value=0)
    max = AmountField(min_value=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A range."""
        if attrs["max"] < attrs["min"]:
            raise serializers.ValidationError({"max": refuse("too_small", "Must not be below min.").detail})
        return attrs


class GrantInput(InputSerializer):
    """A new grant: in the wallet of a customer, or on an account. Without `effectiveAt` it begins at once."""

    customer_id = IdField(CUSTOMER, required=False)
    account_id = IdField(ACCOUNT, required=False)
    amount = AmountField(min_value=1)
    currency = UnitField()
    source = ChoiceField(GrantSource.values, required=False)  # type: ignore[assignment]
    priority = IntegerField(min_value=0, max_value=MAX_PRIORITY, required=False)
    effective_at = InstantField(required=False)
    expires_at = InstantField(required=False)
    rollover = RolloverInput(required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One owner, and an end after the beginning; `at` of the context is the tenant's now."""
        if "customer_id" in attrs and "account_id" in attrs:
            text = "Either customerId or accountId."
            raise serializers.ValidationError({"accountId": refuse("mutually_exclusive", text).detail})
        if "customer_id" not in attrs and "account_id" not in attrs:
            text = "A grant is for a customerId or an accountId."
            raise serializers.ValidationError({"customerId": refuse("required", text).detail})
        begins = max(attrs.get("effective_at", self.context["at"]), self.context["at"])
        if "expires_at" in attrs and attrs["expires_at"] <= begins:
            text = "Must be in the future, and after effectiveAt."
            raise serializers.ValidationError({"expiresAt": refuse("too_small", text).detail})
        if "rollover" in attrs and "expires_at" not in attrs:
            text = "What never expires is never rolled over."
            raise serializers.ValidationError({"expiresAt": refuse("required", text).detail})
        return attrs


class CreditInput(ReasonInput):
    """Credit to a customer, or, below zero, what is taken back. Without `currency` in that of the customer."""

    amount = AmountField(min_value=-MAX_AMOUNT)
    currency = UnitField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something."""
        if attrs["amount"] == 0:
            raise serializers.ValidationError({"amount": refuse("invalid", "Must not be 0.").detail})
        return attrs


class RolloverOutput(serializers.Serializer[Any]):
    """What may move into a new grant at the end, in minor units."""

    min = serializers.IntegerField()
    max = serializers.IntegerField()


class GrantOutput(serializers.Serializer[Any]):
    """A grant."""

    id = serializers.CharField()
    object = serializers.CharField()
    account_id = serializers.CharField()
    amount = serializers.IntegerField(help_text="Minor units of `currency`.")
    remaining = serializers.IntegerField(help_text="What was not spent, expired or revoked.")
    currency = serializers.CharField()
    source = serializers.ChoiceField(choices=GrantSource.values)  # type: ignore[assignment]
    priority = serializers.IntegerField(help_text="Lower is spent first.")
    status = serializers.ChoiceField(choices=GrantStatus.values)
    effective_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    rollover = RolloverOutput(allow_null=True)
    rolled_from_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
