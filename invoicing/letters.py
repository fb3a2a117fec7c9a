"""The e-mail that brings an invoice, from frozen facts to subject, text and HTML. No database, no clock."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from babel import Locale
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe

from invoicing.content import Buyer, Content
from invoicing.documents.formats import address_lines, chosen_locale, day, money
from invoicing.documents.layout import BRAND_COLOR
from invoicing.documents.seller import Seller
from invoicing.documents.texts import TEMPLATES
from invoicing.enums import InvoiceStatus
from invoicing.representations import State

_TEXTS: Final = TEMPLATES / "mail" / "texts"
_MAX_NAME: Final = 100  # characters of a name in the subject
# They turn the direction of what follows: a name must not rearrange the words around it.
_BIDI_CONTROLS: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the summary; `strong` is what the reader looks for."""

    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """What the reader gets. `accent` is the line of colour above it."""

    language: str
    number: str
    subject: str
    seller: str
    greeting: str
    intro: str
    rows: list[Row]
    request: str
    instructions: str | None
    imprint: list[str]
    accent: str

    @property
    def intro_html(self) -> str:
        """`intro` with its number in one piece."""
        return self._in_one_piece(self.intro)

    @property
    def request_html(self) -> str:
        """`request` with its number in one piece."""
        return self._in_one_piece(self.request)

    @property
    def lines(self) -> list[str]:
        """The summary for the plain part."""
        return [words(self.language)["labelled"].format(label=row.label, value=row.value) for row in self.rows]

    @property
    def text(self) -> str:
        """The plain part."""
        return self._render("invoicing/mail/invoice.txt").rstrip() + "\n"

    @property
    def html(self) -> str:
        """The part that looks good: no pictures, nothing from elsewhere, readable on dark backgrounds too."""
        return self._render("invoicing/mail/invoice.html")

    def _in_one_piece(self, text: str) -> str:
        number = format_html('<span style="white-space:nowrap;">{}</span>', self.number)
        return mark_safe(str(escape(text)).replace(str(escape(self.number)), number))  # noqa: S308 - escaped before

    def _render(self, template: str) -> str:
        return render_to_string(template, {"letter": self, "words": words(self.language)})


def invoice_letter(content: Content, buyer: Buyer, state: State, seller: Seller) -> Letter:
    """The letter of a finalised invoice, in the customer's language where there are words in it.

    Languages are tried in this order: the customer's, the tenant's, English. Amounts are those of `state`, which may
    have changed since the document was made: what is paid is not asked for again.
    """
    locale = chosen_locale((buyer.locale, seller.locale), languages())
    said = words(locale.language)
    number = state.invoice_number or ""
    due = max(0, content.total - state.amount_paid - state.amount_credited)
    name, issued = one_line(seller.name), day(content.issued_at, seller.time_zone, locale)
    customer = one_line(buyer.name or "")
    return Letter(
        language=locale.language,
        number=number,
        subject=said["subject"].format(number=number, seller=_shortened(name)),
        seller=name,
        greeting=said["greeting"].format(name=customer) if customer else said["greetingNobody"],
        intro=said["intro"].format(number=number, date=issued),
        rows=_rows(content, state, seller, locale, due),
        request=_request(content, state, seller, locale, due),
        instructions=buyer.payment_instructions if due and state.status != InvoiceStatus.VOID else None,
        imprint=_imprint(seller, locale),
        accent=seller.brand_color or BRAND_COLOR,
    )


@cache
def languages() -> tuple[str, ...]:
    """The languages that letters are written in."""
    return tuple(sorted(path.stem for path in _TEXTS.glob("*.json")))


@cache
def words(language: str) -> Mapping[str, str]:
    """The words of a language."""
    said: Mapping[str, str] = json.loads((_TEXTS / f"{language}.json").read_text("utf-8"))
    return said


def one_line(text: str) -> str:
    """A name as it may stand in a subject or a sentence: one line, and nothing in it moves what stands around it."""
    kept = (
        " " if unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") else one
        for one in text
        if one not in _BIDI_CONTROLS
    )
    return " ".join("".join(kept).split())


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1].rstrip() + "…"


def _rows(content: Content, state: State, seller: Seller, locale: Locale, due: int) -> list[Row]:
    said = words(locale.language)
    rows = [
        Row(said["number"], state.invoice_number or ""),
        Row(said["issued"], day(content.issued_at, seller.time_zone, locale)),
    ]
    if due and state.status != InvoiceStatus.VOID:
        rows.append(Row(said["due"], day(content.due_date, seller.time_zone, locale)))
    total = money(content.total, content.currency, locale)
    if due in (0, content.total):
        return [*rows, Row(said["total"], total, strong=True)]
    return [*rows, Row(said["total"], total), Row(said["amountDue"], money(due, content.currency, locale), strong=True)]


def _request(content: Content, state: State, seller: Seller, locale: Locale, due: int) -> str:
    said = words(locale.language)
    if state.status == InvoiceStatus.VOID:
        return said["void"]
    if not due:
        return said["paid" if state.amount_paid else "settled"]
    return said["pay"].format(
        amount=money(due, content.currency, locale),
        date=day(content.due_date, seller.time_zone, locale),
        number=state.invoice_number,
    )


def _imprint(seller: Seller, locale: Locale) -> list[str]:
    lines = [one_line(seller.name)]
    address = ", ".join(one_line(line) for line in address_lines(seller.address, locale))
    if address:
        lines.append(address)
    if seller.vat_id:
        said = words(locale.language)
        lines.append(said["labelled"].format(label=said["vatId"], value=one_line(seller.vat_id)))
    return lines
