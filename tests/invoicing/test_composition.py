"""What composing makes of prices, coupons and taxes at the edges. No database."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson
import pytest

from billing.rating.errors import InvalidUsage
from common.ids import encode_id, new_id
from common.money import MAX_AMOUNT
from common.prefixes import PRODUCT
from invoicing.basis import Exchange, Taxes, Terms, plain_basis
from invoicing.composition import compose
from invoicing.content import Content, number_out
from invoicing.derivations import derivation_of
from invoicing.enums import ItemType
from invoicing.errors import AmountTooLarge, NegativeTotal
from invoicing.requests import InvoiceRequest, ItemRequest
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


def test_a_line_shows_the_sum_of_its_taxes():
    taxes = (a_tax(500, "GST"), a_tax("997.5", "QST"))
    content = composed([plain(10_000)], taxes=lambda code: taxes)
    assert (content.items[0].tax_rate, content.tax) == (Decimal("1497.5"), 500 + 998)


def test_a_coupon_of_a_product_counts_for_its_prices_and_for_plain_items_of_it():
    price, other = a_price(), a_price()
    ten = a_coupon("TEN", "Ten", percentage="10", productIds=[encode_id(PRODUCT, price.product_id)])
    items = [
        ItemRequest(price_id=price.id), ItemRequest(price_id=other.id), plain(1000),
        ItemRequest("Item", 1000, product_id=price.product_id),
    ]  # fmt: skip
    content = composed(items, [price, other], [ten])
    assert [item.discount for item in content.items] == [150, 0, 0, 100]


def test_each_rating_keeps_its_conversion_and_its_lines_whatever_stands_before():
    dollars, euros = a_price(currency="USD"), a_price(minimumSpend=2000)
    items = [plain(5), ItemRequest(price_id=euros.id), ItemRequest(price_id=dollars.id)]
    content = composed(items, [dollars, euros], exchange={"USD": Exchange(Decimal("0.5"), AT, None)})
    assert [item.total for item in content.items] == [5, 1500, 500, 750]
    assert content.derivation is not None
    ratings = orjson.loads(content.derivation)["ratings"]
    assert [(one["lines"], "conversion" in one) for one in ratings] == [(["2", "3"], False), (["4"], True)]


def test_usage_that_cannot_be_rated_is_named_with_its_item():
    price = a_price()
    with pytest.raises(InvalidUsage) as refused:
        composed([plain(1), ItemRequest(price_id=price.id, quantity=Decimal(-1))], [price])
    assert [one.path for one in refused.value.details] == ["items[1].usage"]


def test_only_an_issued_document_says_under_which_settings():
    request = InvoiceRequest(items=[plain(1)])
    basis = plain_basis(Terms("EUR", 1900, "VAT", 30, "UTC", version=7))
    draft, issued = (
        compose(request, customer_id=new_id(), currency="EUR", basis=basis, issued_at=at) for at in (None, AT)
    )  # fmt: skip
    assert (draft.settings_version, issued.settings_version) == (None, 7)


def test_both_lines_of_a_price_name_it_and_its_product():
    price = a_price("Calls", minimumSpend=2000, tax_code="saas")
    content = composed([ItemRequest(price_id=price.id), plain(1)], [price])
    assert [(one.type, one.price_id, one.product_id, one.tax_code) for one in content.items] == [
        (ItemType.ONE_TIME, price.id, price.product_id, "saas"), (ItemType.MINIMUM, price.id, price.product_id, "saas"),
        (ItemType.ONE_TIME, None, None, None),
    ]  # fmt: skip


def test_the_lines_of_a_document_without_coupons_say_how_its_amounts_come_about():
    gross, net = a_price(unitAmount="119.5", taxBehavior="inclusive"), a_price(unitAmount="33.3")
    taxes = (a_tax(500, "GST"), a_tax("997.5", "QST"))
    items = [ItemRequest(price_id=gross.id, quantity=3), ItemRequest(price_id=net.id, quantity=7), plain(50)]
    content = composed(items, [gross, net], taxes=lambda code: taxes)
    amounts = derivation_of(content)["total"]["amounts"]
    assert [amounts[name] for name in ("subtotal", "tax", "total")] == [content.subtotal, content.tax, content.total]
    assert [total for total, _ in amounts["lines"].values()] == [item.total for item in content.items]
