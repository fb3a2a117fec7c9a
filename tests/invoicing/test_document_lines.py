"""Claims about lines, discounts and taxes of a document: what each line says, and that it adds up as it is printed."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.typesetting import Typesetter
from invoicing.content import Content
from invoicing.documents.layout import layout_values
from invoicing.documents.texts import TEMPLATES, texts
from invoicing.enums import ItemType
from invoicing.errors import NegativeTotal
from invoicing.requests import ItemRequest
from tests.invoicing.priced import a_coupon, a_price, a_tax, composed, document_of, exchanged
from tests.invoicing.test_document_layout import outside, pdf, text_of

SEAT = a_price("Seats", unitAmount=1500)
CALLS = a_price("API calls", metered=True, unitAmount="0.035", includedUnits=1000, minimumSpend=1000)
PAYMENTS = a_price("Card payments", model="percentage", rate="1.5")
BOOK = a_price("Book", unitAmount=1070, taxBehavior="inclusive", tax_code="books")
SHIRT = a_price("Shirt", unitAmount=1990, taxBehavior="inclusive")
TEN = a_coupon("BLACK10", "Black Friday", percentage=10)
FIVE = a_coupon("WELCOME", "Welcome", type="amount", amount=500, currency="EUR")


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter(TEMPLATES)


def by_code(code: str | None) -> Any:
    return (a_tax(700),) if code == "books" else (a_tax(1900),)


def values_of(content: Content, locale: str = "en", **options: Any) -> Any:
    return layout_values(document_of(content, locale, **options))


def plain(value: Any) -> Any:
    """Without the spaces that do not break."""
    if isinstance(value, str):
        return re.sub("[\u00a0\u202f]", " ", value)
    return [plain(one) for one in value] if isinstance(value, list) else value


def notes_of(values: Any) -> Any:
    return [plain(item["notes"]) for item in values["items"]]


def all_sorts(**options: Any) -> Content:
    items = [
        ItemRequest(price_id=SEAT.id, quantity=12), ItemRequest(price_id=CALLS.id, quantity=12_345),
        ItemRequest(price_id=PAYMENTS.id, transactions=[Decimal(90_000), Decimal(4_000), Decimal("0.5")]),
        ItemRequest("Goodwill", -5_000, type=ItemType.ADJUSTMENT),
    ]  # fmt: skip
    content = composed(items, [SEAT, CALLS, PAYMENTS], **options)
    return exchanged(content, currency="USD", amount=19_537, rate="0.9213", date="2026-11-01", source="ECB")


SAID = {
    "en": [
        "USD 195.37 at 0.9213, rate of Nov 1, 2026 (ECB)", "Usage: 12,345", "Minimum charge: API calls",
        "Transactions: 3, together EUR 940.005", "Discount: -0.40", "Discount: Black Friday (BLACK10) -€20.41",
        "Unit price excl. tax", "-50.00",
    ],
    "de": [
        "USD 195,37 zum Kurs 0,9213 vom 01.11.2026 (ECB)", "Nutzung: 12.345", "Mindestbetrag: API calls",
        "Transaktionen: 3, zusammen EUR 940,005", "Rabatt: -0,40", "Rabatt: Black Friday (BLACK10) -20,41 €",
        "Einzelpreis ohne Steuer",
    ],
    "fr": [
        "USD 195,37 au taux de 0,9213 du 1 nov. 2026 (ECB)", "Utilisation : 12 345",
        "Minimum de facturation : API calls", "Transactions : 3, pour un total de EUR 940,005", "Remise : -0,40",
        "Remise : Black Friday (BLACK10) -20,41 €", "Prix unitaire hors taxes",
    ],
}  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "de", "fr"])
def test_lines_say_usage_transactions_minimum_exchange_and_discount(typesetter, locale):
    items = [one for one in all_sorts().items if one.total > 0]
    assert [one.type for one in items[1:3]] == [ItemType.USAGE, ItemType.MINIMUM]
    document = document_of(all_sorts(coupons=[TEN]), locale, counting=[PAYMENTS])
    pages = pdf(typesetter, document)
    said = " ".join(text_of(pages).replace("\u2212", "-").split())
    assert [one for one in SAID[locale] if one not in said] == []
    assert outside(pages) == []


def test_a_quantity_that_says_the_usage_is_not_repeated():
    seats = composed([ItemRequest(price_id=SEAT.id, quantity=Decimal("2.5"))], [SEAT])
    assert values_of(seats)["items"][0]["quantity"] == "2.5"
    assert notes_of(values_of(seats)) == [[]]


def test_what_a_price_that_is_not_metered_was_asked_for_is_a_quantity():
    tiers = [{"upTo": 10, "unitAmount": 100}, {"upTo": None, "unitAmount": 50}]
    price = a_price("Seats", model="graduated", tiers=tiers)
    content = composed([ItemRequest(price_id=price.id, quantity=15)], [price])
    assert notes_of(values_of(content)) == [["Quantity: 15"]]


def test_one_transaction_is_money_and_not_a_number_of_units():
    content = composed([ItemRequest(price_id=PAYMENTS.id, transactions=[Decimal(90_000)])], [PAYMENTS])
    assert notes_of(values_of(content, counting=[PAYMENTS])) == [["Transactions: 1, together EUR 900.00"]]


def test_transactions_of_a_price_in_another_currency_are_in_that_currency():
    content = composed([ItemRequest(price_id=PAYMENTS.id, transactions=[Decimal(100), Decimal(200)])], [PAYMENTS])
    yen = exchanged(content, currency="JPY", amount=5, rate="0.0061", date="2026-11-01T00:00:00.000Z", source=None)
    assert notes_of(values_of(yen, counting=[PAYMENTS])) == [
        ["Transactions: 2, together JPY 300", "JPY 5 at 0.0061, rate of Nov 1, 2026"]
    ]


def test_the_sum_of_usage_is_exact_beyond_what_decimals_round():
    usage = ["999999999999999.123456789012"] * 9
    content = all_sorts()
    item = replace(content.items[1], usage=usage, price_id=PAYMENTS.id)
    values = values_of(replace(content, items=[item]), counting=[PAYMENTS])
    assert notes_of(values) == [["Transactions: 9, together EUR 89,999,999,999,999.92111111101108"]]


def test_several_taxes_of_a_line_have_their_names_and_a_row_each():
    canada = (a_tax(500, "GST"), a_tax("997.5", "QST"))
    values = values_of(composed([ItemRequest("Work", 10_000)], taxes=lambda code: canada))
    assert values["items"][0]["taxes"] == ["GST 5%", "QST 9.975%"]
    assert values["taxes"]["rows"] == [["GST", "5%", "100.00", "5.00"], ["QST", "9.975%", "100.00", "9.98"]]
    assert [row[:2] for row in values["totals"]] == [
        ["Subtotal", "€100.00"], ["GST 5%", "€5.00"], ["QST 9.975%", "€9.98"],
    ]  # fmt: skip
    assert values["due"] == ["Amount due", "€114.98"]


def test_the_note_of_a_row_stands_once_and_goes_before_our_own_words():
    wording = "Reverse charge: Article 196."
    rates = {"a": a_tax(0, "VAT", "reverse_charge", wording), "b": a_tax(0, "MwSt", "reverse_charge", wording)}
    items = [ItemRequest("A", 100, tax_code="a"), ItemRequest("B", 100, tax_code="b"), ItemRequest("C", 100)]
    content = composed(items, taxes=lambda code: (rates.get(code or "", a_tax(0, "VAT", "exempt")),))
    assert values_of(content)["taxNotes"] == [wording, texts("en")["exempt"].format(label="VAT")]


def test_a_row_per_coupon_in_their_order_leads_to_the_net_amount():
    content = composed([ItemRequest("Work", 10_000)], coupons=[FIVE, TEN])
    assert values_of(content)["totals"] == [
        ["Subtotal", "€100.00", ""], ["Discount: Welcome (WELCOME)", "-€5.00", ""],
        ["Discount: Black Friday (BLACK10)", "-€9.50", ""], ["Net amount", "€85.50", ""], ["VAT 19%", "€16.25", ""],
    ]  # fmt: skip
    assert notes_of(values_of(content)) == [["Discount: -14.50"]]


def test_a_coupon_called_like_its_code_is_named_once_and_one_that_takes_nothing_is_seen():
    content = composed([ItemRequest("Work", 0)], coupons=[a_coupon("TEN", "TEN", percentage=10)])
    assert values_of(content)["totals"][1] == ["Discount: TEN", "€0.00", ""]


def test_prices_that_contain_their_tax_are_shown_with_it_up_to_the_total():
    items = [ItemRequest(price_id=SHIRT.id, quantity=3), ItemRequest(price_id=BOOK.id, quantity=2)]
    content = composed(items, [SHIRT, BOOK], [TEN], taxes=by_code)
    values = values_of(content, credit_used=1_000)
    columns = values["columns"]
    assert (columns["unitPriceNote"], columns["amountNote"]) == ("incl. tax", "incl. tax")
    assert [(item["unitPrice"], item["amount"]) for item in values["items"]] == [("19.90", "59.70"), ("10.70", "21.40")]
    assert notes_of(values) == [["Discount excl. tax: -5.02"], ["Discount excl. tax: -2.00"]]
    assert values["totals"] == [
        ["Subtotal incl. tax", "€81.10", ""], ["Discount: Black Friday (BLACK10)", "-€8.11", ""],
        ["Total", "€72.99", ""], ["Net amount contained", "€63.15", "part"], ["VAT 19% contained", "€8.58", "part"],
        ["VAT 7% contained", "€1.26", "part"], ["Credit used", "-€10.00", ""],
    ]  # fmt: skip
    assert values["due"] == ["Amount due", "€62.99"]


def test_where_only_some_prices_contain_tax_amounts_are_net_and_the_discount_says_its_tax():
    items = [ItemRequest(price_id=SEAT.id, quantity=4), ItemRequest(price_id=BOOK.id, quantity=2)]
    values = values_of(composed(items, [SEAT, BOOK], [TEN, FIVE], taxes=by_code))
    columns = values["columns"]
    assert (columns["unitPriceNote"], columns["amountNote"]) == ("", "excl. tax")
    assert [item["unitPriceNote"] for item in values["items"]] == ["excl. tax", "incl. tax"]
    assert [item["amount"] for item in values["items"]] == ["60.00", "20.00"]
    assert notes_of(values)[1] == ["Amount incl. tax: 21.40", "Discount excl. tax: -3.22"]
    assert [row[:2] for row in values["totals"]] == [
        ["Subtotal", "€80.00"], ["Discount: Black Friday (BLACK10)", "-€8.14"],
        ["Discount: Welcome (WELCOME)", "-€5.00"], ["Tax contained in the discount", "€0.23"],
        ["Net amount", "€67.09"], ["VAT 19%", "€9.56"], ["VAT 7%", "€1.17"],
    ]  # fmt: skip


def test_without_tax_no_price_contains_any():
    reverse = (a_tax(0, "VAT", "reverse_charge"),)
    content = composed([ItemRequest(price_id=SHIRT.id)], [SHIRT], [TEN], taxes=lambda code: reverse)
    values = values_of(content)
    assert (values["columns"]["unitPriceNote"], values["columns"]["amountNote"]) == ("", "")
    assert notes_of(values) == [["Discount: -1.99"]]
    assert [label for label, *_ in values["totals"]] == [
        "Subtotal", "Discount: Black Friday (BLACK10)", "Net amount", "VAT 0%",
    ]  # fmt: skip


def test_gross_lines_that_are_not_the_total_are_shown_net():
    content = composed([ItemRequest(price_id=SHIRT.id)], [SHIRT])
    other = replace(content, items=[replace(content.items[0], unit_price=Decimal(2000))])
    assert values_of(content)["totals"][0][0] == "Subtotal incl. tax"
    assert values_of(other)["totals"][0] == ["Subtotal", "€16.72", ""]
    assert values_of(other)["columns"]["amountNote"] == "excl. tax"


def test_a_line_without_tax_stands_beside_prices_that_contain_theirs():
    zero = (a_tax(0, "VAT", "zero"),)
    items = [ItemRequest(price_id=SHIRT.id), ItemRequest("Postage stamp", 95, tax_code="zero")]
    values = values_of(composed(items, [SHIRT], taxes=lambda code: zero if code == "zero" else (a_tax(1900),)))
    assert [item["amount"] for item in values["items"]] == ["19.90", "0.95"]
    assert values["totals"][0] == ["Subtotal incl. tax", "€20.85", ""]


def test_a_gross_amount_is_quantity_times_unit_price_rounded_a_half_away_from_zero():
    content = composed([ItemRequest(price_id=SHIRT.id, quantity=Decimal("0.35"))], [SHIRT])
    [item] = values_of(content)["items"]
    assert (item["quantity"], item["unitPrice"], item["amount"]) == ("0.35", "19.90", "6.97")  # 6.965


def minor(text: str) -> int:
    """Minor units of `-€1,234.50`."""
    return int(re.sub(r"[^\d-]", "", text))


lines = st.lists(
    st.tuples(st.sampled_from(["plain", "credit", "book", "shirt", "seat", "calls"]), st.integers(0, 400)),
    min_size=1, max_size=8,
)  # fmt: skip
chosen = st.lists(st.sampled_from([TEN, FIVE, a_coupon("THIRD", "A third", percentage="33.3")]), unique=True)


@settings(max_examples=300)
@given(lines=lines, coupons=chosen, rate=st.sampled_from(["1900", "887.5", "0"]), credit=st.booleans())
def test_what_is_printed_adds_up_as_it_is_printed(lines, coupons, rate, credit):
    prices = {"book": BOOK, "shirt": SHIRT, "seat": SEAT, "calls": CALLS}
    items = [
        ItemRequest(price_id=prices[kind].id, quantity=Decimal(number) / 4) if kind in prices
        else ItemRequest("Work", -number if kind == "credit" else number * 7)
        for kind, number in lines
    ]  # fmt: skip
    standard = (a_tax(rate, "VAT", "zero" if rate == "0" else "standard"),)
    try:
        content = composed(
            items, list(prices.values()), coupons,
            taxes=lambda code: (a_tax(500, "GST"), a_tax(250, "PST")) if code == "books" else standard,
        )  # fmt: skip
    except NegativeTotal:
        return
    values = values_of(content, credit_used=content.total // 3 if credit else 0)
    rows = [(label, minor(amount), kind) for label, amount, kind in values["totals"]]
    assert sum(minor(item["amount"]) for item in values["items"]) == rows[0][1]
    for item in values["items"]:
        if values["columns"]["unitPriceNote"] == "incl. tax":
            product = Decimal(item["quantity"].replace(",", "")) * Decimal(item["unitPrice"].replace(",", ""))
            assert abs(product * 100 - minor(item["amount"])) <= Decimal("0.5")
    running, parts = 0, 0
    for label, amount, kind in rows:
        if kind == "part":
            parts += amount
        elif label in ("Net amount", "Total"):
            assert running == amount, label
        else:
            running += amount
    assert running == minor(values["due"][1])
    assert parts in (0, content.total)
    shown = [amount for label, amount, _ in rows if label.startswith("Discount: ")]
    assert shown == [-one["amount"] for one in content.coupons]


@pytest.mark.parametrize("count", range(14, 34))
def test_the_last_line_stands_with_the_totals(typesetter, count):
    items = [ItemRequest(f"Line {number} of many", number) for number in range(1, count + 1)]
    pages = pdf(typesetter, document_of(composed(items, coupons=[TEN, FIVE])))
    [of_totals] = [page for page in pages if "Amount due" in text_of([page])]
    assert f"Line {count} of many" in text_of([of_totals])
    text = text_of(pages)
    assert all(text.count(f"Line {number} of") == 1 for number in range(1, count + 1))
    assert outside(pages) == []


@pytest.mark.parametrize(
    ("coupons", "rates", "description"), [(20, 40, "Work"), (20, 1, "W" * 500), (1, 1, "w " * 250)]
)
def test_more_than_fits_on_a_page_with_the_last_line_is_divided_and_stays_inside(
    typesetter, coupons, rates, description
):
    items = [ItemRequest(description, 100_000, tax_code=str(number)) for number in range(rates)]
    named = [a_coupon(f"CODE{number:060}", "N" * 255, percentage=1) for number in range(coupons)]
    content = composed(items, coupons=named, taxes=lambda code: (a_tax(100 + int(code or 0), "L" * 64),))
    pages = pdf(typesetter, document_of(content, footer="\n".join(["W" * 10] * 90)))
    assert outside(pages) == []
    text = text_of(pages)
    assert text.replace("\u2212", "-").count("-€") == coupons
    assert "Amount due" in text
