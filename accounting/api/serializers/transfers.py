"""Shapes of transfers, alone and in batches."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounting.api.fields import UnitField
from accounting.enums import TransferStatus
from accounting.services.transfers import MAX_BATCH
from common.api.fields import AmountField, BooleanField, IdField, MetadataField, PatternField, TextField, refuse
from common.api.schema import ProblemOutput
from common.api.serializers import InputSerializer
from common.prefixes import ACCOUNT


class TransferInput(InputSerializer):
    """A transfer: debits `fromAccountId` (`from`), credits `toAccountId` (`to`)."""

    aliases = {"from": "from_account_id", "to": "to_account_id"}

    from_account_id = IdField(ACCOUNT)
    to_account_id = IdField(ACCOUNT)
    amount = AmountField(min_value=1)
    currency = UnitField()
    idempotency_key = PatternField(
        max_length=255, pattern=r"[\x20-\x7e]{1,255}", hint="Expected printable ASCII characters.", required=False
    )
    description = TextField(max_length=500, required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something moves."""
        if attrs["from_account_id"] == attrs["to_account_id"]:
            text = "Must be another account than fromAccountId."
            raise serializers.ValidationError({"toAccountId": refuse("invalid", text).detail})
        return attrs


class BatchInput(InputSerializer):
    """Up to 1,000 transfers, in their order: all or none, or with `atomic: false` each that is allowed."""

    transfers = TransferInput(many=True, min_length=1, max_length=MAX_BATCH)  # type: ignore[call-arg]
    atomic = BooleanField(required=False)


class TransferOutput(serializers.Serializer[Any]):
    """A transfer."""

    id = serializers.CharField()
    object = serializers.CharField()
    status = serializers.ChoiceField(choices=TransferStatus.values)
    from_account_id = serializers.CharField()
    to_account_id = serializers.CharField()
    amount = serializers.IntegerField(help_text="Minor units of `currency`.")
    currency = serializers.CharField()
    entry_id = serializers.CharField()
    void_entry_id = serializers.CharField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    idempotency_key = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RefusalOutput(serializers.Serializer[Any]):
    """Why one transfer of a batch was refused."""

    message = serializers.CharField()
    code = serializers.CharField()
    details = ProblemOutput(many=True)


class BatchItemOutput(serializers.Serializer[Any]):
    """What became of one transfer of a batch."""

    index = serializers.IntegerField()
    status = serializers.ChoiceField(choices=["posted", "refused"])
    transfer = TransferOutput(allow_null=True)
    error = RefusalOutput(allow_null=True)


class BatchOutput(serializers.Serializer[Any]):
    """What became of a batch, in its order."""

    data = BatchItemOutput(many=True)  # type: ignore[assignment]
