"""The engine of rating gives what invoices are composed of today, so that composing can call it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.errors import InvalidLine
from billing.rating.lines import Line, TaxCategory, TaxRate, tax_rate_from_basis_points
from billing.rating.prices import Price, PricingModel
from billing.rating.rating import rate
from billing.rating.totals import Total, total
from common.money import MAX_AMOUNT
from invoicing.basis import Terms, plain_basis
from invoicing.composition import compose
from invoicing.content import Content
from invoicing.enums import TaxCategory as StoredCategory
from invoicing.errors import AmountTooLarge
from invoicing.requests import InvoiceRequest, ItemRequest

asked = st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**5)), max_size=20)


def composed(items: list[tuple[int, int]], *, tax_rate: int, exempt: bool, skip_tax: bool) -> Content:
    """What invoicing makes of it."""
    request = InvoiceRequest(items=[ItemRequest("Item", price, count) for price, count in items], skip_tax=skip_tax)
    terms = Terms("EUR", tax_rate, "VAT", 14, "Europe/Berlin")
    return compose(
        request, customer_id=UUID(int=1), currency="EUR", basis=plain_basis(terms, exempt=exempt), issued_at=None
    )


def by_engine(content: Content) -> Total:
    """The same items and taxes through rating and totals."""
    lines = []
    for number, item in enumerate(content.items):
        price = Price("EUR", PricingModel.PER_UNIT, unit_amount=int(item.unit_price) * 10**12)
        taxes = tuple(
            tax_rate_from_basis_points(tax["label"], tax["rate"], tax["category"], None) for tax in item.taxes
        )  # fmt: skip
        lines.append(Line(str(number), rate(price, item.quantity).amount, taxes))
    return total(lines, currency="EUR")


def as_breakdown(found: Total) -> list[dict[str, Any]]:
    """Rows as invoices store them."""
    return [
        {
            "label": row.rate.label, "rate": row.rate.basis_points, "category": str(row.rate.category),
            "taxable": row.taxable, "tax": row.tax, "note": row.rate.reason,
        }
        for row in found.taxed.rows
    ]  # fmt: skip


@given(asked, st.integers(0, 10_000), st.booleans(), st.booleans())
def test_items_amounts_and_taxes_are_those_that_invoicing_composes(
    items: list[tuple[int, int]], tax_rate: int, exempt: bool, skip_tax: bool
):
    try:
        content = composed(items, tax_rate=tax_rate, exempt=exempt, skip_tax=skip_tax)
    except AmountTooLarge:
        return
    found = by_engine(content)
    assert list(found.net_amounts) == [item.total for item in content.items]
    assert list(found.net_discounts) == [item.discount for item in content.items]
    assert (found.subtotal, found.discount, found.tax, found.total, found.due) == (
        content.subtotal, content.discount, content.tax, content.total, content.total,
    )  # fmt: skip
    assert as_breakdown(found) == list(content.tax_breakdown)


def test_the_largest_invoice_is_the_same():
    content = composed([(MAX_AMOUNT // 2 - 1, 1)], tax_rate=10_000, exempt=False, skip_tax=False)
    assert by_engine(content).total == content.total == MAX_AMOUNT - 2


def test_the_categories_are_those_that_invoices_store():
    assert [str(one) for one in TaxCategory] == [str(one) for one in StoredCategory]


@pytest.mark.parametrize(("basis_points", "percent"), [(1900, "19"), (0, "0"), ("887.5", "8.875"), ("997.5", "9.975")])
def test_basis_points_are_read_and_shown_again(basis_points: int | str, percent: str):
    category = "standard" if percent != "0" else "zero"
    tax = tax_rate_from_basis_points("VAT", basis_points, category, None)
    assert tax == TaxRate("VAT", int(Decimal(percent) * 10**12), TaxCategory(category), None)
    assert tax.basis_points == Decimal(basis_points)


def test_basis_points_that_no_percentage_has_are_refused():
    with pytest.raises(InvalidLine):
        tax_rate_from_basis_points("VAT", "0.00000000001", "standard", None)
