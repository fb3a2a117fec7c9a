"""The lines of a draft in its form: what a row asks for, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from django import forms

from billing.models import Price, Product
from common.api.fields import TextField
from common.ids import encode_id
from common.money import MAX_AMOUNT
from common.prefixes import INVOICE_ITEM, PRICE, PRODUCT
from invoicing.admin.catalogue import (
    QUANTITY_LENGTH,
    counts_transactions,
    label_of,
    quantity_in,
    transactions_in,
    usage_out,
)
from invoicing.enums import ItemType
from invoicing.models import InvoiceItem
from invoicing.requests import ItemRequest
from invoicing.services.composing import asked_again
from tenants.backoffice.fields import AmountField, CheckedField, amount_in, amount_out

EDITED_HERE: Final = 100
"""Drafts with more lines than this are changed over the API only."""
SAID_BY_PRICE: Final = "The price says this."
_MINUS: Final = ("-", "\N{MINUS SIGN}")


class LineForm(forms.Form):
    """One line: what a price of the catalogue makes of a quantity, or a quantity at a unit price.

    A product lends its name and price where these are left empty. A line that takes off is an adjustment.
    """

    price = forms.ChoiceField(required=False)
    product = forms.ChoiceField(required=False)
    description = CheckedField(TextField(max_length=500), max_length=500, required=False)
    quantity = forms.CharField(
        max_length=QUANTITY_LENGTH, required=False, initial="1",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )  # fmt: skip
    unit_price = AmountField(required=False, label="Unit price")
    id = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, products: Mapping[str, Product] | None = None, prices: Mapping[str, Price] | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.products, self.prices = products or {}, prices or {}
        self._offer("product", [(name, product.name) for name, product in self.products.items()])
        self._offer("price", [(name, label_of(price)) for name, price in self.prices.items()])

    def asked(self, currency: str, stored: Mapping[str, ItemRequest]) -> ItemRequest | None:
        """The line as the services take it; None with errors at the fields that are wrong.

        A stored line keeps its id and everything that is not asked for here.
        """
        before = stored.get(self.cleaned_data.get("id") or "") or ItemRequest()
        price = self.prices.get(self.cleaned_data.get("price") or "")
        found = self._plain(before, currency) if price is None else self._priced(before, price)
        return None if self.errors else found

    def _plain(self, before: ItemRequest, currency: str) -> ItemRequest:
        data = self.cleaned_data
        product = self.products.get(data.get("product") or "")
        description = data.get("description") or (product.name if product else "")
        unit_price = self._unit_price(currency, product)
        if not description:
            self.add_error("description", "This field is required.")
        whole = forms.IntegerField(min_value=1, max_value=MAX_AMOUNT)
        return replace(
            before, description=description, unit_price=unit_price,
            quantity=self._read("quantity", lambda text: whole.clean(text)) or 1,
            product_id=product.id if product else None, type=ItemType.ADJUSTMENT if unit_price < 0 else before.type,
            price_id=None, plan_id=None, transactions=(), minimum_id=None,
        )  # fmt: skip

    def _priced(self, before: ItemRequest, price: Price) -> ItemRequest:
        data = self.cleaned_data
        for name in ("product", "unit_price"):
            if data.get(name):
                self.add_error(name, SAID_BY_PRICE)
        # The name of another product, which nobody has written, is not kept.
        lent = before.price_id not in (None, price.id) and "description" not in self.changed_data
        description = "" if lent else data.get("description") or ""
        asked = replace(
            before, description=description, price_id=price.id, unit_price=0, product_id=None, type=ItemType.ONE_TIME,
            plan_id=before.plan_id if before.price_id == price.id else None,
        )  # fmt: skip
        if not counts_transactions(price):
            return replace(asked, quantity=self._read("quantity", quantity_in) or 0, transactions=())
        if before.price_id != price.id and "quantity" not in self.changed_data:
            self.cleaned_data["quantity"] = ""  # the 1 that every row begins with is no transaction
        found = self._read("quantity", lambda text: transactions_in(text, price.currency), empty="")
        return replace(asked, quantity=1, transactions=found or ())

    def _read(self, name: str, read: Any, *, empty: str = "1") -> Any:
        """What `read` makes of a field; None with an error at it."""
        try:
            return read(self.cleaned_data.get(name) or empty)
        except forms.ValidationError as wrong:
            self.add_error(name, wrong)
            return None

    def _unit_price(self, currency: str, product: Product | None) -> int:
        """In minor units, negative where it takes off; 0 with an error when there is none."""
        given = (self.cleaned_data.get("unit_price") or "").strip()
        if given:
            negative = given.startswith(_MINUS)
            amount = self._read("unit_price", lambda text: amount_in(text.strip()[negative:], currency)) or 0
            return -amount if negative else amount
        if product is not None and product.price is not None and product.currency == currency:
            return product.price
        self.add_error(
            "unit_price", f"The product has no price in {currency}." if product else "This field is required."
        )
        return 0

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = [("", "–"), *choices]  # type: ignore[attr-defined]


def rows_out(rows: Sequence[InvoiceItem], currency: str, prices: Mapping[str, Price]) -> list[dict[str, Any]]:
    """Stored lines as the rows begin with them. What a minimum adds follows from the line before it and is no row."""
    return [_row_out(row, currency, prices) for row in rows if row.type != ItemType.MINIMUM]


def _row_out(row: InvoiceItem, currency: str, prices: Mapping[str, Price]) -> dict[str, Any]:
    shown = {"id": encode_id(INVOICE_ITEM, row.id), "description": row.description}
    if row.price_id is not None:
        price = encode_id(PRICE, row.price_id)
        return {**shown, "price": price, "quantity": usage_out(row.usage or ["0"], prices[price])}
    return {
        **shown, "product": encode_id(PRODUCT, row.product_id) if row.product_id else "",
        "quantity": str(int(row.quantity)), "unit_price": amount_out(int(Decimal(row.unit_price)), currency),
    }  # fmt: skip


def stored_lines(rows: Sequence[InvoiceItem]) -> dict[str, ItemRequest]:
    """Stored lines by their ids, as requests for the same."""
    return {encode_id(INVOICE_ITEM, item.id): item for item in asked_again(rows) if item.id is not None}
