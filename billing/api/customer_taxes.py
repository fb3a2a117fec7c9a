"""Shapes of a customer's tax numbers and of its certificate of exemption on the wire."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from billing.patterns import VAT_ID, VAT_ID_HINT
from billing.tax_ids import CHECKS, EU_VAT, TYPES, InvalidTaxId
from common.api.address import CountryField
from common.api.fields import ChoiceField, InstantField, PatternField, TextField, refuse
from common.api.serializers import InputSerializer
from common.clock import format_instant

_VAT_ID = PatternField(max_length=64, min_length=2, pattern=VAT_ID, hint=VAT_ID_HINT)


class TaxIdInput(InputSerializer):
    """A tax number. Its check digits are looked at, where its kind has some; nobody is asked."""

    type = ChoiceField(TYPES)
    value = TextField(max_length=64)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """The number as it is stored."""
        kind, value = attrs["type"], attrs["value"]
        try:
            if kind == EU_VAT:
                attrs["value"] = _VAT_ID.to_internal_value(value)
            else:
                attrs["value"] = CHECKS[kind](value)
        except InvalidTaxId as wrong:
            raise serializers.ValidationError({"value": refuse("invalid", str(wrong)).detail}) from wrong
        except serializers.ValidationError as wrong:
            raise serializers.ValidationError({"value": wrong.detail}) from wrong
        return attrs


class TaxExemptionInput(InputSerializer):
    """A certificate. It counts in its country (anywhere without one) or region, within `[validFrom, validUntil)`."""

    certificate = TextField(max_length=255)
    reason = TextField(max_length=500, required=False)
    country = CountryField(required=False)
    region = TextField(max_length=255, required=False)
    valid_from = InstantField(required=False)
    valid_until = InstantField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What is stored: all fields in the API's spelling, null where not given."""
        start, end = attrs.get("valid_from"), attrs.get("valid_until")
        if start is not None and end is not None and end <= start:
            wrong = refuse("too_small", "Must be after validFrom.").detail
            raise serializers.ValidationError({"validUntil": wrong})
        if "region" in attrs and "country" not in attrs:
            wrong = refuse("required", "A region is one of a country.").detail
            raise serializers.ValidationError({"country": wrong})
        return {
            "certificate": attrs["certificate"], "reason": attrs.get("reason"), "country": attrs.get("country"),
            "region": attrs.get("region"), "validFrom": _stored(start), "validUntil": _stored(end),
        }  # fmt: skip


class TaxIdOutput(serializers.Serializer[Any]):
    """A tax number."""

    type = serializers.ChoiceField(choices=TYPES)
    value = serializers.CharField()


class TaxExemptionOutput(serializers.Serializer[Any]):
    """A certificate."""

    certificate = serializers.CharField()
    reason = serializers.CharField(allow_null=True)
    country = serializers.CharField(allow_null=True)
    region = serializers.CharField(allow_null=True)
    valid_from = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True)


def divided(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a customer, the European number taken out of `tax_ids`: it is kept once, as `vat_id`.

    `tax_ids` is the whole list: without a European number the customer has none, unless `vat_id` gives it. Raises
    `ValidationError` for two numbers of a kind, and where `vat_id` says something else.
    """
    if "tax_ids" not in attrs:
        return dict(attrs)
    given = attrs["tax_ids"] or []
    errors: dict[Any, Any] = {}
    seen: set[str] = set()
    vat_id = attrs.get("vat_id")
    for index, one in enumerate(given):
        if one is None:
            # The list may be null, and DRF takes that to be true of its members too.
            errors[index] = refuse("required", "Expected a number with its type.").detail
            continue
        if one["type"] in seen:
            errors[index] = {"type": refuse("invalid", "There is one number of each type.").detail}
        elif one["type"] == EU_VAT and attrs.get("vat_id", one["value"]) != one["value"]:
            errors[index] = {"value": refuse("mutually_exclusive", "vatId says something else.").detail}
        elif one["type"] == EU_VAT:
            vat_id = one["value"]
        seen.add(one["type"])
    if errors:
        raise serializers.ValidationError({"taxIds": errors})
    return {**attrs, "vat_id": vat_id, "tax_ids": [one for one in given if one["type"] != EU_VAT] or None}


def _stored(at: dt.datetime | None) -> str | None:
    return format_instant(at) if at is not None else None
