"""Shapes of journal entries."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounting.enums import Side
from accounting.models.journal import MAX_LINES, MIN_LINES
from common.api.fields import AmountField, ChoiceField, IdField, MetadataField, TextField
from common.api.serializers import InputSerializer
from common.prefixes import ACCOUNT


class LineInput(InputSerializer):
    """One side of an entry."""

    account_id = IdField(ACCOUNT)
    side = ChoiceField(Side.values)
    amount = AmountField(min_value=1)


class EntryInput(InputSerializer):
    """An entry whose debits equal its credits in every unit. `batchId` is the caller's own name for it."""

    lines = LineInput(many=True, min_length=MIN_LINES, max_length=MAX_LINES)  # type: ignore[call-arg]
    batch_id = TextField(max_length=255, required=False)
    description = TextField(max_length=500, required=False)
    metadata = MetadataField(required=False)


class LineOutput(serializers.Serializer[Any]):
    """One side of an entry."""

    account_id = serializers.CharField()
    side = serializers.ChoiceField(choices=Side.values)
    amount = serializers.IntegerField(help_text="Minor units of `currency`.")
    currency = serializers.CharField()


class EntryOutput(serializers.Serializer[Any]):
    """A journal entry: written once; `reversedByEntryId` names the one that took it back."""

    id = serializers.CharField()
    object = serializers.CharField()
    kind = serializers.CharField(help_text="manual, transfer, reversal, or the fact that it stands for.")
    source_type = serializers.CharField(allow_null=True)
    source_id = serializers.CharField(allow_null=True)
    batch_id = serializers.CharField(allow_null=True)
    reverses_entry_id = serializers.CharField(allow_null=True)
    reversed_by_entry_id = serializers.CharField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    lines = LineOutput(many=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
