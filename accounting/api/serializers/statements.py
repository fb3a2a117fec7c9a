"""Shapes of balances and statements on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounting.enums import Side


class BalanceOutput(serializers.Serializer[Any]):
    """What stands on an account, in minor units of its currency."""

    account_id = serializers.CharField()
    currency = serializers.CharField()
    posted = serializers.IntegerField(help_text="Credit − debit; debit − credit for assets and expenses.")
    held = serializers.IntegerField(help_text="What active holds reserve.")
    available = serializers.IntegerField(
        allow_null=True, help_text="What may still be spent with the overdraft of today; null: without a bound."
    )
    balance = serializers.IntegerField(help_text="The same as `posted`.")
    at = serializers.DateTimeField()


class StatementLineOutput(serializers.Serializer[Any]):
    """One movement."""

    id = serializers.CharField()
    entry_id = serializers.CharField()
    transfer_id = serializers.CharField(allow_null=True)
    side = serializers.ChoiceField(choices=Side.values)
    amount = serializers.IntegerField()
    running_balance = serializers.IntegerField(help_text="The balance after this movement.")
    counter_account_ids = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class StatementOutput(serializers.Serializer[Any]):
    """A page of an account's movements, newest first, with the balances at both ends of the period."""

    account_id = serializers.CharField()
    currency = serializers.CharField()
    opening_balance = serializers.IntegerField(help_text="At `from`; 0 without it.")
    closing_balance = serializers.IntegerField(help_text="At `to`; without it after the newest movement.")
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """What cannot be an attribute: `from` is a word of Python, and `data` is the serializer's own."""
        return super().get_fields() | {
            "from": serializers.DateTimeField(allow_null=True),
            "to": serializers.DateTimeField(allow_null=True),
            "data": StatementLineOutput(many=True),
        }
