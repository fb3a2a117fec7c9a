"""The lines of a document as its layout shows them, and whether their prices contain tax."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from babel import Locale

from common.clock import parse_instant
from common.money import round_ratio
from invoicing.content import Content, Item, usage_total
from invoicing.documents import formats
from invoicing.enums import ItemType

_DAY: Final = 10  # characters of 2026-11-01


class Prices(StrEnum):
    """What the prices of a document are, and with them the amounts of its lines."""

    UNTAXED = "untaxed"  # no line has a rate above 0: net is gross
    NET = "net"
    GROSS = "gross"  # every price contains its tax: amounts do too, and the taxes are parts of the total
    MIXED = "mixed"  # some contain it: their lines say so, and all amounts are net


@dataclass(frozen=True, slots=True)
class Speech:
    """What every text of a document depends on."""

    words: Mapping[str, str]
    locale: Locale
    zone: str
    currency: str

    def money(self, amount: int) -> str:
        """An amount of the document's currency, with it."""
        return formats.money(amount, self.currency, self.locale)

    def amount(self, amount: int | Decimal) -> str:
        """The same without the currency."""
        return formats.amount(amount, self.currency, self.locale)

    def percent(self, basis_points: Any) -> str:
        """A rate of basis points, which may be a decimal string."""
        return formats.percent(Decimal(basis_points), self.locale)

    def labelled(self, label: str, value: str) -> str:
        """`Usage: 12,345`, with what stands before a colon in this language."""
        return self.words["labelled"].format(label=label, value=value)


def prices_of(content: Content) -> Prices:
    """How the document counts. It is gross only where gross lines less coupons are the total, to the last cent."""
    if not any(item.tax_rate for item in content.items):
        return Prices.UNTAXED
    if not any(contains_tax(item) for item in content.items):
        return Prices.NET
    taken = sum(one["amount"] for one in content.coupons)
    gross = all(contains_tax(item) or not item.tax_rate for item in content.items)
    return Prices.GROSS if gross and gross_subtotal(content) - taken == content.total else Prices.MIXED


def contains_tax(item: Item) -> bool:
    """Whether there is tax in the unit price: one of 0 is in none."""
    return item.inclusive and item.tax_rate > 0


def gross_subtotal(content: Content) -> int:
    """The sum of the lines with tax, in minor units."""
    return sum(gross_amount(item) for item in content.items)


def gross_amount(item: Item) -> int:
    """Before discount, in minor units: of a price that contains its tax quantity × unit price, rounded."""
    if not contains_tax(item):
        return item.total
    exact = Fraction(item.quantity) * Fraction(item.unit_price)
    return round_ratio(exact.numerator, exact.denominator)


def line_values(content: Content, speech: Speech, *, prices: Prices, counting: Collection[UUID]) -> list[Any]:
    """The cells of all lines; `counting` are the prices whose usage is a list of transactions."""
    return [_line(number, item, speech, prices, counting) for number, item in enumerate(content.items, start=1)]


def column_notes(prices: Prices, words: Mapping[str, str]) -> dict[str, str]:
    """What stands below the headings of unit price and amount: whether they contain tax."""
    notes = {Prices.UNTAXED: "", Prices.NET: words["exclTax"], Prices.GROSS: words["inclTax"]}
    amount = notes.get(prices, words["exclTax"])
    return {"unitPriceNote": "" if prices is Prices.MIXED else amount, "amountNote": amount}


def _line(number: int, item: Item, speech: Speech, prices: Prices, counting: Collection[UUID]) -> dict[str, Any]:
    description = item.description
    if item.type == ItemType.MINIMUM:
        description = speech.labelled(speech.words["minimum"], description)
    return {
        "position": str(number),
        "description": description,
        "notes": [note for note in _notes(item, speech, prices, counting) if note],
        "quantity": formats.number(item.quantity, speech.locale),
        "unitPrice": speech.amount(item.unit_price),
        "unitPriceNote": _unit_price_note(item, speech.words) if prices is Prices.MIXED else "",
        "taxes": _taxes(item.taxes, speech),
        "amount": speech.amount(gross_amount(item) if prices is Prices.GROSS else item.total),
    }


def _unit_price_note(item: Item, words: Mapping[str, str]) -> str:
    """Where the heading cannot say it: whether this price contains tax."""
    return words["inclTax" if contains_tax(item) else "exclTax"] if item.tax_rate else ""


def _taxes(taxes: Sequence[Mapping[str, Any]], speech: Speech) -> list[str]:
    """The rate of a line; of several each with its name."""
    if len(taxes) == 1:
        return [speech.percent(taxes[0]["rate"])]
    return [f"{tax['label']} {speech.percent(tax['rate'])}" for tax in taxes]


def _notes(item: Item, speech: Speech, prices: Prices, counting: Collection[UUID]) -> list[str]:
    """What stands below the description, in small letters."""
    words = speech.words
    mixed = prices is Prices.MIXED and contains_tax(item)
    discount = words["discountExclTax"] if contains_tax(item) else words["discount"]
    return [
        formats.period(item.period_start, item.period_end, speech.zone, speech.locale),
        _usage(item, speech, counting),
        _exchange(item.exchange, speech) if item.exchange else "",
        speech.labelled(words["amountInclTax"], speech.amount(gross_amount(item))) if mixed else "",
        speech.labelled(discount, speech.amount(-item.discount)) if item.discount else "",
    ]


def _usage(item: Item, speech: Speech, counting: Collection[UUID]) -> str:
    """What the price was asked for, unless the quantity says it. Transactions are counted, and their sum is money."""
    if not item.usage:
        return ""
    whole = usage_total(item.usage)
    if item.price_id in counting or len(item.usage) > 1:
        count = formats.number(Decimal(len(item.usage)), speech.locale)
        currency = item.exchange["currency"] if item.exchange else speech.currency
        return speech.words["transactions"].format(count=count, amount=_coded(whole, currency, speech))
    if whole == item.quantity:
        return ""
    label = speech.words["usage" if item.type == ItemType.USAGE else "quantity"]
    return speech.labelled(label, formats.number(whole, speech.locale))


def _exchange(exchange: Mapping[str, Any], speech: Speech) -> str:
    """`USD 100.00 at 0.9213, rate of Nov 1, 2026 (ECB)`."""
    said = speech.words["exchange"].format(
        amount=_coded(Decimal(exchange["amount"]), exchange["currency"], speech),
        rate=formats.number(Decimal(exchange["rate"]), speech.locale), date=_day(exchange["date"], speech),
    )  # fmt: skip
    return f"{said} ({exchange['source']})" if exchange["source"] else said


def _coded(amount: Decimal, currency: str, speech: Speech) -> str:
    """An amount behind the code of its currency, which may be another than the document's; it may be below a cent."""
    return f"{currency}\N{NO-BREAK SPACE}{formats.amount(amount, currency, speech.locale)}"


def _day(text: str, speech: Speech) -> str:
    """The day of a rate: a date as it is, an instant where the seller is."""
    if len(text) > _DAY:
        return formats.day(parse_instant(text), speech.zone, speech.locale, style="medium")
    return formats.date(dt.date.fromisoformat(text), speech.locale)
