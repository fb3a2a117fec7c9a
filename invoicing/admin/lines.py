"""The lines of a draft in its form: what a row asks for, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django import forms

from billing.models import Product
from common.api.fields import TextField
from common.ids import encode_id
from common.money import MAX_AMOUNT
from common.prefixes import INVOICE_ITEM, PRODUCT
from invoicing.models import InvoiceItem
from invoicing.requests import ItemRequest
from invoicing.services.composing import asked_again
from tenants.backoffice.fields import AmountField, CheckedField, amount_in, amount_out

EDITED_HERE: Final = 100
"""Drafts with more lines than this are changed over the API only."""
PRODUCTS_OFFERED: Final = 300


class LineForm(forms.Form):
    """One line. A product lends it its name and price where these are left empty."""

    product = forms.ChoiceField(required=False)
    description = CheckedField(TextField(max_length=500), max_length=500, required=False)
    quantity = forms.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        required=False,
        initial=1,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    unit_price = AmountField(required=False, label="Unit price")
    id = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, products: Mapping[str, Product] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.products = products or {}
        named = [(name, product.name) for name, product in self.products.items()]
        self.fields["product"].choices = [("", "–"), *named]  # type: ignore[attr-defined]

    def asked(self, currency: str, stored: Mapping[str, ItemRequest]) -> ItemRequest | None:
        """The line as the services take it; None with errors at the fields that are wrong.

        A stored line keeps its id and everything that is not asked for here.
        """
        data = self.cleaned_data
        product = self.products.get(data.get("product") or "")
        description = data.get("description") or (product.name if product else "")
        price = self._price(currency, product)
        if not description:
            self.add_error("description", "This field is required.")
        if self.errors or price is None:
            return None
        before = stored.get(data.get("id") or "") or ItemRequest(description="", unit_price=0)
        return replace(
            before, description=description, unit_price=price, quantity=data.get("quantity") or 1,
            product_id=product.id if product else None,
        )  # fmt: skip

    def _price(self, currency: str, product: Product | None) -> int | None:
        given = self.cleaned_data.get("unit_price")
        if given:
            try:
                return amount_in(given, currency)
            except forms.ValidationError as wrong:
                self.add_error("unit_price", wrong)
                return None
        if product is not None and product.price is not None and product.currency == currency:
            return product.price
        self.add_error(
            "unit_price", f"The product has no price in {currency}." if product else "This field is required."
        )
        return None


def products_offered(tenant_id: UUID, rows: Sequence[InvoiceItem]) -> dict[str, Product]:
    """The products that are sold, by id, and those that the lines name already."""
    mine = Product.objects.filter(tenant_id=tenant_id)
    named = {row.product_id for row in rows if row.product_id}
    found = list(mine.filter(active=True).order_by("-id")[:PRODUCTS_OFFERED])
    missing = named - {product.id for product in found}
    found += list(mine.filter(id__in=missing)) if missing else []
    return {encode_id(PRODUCT, product.id): product for product in sorted(found, key=lambda one: one.name.lower())}


def rows_out(rows: Sequence[InvoiceItem], currency: str) -> list[dict[str, Any]]:
    """Stored lines as the rows begin with them."""
    return [
        {
            "id": encode_id(INVOICE_ITEM, row.id),
            "product": encode_id(PRODUCT, row.product_id) if row.product_id else "",
            "description": row.description, "quantity": int(row.quantity),
            "unit_price": amount_out(int(Decimal(row.unit_price)), currency),
        }
        for row in rows
    ]  # fmt: skip


def stored_lines(rows: Sequence[InvoiceItem]) -> dict[str, ItemRequest]:
    """Stored lines by their ids, as requests for the same."""
    return {encode_id(INVOICE_ITEM, item.id): item for item in asked_again(rows) if item.id is not None}
