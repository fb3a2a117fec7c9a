"""Shapes of tax rates on the wire, and the filters of their list."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db.models import Q
from rest_framework import serializers

from billing.models.tax_rate import MAX_REGION, RATE_PLACES
from billing.patterns import TAX_CATEGORY, TAX_CATEGORY_HINT
from billing.tax_selectors import rates_in_force_at
from billing.taxation import STANDARD
from common.api.address import CountryField
from common.api.fields import DecimalField, InstantField, PatternField, TextField, read_instant
from common.api.filters import Filter, Refused, Zone, text_filter
from common.api.serializers import InputSerializer
from common.countries import COUNTRIES


class TaxRateChange(InputSerializer):
    """PATCH of a tax rate: nothing else ever changes. `validUntil` null leaves it open."""

    label = TextField(max_length=50, required=False)  # type: ignore[assignment]
    valid_until = InstantField(required=False, allow_null=True)


class TaxRateInput(InputSerializer):
    """A new tax rate. Without a region it is that of the whole country; `validUntil` is exclusive."""

    country = CountryField()
    region = TextField(max_length=MAX_REGION, required=False)
    category = PatternField(
        max_length=32, pattern=TAX_CATEGORY, hint=TAX_CATEGORY_HINT, required=False, default=STANDARD
    )
    rate = DecimalField(places=RATE_PLACES, min_value=Decimal(0), max_value=Decimal(100))
    label = TextField(max_length=50)  # type: ignore[assignment]
    valid_from = InstantField()
    valid_until = InstantField(required=False)


class TaxRateOutput(serializers.Serializer[Any]):
    """A tax rate, in force from `validFrom` until before `validUntil`."""

    id = serializers.CharField()
    object = serializers.CharField()
    country = serializers.CharField()
    region = serializers.CharField(allow_null=True, help_text="Null: the whole country.")
    category = serializers.CharField()
    rate = serializers.CharField(help_text="Percent.")
    label = serializers.CharField()  # type: ignore[assignment]
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class _InForceAt(Filter):
    """The rates in force at an instant."""

    def condition(self, parameter: str, text: str, zone: Zone) -> Q:
        """See `rates_in_force_at`."""
        return rates_in_force_at(self.read(text, zone))


def _read_at(text: str, _zone: Zone) -> dt.datetime:
    try:
        # In a query string `+` means a space unless it was escaped; an offset never contains one.
        return read_instant(text.replace(" ", "+"), zone=None)
    except serializers.ValidationError as wrong:
        raise Refused("invalid_datetime", "Expected an instant such as 2026-03-01T00:00:00Z.") from wrong


def _read_country(text: str, _zone: Zone) -> str:
    if text not in COUNTRIES:
        raise Refused("invalid", "Expected an ISO 3166-1 alpha-2 code such as DE.")
    return text


class _RegionFilter(Filter):
    """Regions are compared as rates name them."""

    def condition(self, parameter: str, text: str, zone: Zone) -> Q:
        """In upper case. With the country before it the region is that of this country."""
        name = self.read(text, zone).upper()
        country, dash, rest = name.partition("-")
        named = Q(region=name)
        return named | Q(country=country, region=rest) if dash and country in COUNTRIES else named


FILTERS = [
    Filter("country", "country", _read_country, schema={"type": "string", "pattern": "^[A-Z]{2}$"}),
    _RegionFilter("region", "region", text_filter("region", max_length=MAX_REGION).read),
    text_filter("category", max_length=32),
    _InForceAt(
        "at", "valid_from", _read_at, schema={"type": "string", "format": "date-time"},
        description="The rates that are in force at this instant.",
    ),
]  # fmt: skip
