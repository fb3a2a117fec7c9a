"""The values of the invoice's layout (`templates/invoicing/invoice.typ`): everything is a text, set as it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from babel import Locale

from common.typesetting import picture
from invoicing.content import Buyer, Content
from invoicing.documents import formats
from invoicing.documents.lines import Speech, column_notes, line_values, prices_of
from invoicing.documents.seller import LogoPicture, Seller
from invoicing.documents.sums import tax_notes, tax_table, totals
from invoicing.documents.texts import languages, texts

LAYOUT_VERSION: Final = 2
"""Raise it with every change of a template, a text or this module that changes a byte of a document."""

TEMPLATE: Final = "invoice.typ"
BRAND_COLOR: Final = "#1f4e79"
INK, PAPER = "#1c2430", "#ffffff"
_BRIGHT: Final = 150 * 10_000  # of 255, weighted as eyes do: white on it could not be read
_COLUMNS: Final = ("position", "description", "quantity", "unitPrice", "taxRate")
_FOOTER_LINES: Final = 8
_SHORT: Final = 48  # what fits on one line above the following pages


@dataclass(frozen=True, slots=True)
class DocumentInput:
    """Everything a document is made of, all of it frozen at finalisation. Without `number` it is a draft."""

    content: Content
    buyer: Buyer
    seller: Seller
    number: str | None
    logo: LogoPicture | None = None
    credit_used: int = 0  # minor units that the customer's credit has paid at finalisation
    counting: Collection[UUID] = ()  # the prices of its lines that count transactions; they never change

    @property
    def draft(self) -> bool:
        """Whether this is a preview that binds nobody."""
        return self.number is None

    @property
    def due(self) -> int:
        """What was to be paid at finalisation, in minor units."""
        return self.content.total - self.credit_used


def document_locale(document: DocumentInput) -> Locale:
    """The customer's language where documents exist in it, else the tenant's, else English."""
    return formats.chosen_locale((document.buyer.locale, document.seller.locale), languages())


def layout_values(document: DocumentInput) -> dict[str, Any]:
    """The texts of the layout, not yet prepared for setting."""
    locale = document_locale(document)
    words = texts(locale.language)
    content, seller, currency = document.content, document.seller, document.content.currency
    zone = seller.time_zone
    own = seller.texts.get(locale.language) or {}
    speech, prices = Speech(words, locale, zone, currency), prices_of(content)
    country = _country(document.buyer.address) != _country(seller.address)
    due = formats.day(content.due_date, zone, locale)
    to_pay = formats.money(document.due, currency, locale)
    return {
        "lang": locale.language,
        "draft": words["draft"] if document.draft else None,
        "color": _colors(seller.brand_color or BRAND_COLOR),
        "title": words["title"],
        "number": document.number,
        "seller": {
            "name": seller.name,
            "short": seller.name if len(seller.name) <= _SHORT else seller.name[: _SHORT - 1].rstrip() + "…",
            "lines": formats.address_lines(seller.address, locale, country=country),
            "vat": _labelled(words["vatId"], seller.vat_id),
        },
        "buyer": {
            "label": words["billedTo"],
            "name": document.buyer.name or document.buyer.email or document.buyer.user_id or "–",
            "lines": formats.address_lines(document.buyer.address, locale, country=country),
            "vat": _labelled(words["vatId"], document.buyer.vat_id),
        },
        "facts": _facts(document, words, locale, due),
        "intro": own.get("intro"),
        "columns": {name: words[name] for name in _COLUMNS}
        | {"amount": words["amount"], "currency": words["allAmounts"].format(currency=currency)}
        | column_notes(prices, words),
        "items": line_values(content, speech, prices=prices, counting=document.counting),
        "taxed": any(item.taxes for item in content.items),
        "totals": totals(content, speech, prices=prices, credit_used=document.credit_used),
        "due": [words["amountDue"] if not document.draft else words["total"], to_pay],
        "taxes": tax_table(content, speech),
        "taxNotes": tax_notes(content, words, locale.language),
        "payment": {
            "title": words["payment"],
            "sentence": _payment(document, words, to_pay, due),
            "instructions": document.buyer.payment_instructions if document.due and not document.draft else None,
        },
        "notes": {"title": words["notes"], "text": document.buyer.notes},
        "footer": _footer(own.get("footer")),
        "page": words["page"],
    }  # fmt: skip


def untouched_values(document: DocumentInput) -> dict[str, Any]:
    """Values that are no texts."""
    logo = document.logo
    if logo is None:
        return {"logo": None}
    shown = picture(logo.content, media_type=logo.media_type, width=logo.width, height=logo.height)
    return {"logo": {"svg": shown, "wide": logo.width > 4 * logo.height}}


def _facts(document: DocumentInput, words: Mapping[str, str], locale: Locale, due: str) -> list[list[str]]:
    """Label and value of what stands beside the address."""
    content, zone = document.content, document.seller.time_zone
    rows = [
        (words["number"], document.number or words["draft"]),
        (words["issued"], formats.day(content.issued_at, zone, locale) or "–"),
        (words["due"], due),
        (words["period"], formats.period(content.period_start, content.period_end, zone, locale)),
        (words["customer"], document.buyer.user_id),
    ]
    return [[label, value] for label, value in rows if value]


def _payment(document: DocumentInput, words: Mapping[str, str], to_pay: str, due: str) -> str:
    if document.draft:
        return words["draftPayment"]
    if not document.due:
        return words["paidWithCredit" if document.credit_used else "nothingDue"]
    sentence = words["payBy"] if due else words["payNow"]
    return sentence.format(amount=to_pay, date=due, number=document.number)


def _footer(text: str | None) -> str | None:
    """At most eight lines: what is more runs on in the last, so that a page keeps room for an invoice."""
    if text is None:
        return None
    first, rest = text.splitlines()[: _FOOTER_LINES - 1], text.splitlines()[_FOOTER_LINES - 1 :]
    return "\n".join([*first, *([" ".join(rest)] if rest else [])])


def _colors(color: str) -> dict[str, str]:
    """The tenant's colour for areas, what can be read on it, and what of it can be read on paper."""
    red, green, blue = bytes.fromhex(color[1:])
    bright = 2126 * red + 7152 * green + 722 * blue > _BRIGHT
    return {"area": color, "on": INK if bright else PAPER, "text": INK if bright else color}


def _labelled(label: str, value: str | None) -> str | None:
    return f"{label} {value}" if value else None


def _country(address: Mapping[str, Any] | None) -> str | None:
    return address.get("country") if address else None
