"""Shapes of holds."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounting.api.fields import UnitField
from accounting.api.serializers.transfers import TransferOutput
from accounting.enums import HoldStatus
from common.api.fields import AmountField, IdField, InstantField, MetadataField, refuse
from common.api.serializers import InputSerializer
from common.prefixes import ACCOUNT


class HoldInput(InputSerializer):
    """A new hold; it ends by itself at `expiresAt`, by default in seven days."""

    account_id = IdField(ACCOUNT)
    amount = AmountField(min_value=1)
    currency = UnitField()
    expires_at = InstantField(required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`at` of the context is the tenant's now."""
        if "expires_at" in attrs and attrs["expires_at"] <= self.context["at"]:
            raise serializers.ValidationError({"expiresAt": refuse("too_small", "Must be in the future.").detail})
        return attrs


class CaptureInput(InputSerializer):
    """How much of a hold goes where; the rest is free again."""

    to_account_id = IdField(ACCOUNT)
    amount = AmountField(min_value=1, required=False)


class HoldOutput(serializers.Serializer[Any]):
    """A hold."""

    id = serializers.CharField()
    object = serializers.CharField()
    account_id = serializers.CharField()
    amount = serializers.IntegerField(help_text="Minor units of `currency`.")
    captured_amount = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=HoldStatus.values)
    expires_at = serializers.DateTimeField()
    transfer_id = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CapturedHoldOutput(HoldOutput):
    """A captured hold, with the transfer that took the amount."""

    transfer = TransferOutput()
