"""What of the catalogue the lines of a draft may name: products, prices, and coupons by their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms
from rest_framework import serializers

from billing.admin.amounts import major_text, minor_text, price_text
from billing.models import Price, Product
from billing.rating.decimals import PLACES
from billing.rating.prices import OF_TRANSACTIONS, PricingModel
from common.api.fields import TextField
from common.ids import encode_id
from common.money import MAX_AMOUNT
from common.prefixes import PRICE, PRODUCT
from invoicing.content import plain
from invoicing.models import InvoiceItem

OFFERED: Final = 300
MAX_COUPONS: Final = 20
MAX_TRANSACTIONS: Final = 1000
QUANTITY_LENGTH: Final = 25 * MAX_TRANSACTIONS
_UNSAID: Final = (PricingModel.FLAT, PricingModel.PERCENTAGE)  # `price_text` does not name these models


class CouponCodesField(forms.CharField):
    """Codes of coupons, between commas; a list of them."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"autocomplete": "off"}
        super().__init__(max_length=66 * MAX_COUPONS, required=False, widget=forms.TextInput(attrs=attrs), **kwargs)

    def clean(self, value: Any) -> list[str]:
        """The codes in their order. Raises `forms.ValidationError`."""
        codes = [code.strip() for code in (super().clean(value) or "").split(",")]
        codes = [code for code in codes if code]
        if len(codes) > MAX_COUPONS:
            raise forms.ValidationError(f"At most {MAX_COUPONS} coupons.")
        check = TextField(max_length=64)
        try:
            return [check.to_internal_value(code) for code in codes]
        except serializers.ValidationError as wrong:
            raise forms.ValidationError([str(one) for one in wrong.detail]) from wrong


def products_offered(tenant_id: UUID, rows: Sequence[InvoiceItem]) -> dict[str, Product]:
    """The products that are sold, by id, and those that the lines name already."""
    mine = Product.objects.filter(tenant_id=tenant_id)
    named = {row.product_id for row in rows if row.product_id and row.price_id is None}
    found = list(mine.filter(active=True).order_by("-id")[:OFFERED])
    missing = named - {product.id for product in found}
    found += list(mine.filter(id__in=missing)) if missing else []
    return {encode_id(PRODUCT, product.id): product for product in sorted(found, key=lambda one: one.name.lower())}


def prices_offered(tenant_id: UUID, rows: Sequence[InvoiceItem]) -> dict[str, Price]:
    """The prices that are offered, in every currency, by id, and those that the lines name already; by their labels."""
    offered = Price.objects.filter(tenant_id=tenant_id, active=True).select_related("product").order_by("-id")
    found = {encode_id(PRICE, price.id): price for price in offered[:OFFERED]} | prices_named(tenant_id, rows)
    return dict(sorted(found.items(), key=lambda one: label_of(one[1]).lower()))


def prices_named(tenant_id: UUID, rows: Sequence[InvoiceItem]) -> dict[str, Price]:
    """The prices that lines name, by id."""
    named = {row.price_id for row in rows if row.price_id}
    found = Price.objects.filter(tenant_id=tenant_id, id__in=named).select_related("product") if named else ()
    return {encode_id(PRICE, price.id): price for price in found}


def label_of(price: Price) -> str:
    """`Seats: €15.00 per unit / month`: product, model and amount."""
    model = PricingModel(price.definition["model"])
    named = f"{model.capitalize()}, " if model in _UNSAID else ""
    return f"{price.product.name}: {named}{price_text(price)}"


def counts_transactions(price: Price) -> bool:
    """Whether it is asked for amounts and not for a quantity."""
    return price.definition["model"] in OF_TRANSACTIONS


def quantity_in(text: str) -> Decimal:
    """A quantity that a price is asked for. Raises `forms.ValidationError`."""
    number = forms.DecimalField(min_value=0, max_value=MAX_AMOUNT, decimal_places=PLACES, max_digits=28).clean(text)
    return Decimal(plain(number))


def transactions_in(text: str, currency: str) -> list[Decimal]:
    """`900.00; 40.00` as minor units of the price's currency. Raises `forms.ValidationError`."""
    parts = [part for part in text.split(";") if part.strip()]
    if not parts:
        raise forms.ValidationError("Expected the amounts of the transactions, such as 900.00; 40.00.")
    if len(parts) > MAX_TRANSACTIONS:
        raise forms.ValidationError(f"At most {MAX_TRANSACTIONS:,} transactions.")
    found = [Decimal(minor_text(part, currency)) for part in parts]
    if max(found) > MAX_AMOUNT:
        raise forms.ValidationError("This amount is too large.")
    return found


def usage_out(usage: Sequence[str], price: Price) -> str:
    """What a stored line was asked for, as `quantity_in` or `transactions_in` reads it."""
    if counts_transactions(price):
        return "; ".join(major_text(part, price.currency) for part in usage)
    return plain(Decimal(usage[0]))


def codes_out(coupons: Sequence[Mapping[str, Any]]) -> str:
    """The coupons of a stored draft as the field shows them."""
    return ", ".join(one["code"] for one in coupons)
