"""The totals of a document and its tax table, so that what is printed adds up as it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from billing.tax_notes import note_in
from invoicing.content import Content
from invoicing.documents.lines import Prices, Speech, gross_subtotal
from invoicing.enums import TaxCategory

# These say why there is no tax, or why somebody else owes it.
_EXPLAINED: Final = frozenset({TaxCategory.REVERSE_CHARGE, TaxCategory.EXEMPT, TaxCategory.OUTSIDE})
Rows = list[list[str]]


def totals(content: Content, speech: Speech, *, prices: Prices, credit_used: int) -> Rows:
    """What leads to what is due: label, amount, and `part` where the row is contained in the one above it.

    Net: subtotal, a row per coupon, net, a row per tax. Gross: subtotal, a row per coupon, and the taxes as parts of
    what they come to. What a coupon takes of prices that contain their tax it takes with the tax; where the document
    is net all the same, that tax has a row of its own. The total follows when credit has paid of it.
    """
    words, money = speech.words, speech.money
    gross = prices is Prices.GROSS
    subtotal = gross_subtotal(content) if gross else content.subtotal
    rows = [[words["subtotalInclTax" if gross else "subtotal"], money(subtotal), ""], *_discounts(content, speech)]
    net = content.subtotal - content.discount
    contained = sum(one["amount"] for one in content.coupons) - content.discount if content.coupons else 0
    if contained and not gross:
        rows.append([words["discountTax"], money(contained), ""])
    if content.discount and not gross:
        rows.append([words["net"], money(net), ""])
    if not gross:
        rows += _taxes(content, speech, "{label} {rate}", "")
    if credit_used:
        rows.append([words["total"], money(content.total), ""])
    if gross:
        rows.append([words["containsNet"], money(net), "part"])
        rows += _taxes(content, speech, words["contains"], "part")
    if credit_used:
        rows.append([words["creditUsed"], money(-credit_used), ""])
    return rows


def tax_table(content: Content, speech: Speech) -> dict[str, Any] | None:
    """One row per rate; none when there is nothing to say."""
    if not content.tax_breakdown:
        return None
    words = speech.words
    rows = [
        [row["label"], speech.percent(row["rate"]), speech.amount(row["taxable"]), speech.amount(row["tax"])]
        for row in content.tax_breakdown
    ]
    return {
        "title": words["taxSummary"], "head": [words["taxLabel"], "%", words["taxable"], words["tax"]], "rows": rows,
    }  # fmt: skip


def tax_notes(content: Content, words: Mapping[str, str], language: str) -> list[str]:
    """Why no tax is charged, each reason once. A note of the row itself goes before our own words."""
    notes = [note_in(language, row["note"]) or _explained(row, words) for row in content.tax_breakdown]
    return list(dict.fromkeys(note for note in notes if note))


def _explained(row: Mapping[str, Any], words: Mapping[str, str]) -> str:
    return words[row["category"]].format(label=row["label"]) if row["category"] in _EXPLAINED else ""


def _discounts(content: Content, speech: Speech) -> Rows:
    """A row per coupon; older documents know only the sum."""
    discount = speech.words["discount"]
    if not content.coupons:
        return [[discount, speech.money(-content.discount), ""]] if content.discount else []
    return [
        [speech.labelled(discount, _called(one)), speech.money(-one["amount"]), ""] for one in content.coupons
    ]  # fmt: skip


def _called(coupon: Mapping[str, Any]) -> str:
    name, code = coupon["name"], coupon["code"]
    return f"{name} ({code})" if name and name != code else str(code)


def _taxes(content: Content, speech: Speech, pattern: str, kind: str) -> Rows:
    return [
        [pattern.format(label=row["label"], rate=speech.percent(row["rate"])), speech.money(row["tax"]), kind]
        for row in content.tax_breakdown
    ]
