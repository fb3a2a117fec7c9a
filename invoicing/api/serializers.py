"""Shapes of invoices on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.enums import PaymentMethodKind
from common.api.fields import (
    AmountField,
    BooleanField,
    ChoiceField,
    CurrencyField,
    IdField,
    InstantField,
    IntegerField,
    MetadataField,
    TextField,
    refuse,
)
from common.api.serializers import InputSerializer
from common.money import MAX_AMOUNT
from common.prefixes import CUSTOMER, PRODUCT
from invoicing.enums import EmailStatus, InvoiceStatus, ItemType, TaxCategory

MAX_ITEMS = 1000


class ItemInput(InputSerializer):
    """One asked-for item."""

    description = TextField(max_length=500)
    unit_price = AmountField()
    quantity = IntegerField(min_value=1, max_value=MAX_AMOUNT, required=False)
    product_id = IdField(PRODUCT, required=False)
    tax_code = TextField(max_length=64, required=False)
    period_start = InstantField(required=False)
    period_end = InstantField(required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A service period ends after it starts."""
        return _period(attrs)


def _period(values: dict[str, Any]) -> dict[str, Any]:
    start, end = values.get("period_start"), values.get("period_end")
    if start is not None and end is not None and end <= start:
        raise serializers.ValidationError({"periodEnd": refuse("too_small", "Must be after periodStart.").detail})
    return values
