"""The e-mail that brings an invoice: what it says in each language, and that no name can say anything else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import Any
from uuid import UUID

import pytest

from invoicing.content import Buyer, Content
from invoicing.documents.layout import layout_values
from invoicing.documents.seller import Seller
from invoicing.letters import Letter, invoice_letter, languages, one_line, words
from invoicing.representations import State
from invoicing.requests import ItemRequest
from tests.invoicing.priced import a_coupon, a_price, composed, document_of

AT = dt.datetime(2026, 11, 21, 23, 30, tzinfo=dt.UTC)
DUE = dt.datetime(2026, 12, 21, 23, 0, tzinfo=dt.UTC)
NO_BREAK = "\u00a0"


def letter(**changes: Any) -> Letter:
    """The letter of an invoice of 1234.50 €, due on 22 December in Berlin, with what `changes` says of any part."""
    ident = UUID(int=7)
    content = Content(
        id=ident, customer_id=ident, currency="EUR", items=[], subtotal=123_450, discount=0, tax=0, total=123_450,
        tax_breakdown=[], due_date=DUE, issued_at=AT, period_start=None, period_end=None, subscription_id=None,
        skip_tax=False,
    )  # fmt: skip
    buyer = Buyer("u-1", "Ada Lovelace", "ada@example.com", None, None, "en", None, None)
    state = State(status="pending", invoice_number="INV-2026-0042", created_at=AT, updated_at=AT)
    seller = Seller(name="Acme GmbH", address=None, vat_id=None, locale="de", time_zone="Europe/Berlin")
    parts: list[Any] = [content, buyer, state, seller]
    known = {field.name: index for index, part in enumerate(parts) for field in dataclasses.fields(part)}
    for name, value in changes.items():
        # `name` and `locale` are the buyer's; the seller's are called so.
        index = 3 if name.startswith("seller_") else 1 if name in ("name", "locale", "vat_id") else known[name]
        parts[index] = dataclasses.replace(parts[index], **{name.removeprefix("seller_"): value})
    return invoice_letter(*parts)


@pytest.mark.parametrize(
    ("locale", "subject", "greeting", "amount", "date"),
    [
        ("en", "Invoice INV-2026-0042 from Acme GmbH", "Hello Ada Lovelace,", "€1,234.50", "November 22, 2026"),
        ("en-GB", "Invoice INV-2026-0042 from Acme GmbH", "Hello Ada Lovelace,", "€1,234.50", "22 November 2026"),
        ("de", "Rechnung INV-2026-0042 von Acme GmbH", "Guten Tag Ada Lovelace,", "1.234,50 €", "22. November 2026"),
        ("fr", "Facture INV-2026-0042 de Acme GmbH", "Bonjour Ada Lovelace,", "1\u202f234,50 €", "22 novembre 2026"),
        ("ja", "Rechnung INV-2026-0042 von Acme GmbH", "Guten Tag Ada Lovelace,", "1.234,50 €", "22. November 2026"),
    ],
)
def test_it_speaks_the_customers_language_or_else_the_tenants(locale, subject, greeting, amount, date):
    written = letter(locale=locale)
    assert (written.subject, written.greeting) == (subject, greeting)
    for part in (written.text, written.html):
        plain = part.replace(NO_BREAK, " ")
        assert amount in plain
        assert date in plain


def test_each_language_has_each_word_and_the_same_places_in_it():
    assert set(languages()) >= {"en", "de", "fr"}
    for language in languages():
        said = words(language)
        assert {name: sorted(re.findall(r"{(\w+)}", text)) for name, text in said.items()} == {
            name: sorted(re.findall(r"{(\w+)}", text)) for name, text in words("en").items()
        }


def test_who_has_no_name_is_greeted_all_the_same():
    assert letter(name=None).greeting == "Hello,"
    assert letter(name="  ").greeting == "Hello,"


def test_days_are_those_where_the_seller_is():
    assert letter(seller_time_zone="UTC").rows[1].value == "November 21, 2026"


@pytest.mark.parametrize(
    ("changes", "request_begins", "labels"),
    [
        ({}, "Please pay €1,234.50 by December 22, 2026", ["Invoice number", "Invoice date", "Due date", "Total"]),
        (
            {"amount_paid": 23_450},
            "Please pay €1,000.00 by",
            ["Invoice number", "Invoice date", "Due date", "Total", "Amount due"],
        ),
        (
            {"amount_paid": 123_450, "status": "paid"},
            "This invoice has been paid",
            ["Invoice number", "Invoice date", "Total"],
        ),
        ({"total": 0, "status": "paid"}, "Nothing is due", ["Invoice number", "Invoice date", "Total"]),
        ({"status": "void"}, "This invoice has been cancelled", ["Invoice number", "Invoice date", "Total"]),
    ],
)
def test_only_what_is_still_due_is_asked_for(changes, request_begins, labels):
    written = letter(payment_instructions="IBAN DE02", **changes)
    assert written.request.startswith(request_begins)
    assert [row.label for row in written.rows] == labels
    assert [row.strong for row in written.rows].count(True) == 1
    assert ("IBAN DE02" in written.text) == ("IBAN DE02" in written.html) == ("Due date" in labels)


@pytest.mark.parametrize(
    ("currency", "total", "shown"), [("JPY", 1200, "¥1,200"), ("KWD", 1500, "KWD1.500"), ("HUF", 150, "HUF1.50")]
)
def test_currencies_have_their_own_number_of_digits(currency, total, shown):
    assert letter(currency=currency, total=total).rows[-1].value.replace(NO_BREAK, "") == shown


HOSTILE = '"><img src=x onerror=alert(1)>\r\nBcc: evil@example.com\u2028{amount}{{ 7|add:7 }}\u202e\x00<script>'


def test_a_hostile_name_stays_a_name():
    written = letter(name=HOSTILE, seller_name=HOSTILE, payment_instructions=HOSTILE, seller_vat_id=HOSTILE)
    assert len(written.subject.splitlines()) == 1
    assert "\u202e" not in written.subject + written.greeting + written.seller
    assert "<img" not in written.html
    assert "<script" not in written.html
    assert "14" not in written.greeting
    assert "{amount}" in written.greeting


def test_the_html_brings_nothing_from_elsewhere():
    html = letter(seller_brand_color="#aa3300").html
    assert "#aa3300" in html
    assert not re.search(r"https?:|url\(|<img|<link|@import|<script", html)
    assert "prefers-color-scheme: dark" in html


def test_the_number_is_never_broken_over_two_lines():
    assert letter().html.count('<span style="white-space:nowrap;">INV-2026-0042</span>') == 2


def test_a_long_name_leaves_a_subject_that_can_be_read():
    assert len(letter(seller_name="x" * 255).subject) < 140


def test_the_imprint_names_the_seller_with_address_and_vat_id():
    address = {
        "line1": "Hauptstr. 1", "line2": None, "city": "Berlin", "region": None, "postalCode": "10115", "country": "DE",
    }  # fmt: skip
    written = letter(seller_address=address, seller_vat_id="DE123456789", locale="fr")
    assert written.imprint == [
        "Acme GmbH", "Hauptstr. 1, 10115 Berlin, Allemagne", f"N° de TVA{NO_BREAK}: DE123456789",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kept"),
    [(" a\t b\n", "a b"), ("می\u200cخواهم", "می\u200cخواهم"), ("a\u2066b\u2069", "ab"), ("\ud800x", "x")],
)
def test_one_line_keeps_letters_and_drops_what_moves_them(text, kept):
    assert one_line(text) == kept


def test_amounts_are_those_of_the_document_whatever_coupons_and_contained_taxes_lead_to_them():
    shirt = a_price("Shirt", unitAmount=1990, taxBehavior="inclusive")
    content = composed([ItemRequest(price_id=shirt.id, quantity=3)], [shirt], [a_coupon("TEN", "Ten", percentage=10)])
    changes = {
        name: getattr(content, name) for name in ("items", "subtotal", "discount", "tax", "total", "tax_breakdown")
    }
    written = letter(**changes, coupons=content.coupons)
    assert written.rows[-1].value == layout_values(document_of(content))["due"][1] == "€53.73"
