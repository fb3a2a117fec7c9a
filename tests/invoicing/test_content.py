"""The arithmetic of a document, and the digest that fixes it. No database."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import local_date
from common.ids import new_id
from common.money import MAX_AMOUNT
from invoicing.basis import Terms, plain_basis
from invoicing.composition import compose, due_date, issue_year
from invoicing.content import Buyer, Content, Item, number_out, plain, usage_total
from invoicing.enums import ItemType
from invoicing.errors import AmountTooLarge
from invoicing.representations import State, invoice_body
from invoicing.requests import InvoiceRequest, ItemRequest
from tests.invoicing.strategies import INSTANTS, TERMS, ZONES, invoice_requests

AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FIXED = Terms(default_currency="EUR", tax_rate=1900, tax_label="VAT", payment_terms_days=30, time_zone="UTC")
BUYER = Buyer("u", "Ada", "a@example.com", {"line1": "1 High St"}, "DE1", "en", "Notes", "Pay")


def composed(
    request: InvoiceRequest, terms: Terms = FIXED, *, exempt: bool = False, at: dt.datetime | None = AT
) -> Content:
    return compose(request, customer_id=new_id(), currency="EUR", basis=plain_basis(terms, exempt=exempt), issued_at=at)


@given(request=invoice_requests(), terms=TERMS, exempt=st.booleans())
def test_amounts_add_up(request, terms, exempt):
    content = composed(request, terms, exempt=exempt)
    assert [item.total for item in content.items] == [one.quantity * one.unit_price for one in request.items]
    assert content.subtotal == sum(item.total for item in content.items)
    assert content.total == content.subtotal - content.discount + content.tax
    assert content.tax == sum(row["tax"] for row in content.tax_breakdown)
    assert content.subtotal - content.discount == sum(row["taxable"] for row in content.tax_breakdown)
    for item in content.items:
        assert item.tax_rate == sum(tax["rate"] for tax in item.taxes)


@given(request=invoice_requests(), terms=TERMS)
def test_tax_is_the_nearest_amount_to_the_exact_one_and_a_half_goes_up(request, terms):
    content = composed(request, terms)
    exact = Fraction(content.subtotal * terms.tax_rate, 10_000)
    assert content.tax == (0 if request.skip_tax else int(exact + Fraction(1, 2)))


@given(request=invoice_requests(), terms=TERMS, exempt=st.booleans())
def test_the_category_says_why_a_rate_is_zero(request, terms, exempt):
    (row,) = composed(request, terms, exempt=exempt).tax_breakdown
    category = "exempt" if exempt or request.skip_tax else "standard" if terms.tax_rate else "zero"
    assert (row["category"], row["rate"]) == (category, terms.tax_rate if category == "standard" else 0)


@pytest.mark.parametrize(
    ("items", "rate", "fits"),
    [
        ([(MAX_AMOUNT, 1)], 0, True),
        ([(1, MAX_AMOUNT)], 0, True),
        ([(MAX_AMOUNT, 1), (0, 5)], 0, True),
        ([(MAX_AMOUNT, 1), (1, 1)], 0, False),
        ([(MAX_AMOUNT, 2)], 0, False),
        ([(MAX_AMOUNT - 1, 1)], 1, False),
        ([(5 * 10**14, 1)], 10_000, True),
        ([(5 * 10**14, 1), (1, 1)], 10_000, False),
    ],
)
def test_no_amount_goes_beyond_the_bound(items, rate, fits):
    request = InvoiceRequest(items=[ItemRequest("x", price, quantity) for price, quantity in items])
    if fits:
        assert composed(request, replace(FIXED, tax_rate=rate)).total <= MAX_AMOUNT
    else:
        with pytest.raises(AmountTooLarge):
            composed(request, replace(FIXED, tax_rate=rate))


def test_a_draft_has_no_due_date_unless_one_is_given():
    request = InvoiceRequest(items=[ItemRequest("x", 1)])
    assert composed(request, at=None).due_date is None
    assert composed(replace(request, due_date=AT), at=None).due_date == AT
    assert composed(replace(request, due_date=AT)).due_date == AT


@given(at=INSTANTS, zone=st.sampled_from(ZONES), days=st.integers(0, 365))
def test_an_invoice_is_due_when_the_day_begins_in_the_tenants_zone(at, zone, days):
    due = due_date(at, replace(FIXED, time_zone=zone, payment_terms_days=days))
    assert due is not None
    day = at.astimezone(ZoneInfo(zone)).date() + dt.timedelta(days=days)
    assert local_date(due, zone) >= day
    assert local_date(due - dt.timedelta(milliseconds=1), zone) < day


@pytest.mark.parametrize(
    ("at", "zone", "days", "due"),
    [
        ("2026-03-28T12:00:00", "Europe/Berlin", 1, "2026-03-28T23:00:00"),  # the day the clocks go forward
        ("2026-03-28T12:00:00", "Europe/Berlin", 2, "2026-03-29T22:00:00"),
        ("2026-10-24T12:00:00", "Europe/Berlin", 1, "2026-10-24T22:00:00"),
        ("2026-10-24T12:00:00", "Europe/Berlin", 2, "2026-10-25T23:00:00"),
        ("2018-11-03T12:00:00", "America/Sao_Paulo", 1, "2018-11-04T03:00:00"),  # there is no midnight that day
        ("2026-03-28T23:30:00", "Europe/Berlin", 0, "2026-03-28T23:00:00"),
        ("2028-01-30T12:00:00", "UTC", 30, "2028-02-29T00:00:00"),
        ("2026-12-31T23:59:59", "Pacific/Kiritimati", 0, "2026-12-31T10:00:00"),
    ],
)
def test_days_that_are_not_24_hours_long(at, zone, days, due):
    terms = replace(FIXED, time_zone=zone, payment_terms_days=days)
    assert due_date(dt.datetime.fromisoformat(at + "+00:00"), terms) == dt.datetime.fromisoformat(due + "+00:00")


@given(at=INSTANTS, zone=st.sampled_from(ZONES))
def test_the_year_of_the_number_is_that_of_the_day_there(at, zone):
    assert issue_year(at, zone) == at.astimezone(ZoneInfo(zone)).year


def full_content() -> Content:
    """A document in which every field holds something."""
    tax = {"label": "VAT", "rate": 1900, "category": "standard"}
    item = Item(
        id=new_id(), type=ItemType.ONE_TIME, description="A", quantity=Decimal("1.5"), unit_price=Decimal("10"),
        total=15, discount=1, tax_rate=Decimal(1900), taxes=[tax], tax_code="c", product_id=new_id(), price_id=new_id(),
        period_start=AT, period_end=AT, metadata={"k": "v"}, usage=["1.5"], inclusive=True,
        exchange={"currency": "USD", "amount": 16, "rate": "0.9", "date": "2026-01-01T00:00:00.000Z", "source": None},
    )  # fmt: skip
    return Content(
        id=new_id(), customer_id=new_id(), currency="EUR", items=[item, replace(item, id=new_id(), description="B")],
        subtotal=30, discount=2, tax=5, total=33, tax_breakdown=[{**tax, "taxable": 28, "tax": 5, "note": "n"}],
        due_date=AT, issued_at=AT, period_start=AT, period_end=AT, subscription_id=new_id(), skip_tax=False,
        coupons=[{"couponId": "cpn_1", "code": "A", "name": "A", "amount": 2}], derivation_digest=b"d" * 32,
    )  # fmt: skip


def another(value: Any) -> Any:
    """A value that differs a little."""
    match value:
        case bool():
            return not value
        case ItemType():
            return ItemType.USAGE
        case int() | Decimal():
            return value + 1
        case str():
            return value + "x"
        case dt.datetime():
            return value + dt.timedelta(milliseconds=1)
        case bytes():
            return value + b"x"
        case dict():
            return {**value, "line1": "2 High St"}
        case list():
            return value[:-1]
        case _:
            return new_id()


def test_every_field_of_the_document_is_in_its_digest():
    content = full_content()
    known = content.digest(b"b" * 32)
    for one in fields(Content):
        if not one.compare:
            continue  # what only composing knows
        changed = replace(content, **{one.name: another(getattr(content, one.name))})
        assert changed.digest(b"b" * 32) != known, one.name
        if one.name.endswith(("_date", "_at", "_start", "_end", "subscription_id")):
            nothing: dict[str, Any] = {one.name: None}
            assert replace(content, **nothing).digest(b"b" * 32) != known, one.name
    assert content.digest(b"c" * 32) != known
    assert replace(content, items=content.items[::-1]).digest(b"b" * 32) != known


def test_every_field_of_an_item_is_in_the_digest():
    content = full_content()
    known = content.digest(b"b" * 32)
    first, second = content.items
    for one in fields(Item):
        changed = replace(content, items=[replace(first, **{one.name: another(getattr(first, one.name))}), second])
        assert changed.digest(b"b" * 32) != known, one.name


@pytest.mark.parametrize("name", ["label", "rate", "category", "taxable", "tax", "note"])
def test_every_value_of_a_tax_row_is_in_the_digest(name):
    content = full_content()
    row = content.tax_breakdown[0]
    changed = replace(content, tax_breakdown=[{**row, name: another(row[name])}])
    assert changed.digest(b"") != content.digest(b"")
    if name in ("label", "rate", "category"):
        tax = content.items[0].taxes[0]
        item = replace(content.items[0], taxes=[{**tax, name: another(tax[name])}])
        assert replace(content, items=[item, content.items[1]]).digest(b"") != content.digest(b"")


@pytest.mark.parametrize("name", ["couponId", "code", "name", "amount"])
def test_every_value_of_a_coupon_is_in_the_digest(name):
    content = full_content()
    (coupon,) = content.coupons
    changed = replace(content, coupons=[{**coupon, name: another(coupon[name])}])
    assert changed.digest(b"") != content.digest(b"")


@pytest.mark.parametrize(
    ("changes", "digest"),
    [
        ({}, "8f8f146eb205d597de5b9c71e91d5b7d2d3e59469f7caa3290d4cc6185f82c73"),
        ({"settings_version": 3}, "6eec77a5b2e24fb30359c3fb561984db74cb6b39af318c199833cf7424a7688e"),
        (
            {"settings_version": 3, "derivation_digest": b"d" * 32},
            "96da6221359142b4dede52025af7ec168e45584f67127dcac359c96f190c2866",
        ),
    ],
    ids=["before snapshots of settings", "plain lines", "with a derivation"],
)
def test_the_digest_of_a_document_is_the_same_for_ever(changes, digest):
    tax = {"label": "VAT", "rate": 1900, "category": "standard"}
    item = Item(
        id=UUID(int=1), type=ItemType.ONE_TIME, description="A", quantity=Decimal("1.5"), unit_price=Decimal("10"),
        total=15, discount=0, tax_rate=Decimal(1900), taxes=[tax], tax_code=None, product_id=None, price_id=None,
        period_start=None, period_end=None, metadata={"k": "v"},
    )  # fmt: skip
    content = Content(
        id=UUID(int=2), customer_id=UUID(int=3), currency="EUR", items=[item], subtotal=15, discount=0, tax=3, total=18,
        tax_breakdown=[{**tax, "taxable": 15, "tax": 3, "note": None}], due_date=AT, issued_at=AT, period_start=None,
        period_end=None, subscription_id=None, skip_tax=False,
    )  # fmt: skip
    assert replace(content, **changes).digest(b"b" * 32).hex() == digest


def test_every_field_of_the_buyer_and_the_salt_are_in_the_buyers_digest():
    known = BUYER.digest(b"s")
    for one in fields(Buyer):
        assert replace(BUYER, **{one.name: another(getattr(BUYER, one.name))}).digest(b"s") != known, one.name
        assert replace(BUYER, **{one.name: None}).digest(b"s") != known, one.name
    assert BUYER.digest(b"t") != known
    assert replace(BUYER, name=BUYER.email, email=BUYER.name).digest(b"s") != known


def test_the_spelling_of_a_number_or_the_order_of_keys_does_not_matter():
    content = full_content()
    two = replace(content.items[0], metadata={"a": "1", "b": "2"})
    content = replace(content, items=[two, content.items[1]])
    item = replace(two, quantity=Decimal("1.500000000000"), unit_price=Decimal("1E+1"), metadata={"b": "2", "a": "1"})
    row = dict(reversed(list(content.tax_breakdown[0].items())))
    same = replace(content, items=[item, content.items[1]], tax_breakdown=[row])
    assert same.digest(b"") == content.digest(b"")
    assert replace(BUYER, address={"line1": "1 High St"}).digest(b"") == BUYER.digest(b"")


@pytest.mark.parametrize(
    ("value", "text", "out"),
    [
        (Decimal("1.50"), "1.5", "1.5"), (Decimal("1E+2"), "100", 100), (Decimal("2.000"), "2", 2), (7, "7", 7),
        (Decimal(0), "0", 0), (Decimal("0.000"), "0", 0), (Decimal("100"), "100", 100),
        (Decimal("1E-12"), "0.000000000001", "0.000000000001"), (Decimal(10**15), str(10**15), 10**15),
        (Decimal("-1.10"), "-1.1", "-1.1"),
    ],
)  # fmt: skip
def test_numbers_are_written_plainly(value, text, out):
    assert (plain(value), number_out(value)) == (text, out)


@given(
    total=st.integers(0, 10**15), paid=st.integers(0, 10**15), credited=st.integers(0, 10**15),
)  # fmt: skip
def test_the_amount_due_is_what_is_neither_paid_nor_credited_and_never_negative(total, paid, credited):
    state = State("pending", "INV-1", AT, AT, amount_paid=paid, amount_credited=credited)
    body = invoice_body(replace(full_content(), total=total), BUYER, state)
    assert body["amountDue"] == max(0, total - paid - credited)


def test_the_sum_of_usage_is_exact_however_many_digits_it_has():
    assert usage_total(["9999999999999999.000000000001", "1"]) == Decimal("10000000000000000.000000000001")
