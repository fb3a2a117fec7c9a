"""Shapes of the books on the wire. Amounts are minor units of `currency`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


class TrialRowOutput(serializers.Serializer[Any]):
    """The accounts of one code, type and unit."""

    code = serializers.CharField(allow_null=True)
    type = serializers.CharField()
    currency = serializers.CharField()
    debit = serializers.IntegerField()
    credit = serializers.IntegerField()


class TrialTotalOutput(serializers.Serializer[Any]):
    """All accounts of one unit; both sides are equal."""

    currency = serializers.CharField()
    debit = serializers.IntegerField()
    credit = serializers.IntegerField()


class TrialBalanceOutput(serializers.Serializer[Any]):
    """The trial balance."""

    at = serializers.CharField()
    data = TrialRowOutput(many=True)  # type: ignore[assignment]
    totals = TrialTotalOutput(many=True)
