"""Shapes of what is asked to be invoiced: items, usage, coupons."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers

from common.api.fields import (
    AmountField,
    ChoiceField,
    DecimalField,
    IdField,
    InstantField,
    MetadataField,
    TextField,
    refuse,
)
from common.api.serializers import InputSerializer
from common.money import MAX_AMOUNT
from common.prefixes import PLAN, PRICE, PRODUCT
from invoicing.enums import ItemType

MAX_COUPONS: Final = 20
MAX_TRANSACTIONS: Final = 1000
MAX_TRANSACTIONS_OF_ALL: Final = 10_000
"""Of all items together: each is a step of the derivation that is kept."""
OF_COMPOSING: Final = (
    "currency_mismatch", "coupon_not_started", "coupon_expired", "coupon_exhausted", "coupon_not_applicable",
    "amount_too_large", "negative_total",
)  # fmt: skip
"""Refusals (422) of whatever computes an invoice."""
OF_ITEMS: Final = ("price_inactive", "plan_not_active", "price_not_in_plan")
"""Refusals (422) of what takes new items."""
_PLACES: Final = 12


class QuantityField(DecimalField):
    """A quantity, 0 or more: an integer, or a decimal string. An integer stays one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(places=_PLACES, min_value=Decimal(0), max_value=Decimal(MAX_AMOUNT), **kwargs)

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "decimal"}]}

    def to_internal_value(self, data: Any) -> Decimal:
        value = super().to_internal_value(data)
        return int(value) if isinstance(data, int) else value  # type: ignore[return-value]


class CouponsField(serializers.ListField):
    """Codes or ids of coupons, in the order in which they are taken where their stacking order is the same."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=TextField(max_length=64), max_length=MAX_COUPONS, **kwargs)


class ItemInput(InputSerializer):
    """One asked-for item: `quantity` × `unitPrice`, or what a price of the catalogue makes of a quantity.

    With `priceId` the description and the tax code default to those of the price and its product. A price that charges
    for each transaction takes their amounts in `transactions`, and no quantity. `planId` says of which plan the price
    is, for coupons of plans. An `adjustment` on a draft may be negative.
    """

    description = TextField(max_length=500, required=False)
    unit_price = AmountField(min_value=-MAX_AMOUNT, required=False)
    quantity = QuantityField(required=False)
    transactions = serializers.ListField(
        child=QuantityField(), max_length=MAX_TRANSACTIONS, min_length=1, required=False
    )
    price_id = IdField(PRICE, required=False)
    plan_id = IdField(PLAN, required=False)
    product_id = IdField(PRODUCT, required=False)
    type = ChoiceField([str(ItemType.ONE_TIME), str(ItemType.ADJUSTMENT)], required=False)
    tax_code = TextField(max_length=64, required=False)
    period_start = InstantField(required=False)
    period_end = InstantField(required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Either a price says what the item costs, or the item does. A service period ends after it starts."""
        problems: dict[str, Any] = {}
        if "price_id" in attrs:
            for name, field in (("unit_price", "unitPrice"), ("product_id", "productId"), ("type", "type")):
                if name in attrs:
                    problems[field] = refuse("mutually_exclusive", "The price says this.").detail
            if "quantity" in attrs and "transactions" in attrs:
                problems["transactions"] = refuse("mutually_exclusive", "Give quantity or transactions.").detail
        else:
            _check_own_price(attrs, problems)
        if problems:
            raise serializers.ValidationError(problems)
        return ordered_period(attrs)


def _check_own_price(attrs: dict[str, Any], problems: dict[str, Any]) -> None:
    for name, field in (("description", "description"), ("unit_price", "unitPrice")):
        if name not in attrs:
            problems[field] = refuse("required", "This field is required.").detail
    if "transactions" in attrs:
        problems["transactions"] = refuse("invalid", "Only a price counts transactions.").detail
    if "plan_id" in attrs:
        problems["planId"] = refuse("invalid", "Only a price is one of a plan: name it in priceId.").detail
    quantity = attrs.get("quantity", 1)
    if not isinstance(quantity, int):
        problems["quantity"] = refuse("invalid", "Expected an integer where there is no price.").detail
    elif quantity < 1:
        problems["quantity"] = refuse("too_small", "At least 1.").detail
    if attrs.get("unit_price", 0) < 0 and attrs.get("type") != ItemType.ADJUSTMENT:
        problems["unitPrice"] = refuse("too_small", "At least 0; an item of the type adjustment may be less.").detail


def check_transactions(items: list[dict[str, Any]]) -> None:
    """Raises `ValidationError` at the item with which all of them have too many."""
    so_far = 0
    for index, item in enumerate(items):
        so_far += len(item.get("transactions", ()))
        if so_far > MAX_TRANSACTIONS_OF_ALL:
            text = f"At most {MAX_TRANSACTIONS_OF_ALL} transactions on an invoice."
            problem: dict[Any, Any] = {index: {"transactions": refuse("too_long", text).detail}}
            raise serializers.ValidationError({"items": problem})


def check_no_credits(items: list[dict[str, Any]]) -> None:
    """What takes off stands on drafts only: somebody looks at them before they are issued. Raises `ValidationError`."""
    wrong: dict[Any, Any] = {
        index: {"unitPrice": refuse("too_small", "Only on a draft an adjustment may be less than 0.").detail}
        for index, item in enumerate(items)
        if item.get("unit_price", 0) < 0
    }
    if wrong:
        raise serializers.ValidationError({"items": wrong})


def ordered_period(values: dict[str, Any]) -> dict[str, Any]:
    """A service period ends after it starts. Raises `ValidationError` at `periodEnd`."""
    start, end = values.get("period_start"), values.get("period_end")
    if start is not None and end is not None and end <= start:
        raise serializers.ValidationError({"periodEnd": refuse("too_small", "Must be after periodStart.").detail})
    return values
