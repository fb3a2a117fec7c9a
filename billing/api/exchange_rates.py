"""Shapes of exchange rates on the wire, and the filter of those in force."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.exchange import in_force_at
from billing.models.exchange_rate import MAX_RATE, MIN_RATE
from billing.rating.decimals import PLACES
from common.api.fields import CurrencyField, DecimalField, InstantField, TextField
from common.api.filters import moment_filter
from common.api.serializers import InputSerializer


class RateField(DecimalField):
    """What one unit is in another currency: above 0, up to 12 places."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(places=PLACES, min_value=MIN_RATE, max_value=MAX_RATE, **kwargs)


class ExchangeRateInput(InputSerializer):
    """A new rate: one unit of `from` is `rate` units of `to`, from `validFrom` on."""

    to = CurrencyField()
    rate = RateField()
    valid_from = InstantField()

    def get_fields(self) -> dict[str, Any]:
        """Python has another use for `from`, and the framework for `source`."""
        source = TextField(max_length=255, required=False)
        return {"from": CurrencyField(), **super().get_fields(), "source": source}


class ExchangeRateOutput(serializers.Serializer[Any]):
    """One unit of `from` is `rate` units of `to`, from `validFrom` until the next rate begins."""

    id = serializers.CharField()
    object = serializers.CharField()
    to = serializers.CharField()
    rate = serializers.CharField(help_text="A decimal, of major units.")
    valid_from = serializers.DateTimeField()
    created_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, Any]:
        """Python has another use for `from`, and the framework for `source`."""
        source = serializers.CharField(allow_null=True)
        return {**super().get_fields(), "from": serializers.CharField(), "source": source}


IN_FORCE_AT = moment_filter(
    "at", in_force_at, description="Only the rates that are in force at this instant, one of each two currencies."
)
