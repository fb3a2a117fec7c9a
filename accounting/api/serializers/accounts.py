"""Shapes of accounts and units."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounting.api.fields import UNIT_PATTERN, UnitField
from accounting.enums import AccountStatus, AccountType, OverdraftPolicy, OwnerType
from common.api.fields import (
    AmountField,
    ChoiceField,
    IdField,
    IntegerField,
    MetadataField,
    PatternField,
    TextField,
    refuse,
)
from common.api.serializers import InputSerializer
from common.prefixes import CUSTOMER


class OverdraftInput(InputSerializer):
    """How far a balance may fall below zero; `limit` with the policy `limit` only."""

    policy = ChoiceField(OverdraftPolicy.values)
    limit = AmountField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The limit belongs to its policy."""
        limited = attrs["policy"] == OverdraftPolicy.LIMIT
        if limited and "limit" not in attrs:
            raise serializers.ValidationError({"limit": refuse("required", "The policy limit needs one.").detail})
        if not limited and "limit" in attrs:
            text = "Only with the policy limit."
            raise serializers.ValidationError({"limit": refuse("mutually_exclusive", text).detail})
        return attrs


class AccountInput(InputSerializer):
    """A new account. That of a customer names them in `ownerId`."""

    currency = UnitField()
    owner_type = ChoiceField(OwnerType.values, required=False)
    owner_id = IdField(CUSTOMER, required=False)
    type = ChoiceField(AccountType.values, required=False)
    code = TextField(max_length=64, required=False)
    overdraft = OverdraftInput(required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Only customers have an id of their own here."""
        of_customer = attrs.get("owner_type") == OwnerType.CUSTOMER
        if of_customer and "owner_id" not in attrs:
            raise serializers.ValidationError({"ownerId": refuse("required", "Which customer?").detail})
        if not of_customer and "owner_id" in attrs:
            text = "Only with the ownerType customer."
            raise serializers.ValidationError({"ownerId": refuse("mutually_exclusive", text).detail})
        return attrs


class AccountChange(InputSerializer):
    """PATCH of an account: `overdraft` is replaced as a whole, `metadata` is merged."""

    overdraft = OverdraftInput(required=False)
    metadata = MetadataField(required=False)


class UnitInput(InputSerializer):
    """A new unit of the tenant: one of it is ten to the power of `exponent` of what accounts count."""

    code = PatternField(
        max_length=16, min_length=3, pattern=UNIT_PATTERN, hint="Expected 3 to 16 of A-Z, 0-9 and _, a letter first."
    )
    exponent = IntegerField(min_value=0, max_value=12)
    name = TextField(max_length=255, required=False)


class OverdraftOutput(serializers.Serializer[Any]):
    """How far a balance may fall below zero."""

    policy = serializers.ChoiceField(choices=OverdraftPolicy.values)
    limit = serializers.IntegerField(allow_null=True, help_text="Minor units below zero; with the policy limit.")


class AccountOutput(serializers.Serializer[Any]):
    """An account."""

    id = serializers.CharField()
    object = serializers.CharField()
    currency = serializers.CharField()
    exponent = serializers.IntegerField(help_text="Decimals of the currency or unit.")
    owner_type = serializers.ChoiceField(choices=OwnerType.values)
    owner_id = serializers.CharField(allow_null=True)
    type = serializers.ChoiceField(choices=AccountType.values)
    code = serializers.CharField(allow_null=True)
    overdraft = OverdraftOutput()
    status = serializers.ChoiceField(choices=AccountStatus.values)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class NewAccountOutput(AccountOutput):
    """A new account, with its id once more under the name that others refer to it by."""

    account_id = serializers.CharField()


class UnitOutput(serializers.Serializer[Any]):
    """A unit."""

    id = serializers.CharField()
    object = serializers.CharField()
    code = serializers.CharField()
    exponent = serializers.IntegerField()
    name = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
