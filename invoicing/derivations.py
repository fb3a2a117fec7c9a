"""The derivation of a document that has none stored: nothing but its own lines has made its amounts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing.rating.derivation import invoice_derivation
from billing.rating.lines import Line, TaxRate, tax_rate_from_basis_points
from billing.rating.totals import Total, total
from common.money import round_half_away
from invoicing.content import Content, Item

Key = tuple[str, str, str]


def derivation_of(content: Content) -> dict[str, Any]:
    """How the amounts of a document without prices and coupons come about.

    Raises `InvalidLine` for taxes that the engine refuses: such a document was altered.
    """
    return invoice_derivation(_total(content))


def line_amount(item: Item) -> int:
    """What quantity and unit price of an item come to, in minor units."""
    return round_half_away(Decimal(item.quantity) * Decimal(item.unit_price))


def _total(content: Content) -> Total:
    reasons = {_key(row): row["note"] for row in content.tax_breakdown}
    lines = [
        Line(str(number), line_amount(item), tuple(_rate(tax, reasons) for tax in item.taxes), item.inclusive)
        for number, item in enumerate(content.items, start=1)
    ]
    return total(lines, currency=content.currency)


def _rate(tax: Mapping[str, Any], reasons: Mapping[Key, str | None]) -> TaxRate:
    return tax_rate_from_basis_points(tax["label"], tax["rate"], tax["category"], reasons.get(_key(tax)))


def _key(row: Mapping[str, Any]) -> Key:
    return str(row["label"]), str(row["rate"]), str(row["category"])
