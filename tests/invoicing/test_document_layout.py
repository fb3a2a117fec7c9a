"""Claims about what stands on a document, language by language, and that it stays inside the page."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pypdfium2
import pytest
from babel import Locale
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ids import new_id
from common.typesetting import Typesetter
from invoicing.basis import Terms, plain_basis
from invoicing.composition import compose
from invoicing.content import Buyer
from invoicing.documents import formats
from invoicing.documents.layout import TEMPLATE, DocumentInput, layout_values, untouched_values
from invoicing.documents.seller import Seller
from invoicing.documents.texts import TEMPLATES, languages, texts
from invoicing.requests import InvoiceRequest, ItemRequest

AT = dt.datetime(2026, 11, 21, 9, 30, tzinfo=dt.UTC)
ZONE = "Europe/Berlin"
NOVEMBER = (dt.datetime(2026, 10, 31, 23, tzinfo=dt.UTC), dt.datetime(2026, 11, 30, 23, tzinfo=dt.UTC))
MARGIN = 55  # points: a little less than 20 mm


@pytest.fixture(scope="module")
def typesetter() -> Typesetter:
    return Typesetter(TEMPLATES)


def an_input(
    items: list[ItemRequest] | None = None, *, currency: str = "EUR", rate: int = 1900, exempt: bool = False,
    number: str | None = "INV-2026-0042", buyer: dict[str, Any] | None = None, seller: dict[str, Any] | None = None,
    category: str | None = None, credit_used: int = 0,
) -> DocumentInput:  # fmt: skip
    terms = Terms("EUR", rate, "VAT", 30, ZONE, 1)
    content = compose(
        InvoiceRequest(
            items=items or [ItemRequest("Consulting", 12_000, 2)], period_start=NOVEMBER[0], period_end=NOVEMBER[1]
        ),
        customer_id=new_id(), currency=currency, basis=plain_basis(terms, exempt=exempt),
        issued_at=AT if number else None,
    )  # fmt: skip
    if category:
        content.tax_breakdown[0]["category"] = category  # type: ignore[index]
    who: dict[str, Any] = {
        "user_id": "user-1", "name": "Ada Lovelace Ltd", "email": None, "vat_id": "GB123456789", "locale": "en",
        "notes": None, "payment_instructions": "IBAN DE89 3704",
        "address": {"line1": "12 St James's Square", "city": "London", "postalCode": "SW1Y 4LB", "country": "GB"},
    }  # fmt: skip
    whose: dict[str, Any] = {
        "name": "Nordlicht GmbH", "vat_id": "DE123456789", "locale": "en", "time_zone": ZONE,
        "address": {"line1": "Hafenstraße 7", "city": "Hamburg", "postalCode": "20457", "country": "DE"},
    }  # fmt: skip
    return DocumentInput(
        content, Buyer(**{**who, **(buyer or {})}), Seller(**{**whose, **(seller or {})}), number,
        credit_used=credit_used,
    )  # fmt: skip


def pdf(typesetter: Typesetter, document: DocumentInput) -> Any:
    return pypdfium2.PdfDocument(
        typesetter.pdf(TEMPLATE, layout_values(document), at=AT, raw=untouched_values(document)).content
    )


def text_of(pages: Any) -> str:
    raw = "\n".join(page.get_textpage().get_text_range() for page in pages)
    return re.sub(r"[\u00a0\u202f\u2009]", " ", raw).replace("\r", "")


def outside(pages: Any) -> list[Any]:
    found = []
    for number, page in enumerate(pages):
        width, height = page.get_size()
        text = page.get_textpage()
        for index in range(text.count_chars()):
            left, bottom, right, top = text.get_charbox(index)
            if right > left and (left < MARGIN or right > width - MARGIN or bottom < 10 or top > height - 10):
                found.append((number, index, left, right))
    return found


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        (
            "en",
            ["Invoice", "Amount due", "€285.60", "€45.60", "December 21, 2026", "Nov 1 – 30, 2026", "Page 1 of 1"],
        ),
        ("en-GB", ["21 December 2026", "€285.60"]),
        ("de", ["Rechnung", "Zu zahlen", "285,60 €", "19 %", "21. Dezember 2026", "1.–30. Nov. 2026", "Seite 1 von 1"]),
        ("de-AT", ["Rechnung", "€ 285,60"]),
        ("fr", ["Facture", "Montant à payer", "285,60 €", "21 décembre 2026", "Page 1 sur 1", "Royaume-Uni"]),
        ("ja", ["Invoice", "€285.60"]),
    ],
)  # fmt: skip
def test_a_document_speaks_the_customers_language(typesetter, locale, said):
    text = text_of(pdf(typesetter, an_input(buyer={"locale": locale})))
    assert [one for one in said if one not in text] == []
    for always in (
        "INV-2026-0042",
        "Ada Lovelace Ltd",
        "GB123456789",
        "DE123456789",
        "user-1",
        "IBAN DE89 3704",
        "London",
    ):
        assert always in text


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", ["Total €285.60", "Credit used -€85.60", "Amount due €200.00", "Please pay €200.00 by"]),
        (
            "de",
            ["Gesamtbetrag 285,60 €", "Verrechnetes Guthaben -85,60 €", "Zu zahlen 200,00 €", "zahlen Sie 200,00 €"],
        ),
        ("fr", ["Total 285,60 €", "Crédit utilisé -85,60 €", "Montant à payer 200,00 €", "régler 200,00 € au plus"]),
    ],
)  # fmt: skip
def test_credit_stands_between_the_total_and_what_is_due(typesetter, locale, said):
    text = text_of(pdf(typesetter, an_input(buyer={"locale": locale}, credit_used=8_560)))
    flat = re.sub(r"\s+", " ", text).replace("\u2212", "-")
    assert [one for one in said if one not in flat] == []
    assert "IBAN DE89 3704" in flat


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", ["Amount due €0.00", "it was paid with your credit"]),
        ("de", ["Zu zahlen 0,00 €", "Sie wurde mit Ihrem Guthaben bezahlt"]),
        ("fr", ["Montant à payer 0,00 €", "elle a été réglée avec votre crédit"]),
    ],
)
def test_what_credit_has_paid_in_full_asks_for_nothing(typesetter, locale, said):
    text = text_of(pdf(typesetter, an_input(buyer={"locale": locale}, credit_used=28_560)))
    flat = re.sub(r"\s+", " ", text)
    assert [one for one in said if one not in flat] == []
    assert "IBAN DE89 3704" not in flat


def test_without_credit_no_line_speaks_of_it(typesetter):
    values = layout_values(an_input())
    assert [label for label, *_ in values["totals"]] == ["Subtotal", "VAT 19%"]
    assert values["due"] == ["Amount due", "€285.60"]


def test_a_language_without_texts_falls_back_to_the_tenants_then_to_english(typesetter):
    assert "Rechnung" in text_of(pdf(typesetter, an_input(buyer={"locale": "ja"}, seller={"locale": "de"})))
    assert "Invoice" in text_of(pdf(typesetter, an_input(buyer={"locale": None}, seller={"locale": "zh"})))


def test_every_language_has_every_text_with_the_same_places():
    assert set(languages()) >= {"en", "de", "fr"}
    english = texts("en")
    for language in languages():
        own = texts(language)
        assert own.keys() == english.keys(), language
        for name, text in own.items():
            assert text.strip()
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[name])), (language, name)
    source = "".join(path.read_text() for path in (TEMPLATES.parents[1] / "invoicing/documents").glob("*.py"))
    unused = [
        name for name in english if f'"{name}"' not in source and name not in ("reverse_charge", "exempt", "outside")
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        (123456, "EUR", "de", "1.234,56 €"), (-5, "EUR", "en", "-€0.05"), (1234, "JPY", "en", "¥1,234"),
        (1234567, "KWD", "en", "KWD 1,234.567"), (1234567, "KWD", "fr", "1 234,567 KWD"),
        (500, "HUF", "en", "HUF 5.00"), (10**15, "USD", "en", "$10,000,000,000,000.00"),
        (12345, "CLF", "en", "CLF 1.2345"), (7, "IQD", "en", "IQD 0.007"),
    ],
)  # fmt: skip
def test_amounts_have_the_decimals_of_iso_4217(amount, currency, locale, shown):
    text = formats.money(amount, currency, Locale.parse(locale))
    assert text.replace("\u00a0", " ").replace("\u202f", " ") == shown


def test_prices_below_the_minor_unit_show_all_their_digits():
    english = Locale.parse("en")
    assert formats.amount(Decimal("0.0125"), "EUR", english) == "0.000125"
    assert formats.amount(Decimal("1000"), "EUR", english) == "10.00"
    assert formats.number(Decimal("1250.500000000000"), english) == "1,250.5"
    assert formats.percent(Decimal("1975.0000"), english) == "19.75%"
    digits = "1234567890123456789012345678.123456789012"
    assert formats.number(Decimal(digits), english).replace(",", "") == digits


def test_a_period_ends_on_the_day_before_an_end_at_midnight():
    german = Locale.parse("de")
    assert formats.period(*NOVEMBER, ZONE, german) == "1.–30. Nov. 2026"
    day = dt.timedelta(days=1)
    assert formats.period(NOVEMBER[0], NOVEMBER[0] + day, ZONE, german) == "1. Nov. 2026"
    assert formats.period(NOVEMBER[0], None, ZONE, german) == "01.11.2026"
    assert formats.period(None, None, ZONE, german) == ""


@pytest.mark.parametrize("category", ["reverse_charge", "exempt", "outside"])
def test_why_no_tax_is_charged_is_said(typesetter, category):
    text = text_of(pdf(typesetter, an_input(rate=0, category=category)))
    assert texts("en")[category].format(label="VAT").split(":")[0] in text


def test_tax_of_zero_needs_no_reason(typesetter):
    values = layout_values(an_input(rate=0))
    assert values["taxNotes"] == []
    assert values["totals"][1] == ["VAT 0%", "€0.00", ""]


def test_each_rate_has_its_row_and_a_discount_stands_below_its_line(typesetter):
    document = an_input(buyer={"locale": "de"})
    content = document.content
    (row,), (item,) = content.tax_breakdown, content.items
    reduced = {**row, "label": "ermäßigt", "rate": "700", "taxable": 100_000, "tax": 7_000}
    parts = [replace(item, discount=1_234), replace(item, quantity=Decimal("2.5"), tax_rate=Decimal(700))]
    mixed = replace(content, items=parts, tax_breakdown=[row, reduced], discount=1_234)
    pages = pdf(typesetter, replace(document, content=mixed))
    said = text_of(pages)
    for part in ("Rabatt: -12,34", "ermäßigt 7 % 1.000,00 70,00", "VAT 19 % 240,00 45,60", "Nettobetrag", "2,5"):
        assert part in said
    assert outside(pages) == []


def test_what_costs_nothing_asks_for_no_payment(typesetter):
    text = text_of(pdf(typesetter, an_input([ItemRequest("Free", 0)], rate=0)))
    assert "Nothing is due" in text
    assert "IBAN" not in text


def test_a_draft_is_marked_and_demands_nothing(typesetter):
    text = text_of(pdf(typesetter, an_input(number=None)))
    assert "DRAFT" in text
    assert "not a demand for payment" in text
    assert "Please pay" not in text
    assert "IBAN" not in text


def test_texts_and_colour_of_the_tenant_stand_on_the_page(typesetter):
    own = {"en": {"intro": "Dear all,\nhere it is.", "footer": "Registered in Hamburg"}, "de": {"intro": "Hallo"}}
    plain, branded = an_input(), an_input(seller={"texts": own, "brand_color": "#ff0000"})
    text = text_of(pdf(typesetter, branded))
    assert "Dear all," in text
    assert "Registered in Hamburg" in text
    assert "Hallo" not in text
    pixels = [
        pdf(typesetter, one)[0].render(scale=1).to_pil().convert("RGB").getcolors(10**6) for one in (plain, branded)
    ]
    red = [sum(count for count, color in found if color == (255, 0, 0)) for found in pixels]
    assert red[0] == 0 < red[1]


@pytest.mark.parametrize(
    ("color", "on", "text"), [("#ffee00", "#1c2430", "#1c2430"), ("#0b6e4f", "#ffffff", "#0b6e4f")]
)
def test_a_bright_colour_is_written_on_in_ink_and_not_written_with(color, on, text):
    assert layout_values(an_input(seller={"brand_color": color}))["color"] == {"area": color, "on": on, "text": text}


def test_a_thousand_items_go_over_many_pages_with_head_and_number_on_each(typesetter):
    document = an_input([ItemRequest(f"Item {index}", index) for index in range(1, 1001)])
    pages = pdf(typesetter, document)
    text = text_of(pages)
    assert all(f"Item {index}\n" in text or f"Item {index} " in text for index in range(1, 1001))
    for number, page in enumerate(pages, start=1):
        own = text_of([page])
        assert f"Page {number} of {len(pages)}" in own
        assert "INV-2026-0042" in own
    assert text.count("Unit price") >= len(pages) - 1
    assert outside(pages) == []


def test_a_name_written_from_right_to_left_stands_whole_beside_latin_letters(typesetter):
    name = "شركة النور (ABC) ش.م.م"
    document = an_input(buyer={"name": name, "notes": "הערה: 123"})
    text = text_of(pdf(typesetter, document))
    assert set(name) - set("()") <= set(text)
    assert "€285.60" in text


LONG = "W" * 255


def test_the_longest_of_everything_stays_inside(typesetter):
    address = {"line1": LONG, "line2": LONG, "city": LONG, "region": LONG, "postalCode": "9" * 32, "country": "DE"}
    document = an_input(
        [ItemRequest("W" * 500, 10**14, 3), ItemRequest("x" * 30 + " " + "y" * 400, 1)],
        buyer={
            "name": LONG, "user_id": LONG, "vat_id": "V" * 64, "address": address, "notes": "Z" * 5000,
            "payment_instructions": "q" * 2000,
        },
        seller={
            "name": LONG, "address": address, "vat_id": "V" * 64,
            "texts": {"en": {"intro": "i" * 2000, "footer": "\n".join(["W" * 10] * 90)}},
        },
    )  # fmt: skip
    pages = pdf(typesetter, document)
    assert outside(pages) == []
    assert 2 < len(pages) < 20


ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=80)


@settings(max_examples=40)
@given(
    description=ANY, name=ANY, notes=ANY, line=ANY, label=ANY, intro=ANY,
    locale=st.sampled_from(["en", "de", "fr", "fr-CA", "ar", "he", None, "xx"]),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF"]), price=st.integers(0, 10**11), quantity=st.integers(1, 1000),
)  # fmt: skip
def test_any_text_in_any_place_makes_a_document(
    typesetter, description, name, notes, line, label, intro, locale, currency, price, quantity
):
    document = an_input(
        [ItemRequest(description, price, quantity)], currency=currency,
        buyer={"name": name, "notes": notes, "locale": locale, "address": {"line1": line, "country": "DE"}},
        seller={"name": label, "texts": {"en": {"intro": intro, "footer": notes}}},
    )  # fmt: skip
    assert outside(pdf(typesetter, document)) == []
