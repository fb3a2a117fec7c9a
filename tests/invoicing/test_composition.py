"""What composing makes of prices, coupons and taxes at the edges. No database."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from common.money import MAX_AMOUNT
from invoicing.basis import Exchange, Taxes
from invoicing.content import Content, number_out
from invoicing.errors import AmountTooLarge, NegativeTotal
from invoicing.requests import ItemRequest
from tests.invoicing.priced import AT, a_coupon, a_price, a_tax, composed

UNTAXED = (a_tax(0, category="zero"),)
REDUCED = (a_tax(700),)


def untaxed(code: str | None) -> Taxes:
    """No tax on anything."""
    return UNTAXED


def reduced_books(code: str | None) -> Taxes:
    """7 % on books, 19 % on anything else."""
    return REDUCED if code == "books" else (a_tax(1900),)


def plain(amount: int, tax_code: str | None = None) -> ItemRequest:
    """An item without a price."""
    return ItemRequest("Item", amount, tax_code=tax_code)


def of_price(quantity: str, *, currency: str = "EUR", rate: str | None = None, **terms: Any) -> Content:
    """An invoice in EUR of one price."""
    price = a_price(currency=currency, **terms)
    exchange = {} if rate is None else {currency: Exchange(Decimal(rate), AT, None)}
    item = ItemRequest(price_id=price.id, quantity=Decimal(quantity))
    return composed([item], [price], taxes=untaxed, exchange=exchange)


@pytest.mark.parametrize(
    "amounts", [(2 * MAX_AMOUNT, -MAX_AMOUNT), (MAX_AMOUNT, MAX_AMOUNT, -MAX_AMOUNT - 1)], ids=["charge", "credit"]
)
def test_a_line_beyond_the_bound_is_refused_whatever_the_others_take_off(amounts: Sequence[int]):
    with pytest.raises(AmountTooLarge):
        composed([plain(amount) for amount in amounts], taxes=untaxed)


def test_a_subtotal_beyond_the_bound_is_refused_whatever_the_coupons_take_off():
    ten = a_coupon("TEN", "Ten", percentage="10")
    assert composed([plain(MAX_AMOUNT)], coupons=[ten], taxes=untaxed).total == MAX_AMOUNT * 9 // 10
    with pytest.raises(AmountTooLarge):
        composed([plain(MAX_AMOUNT), plain(1)], coupons=[ten], taxes=untaxed)


@pytest.mark.parametrize(
    "items",
    [
        [plain(100, "books"), plain(-100)],  # 0.00 and 0.07 - 0.19 of tax
        [plain(100), plain(-110, "books")],  # -0.10 and 0.19 - 0.08 of tax: 0.01 in all
    ],
    ids=["by its tax", "but for its tax"],
)
def test_credits_of_another_rate_make_neither_total_nor_subtotal_negative(items: list[ItemRequest]):
    with pytest.raises(NegativeTotal):
        composed(items, taxes=reduced_books)


@pytest.mark.parametrize(
    ("quantity", "terms", "shown"),
    [
        ("3", {}, (3, 1500)),
        ("2.5", {"unitAmount": "0.000000000001"}, ("2.5", "0.000000000001")),
        ("0", {}, (1, 0)),
        ("1000", {"unitAmount": "0.0001", "includedUnits": 10}, (1, 0)),
        ("3", {"maximumSpend": 4000}, (1, 4000)),
        ("1.0001", {"model": "flat", "unitAmount": 4900}, (1, 4900)),
        ("2", {"currency": "JPY", "rate": "0.0061"}, (2, 915)),
        ("1", {"currency": "USD", "rate": "0.5", "unitAmount": "1.000000000001"}, (1, 1)),
    ],
    ids=[
        "per unit", "fractions", "nothing", "included units", "a maximum", "a flat price", "another currency",
        "more than twelve places in another currency",
    ],
)  # fmt: skip
def test_quantity_and_unit_price_are_those_of_the_price_where_nothing_else_made_the_amount(quantity, terms, shown):
    (item,) = of_price(quantity, **terms).items
    assert (number_out(item.quantity), number_out(item.unit_price)) == shown
