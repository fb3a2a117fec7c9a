"""What an invoice says, computed before it has a number. Pure: no database, no clock.

`compose` is the one place where a request becomes amounts; the hot path and the ordinary services both call it, and
`digest` is what the hash chain covers.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from common.canonical import typed_json
from common.clock import local_date, start_of_day
from common.ids import new_id
from common.money import MAX_AMOUNT, round_half_away
from invoicing.enums import ItemType, TaxCategory
from invoicing.errors import AmountTooLarge

CONTENT_VERSION = 2
"""Version 1, of documents older than snapshots of settings, does not cover the settings' version."""


@dataclass(frozen=True, slots=True)
class ItemRequest:
    """One asked-for item: `quantity` × `unit_price` (minor units)."""

    description: str
    unit_price: int
    quantity: int = 1
    product_id: UUID | None = None
    tax_code: str | None = None
    period_start: dt.datetime | None = None
    period_end: dt.datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    id: UUID | None = None  # of an item that stays; a new one otherwise


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """What a caller asked for, valid in shape, nothing filled in yet."""

    items: Sequence[ItemRequest]
    currency: str | None = None
    notes: str | None = None
    due_date: dt.datetime | None = None
    period_start: dt.datetime | None = None
    period_end: dt.datetime | None = None
    skip_tax: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the tenant's settings contribute."""

    default_currency: str
    tax_rate: int  # basis points
    tax_label: str
    payment_terms_days: int
    time_zone: str
    version: int = 0


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who the invoice is addressed to: the erasable part, in the order of its digest."""

    user_id: str | None
    name: str | None
    email: str | None
    address: Mapping[str, Any] | None
    vat_id: str | None
    locale: str | None
    notes: str | None
    payment_instructions: str | None

    def digest(self, salt: bytes) -> bytes:
        """SHA-256 over salt and values: it proves them while they exist and says nothing once the salt is gone."""
        values = [self.user_id, self.name, self.email, self.address, self.vat_id, self.locale, self.notes]
        return _sha256({"salt": salt.hex(), "buyer": [*values, self.payment_instructions]})


@dataclass(frozen=True, slots=True)
class Item:
    """One line as it stands on the document. `tax_rate` is in basis points."""

    id: UUID
    type: ItemType
    description: str
    quantity: Decimal
    unit_price: Decimal
    total: int
    discount: int
    tax_rate: Decimal
    taxes: Sequence[Mapping[str, Any]]
    tax_code: str | None
    product_id: UUID | None
    price_id: UUID | None
    period_start: dt.datetime | None
    period_end: dt.datetime | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a document says but its number. Amounts in minor units."""

    id: UUID
    customer_id: UUID
    currency: str
    items: Sequence[Item]
    subtotal: int
    discount: int
    tax: int
    total: int
    tax_breakdown: Sequence[Mapping[str, Any]]
    due_date: dt.datetime | None
    issued_at: dt.datetime | None
    period_start: dt.datetime | None
    period_end: dt.datetime | None
    subscription_id: UUID | None
    skip_tax: bool
    settings_version: int | None = None  # under which it was issued; None or 0 before snapshots were kept

    def digest(self, buyer_digest: bytes) -> bytes:
        """SHA-256 over the canonical form: what the chain fixes beside the number."""
        known = {"version": CONTENT_VERSION, "settings": self.settings_version}
        return _sha256(
            {
                **(known if self.settings_version else {"version": 1}),
                "id": self.id,
                "customer": self.customer_id,
                "buyer": buyer_digest.hex(),
                "currency": self.currency,
                "amounts": [self.subtotal, self.discount, self.tax, self.total],
                "taxes": [_tax_row(row) for row in self.tax_breakdown],
                "dates": [self.issued_at, self.due_date, self.period_start, self.period_end],
                "subscription": self.subscription_id,
                "skipTax": self.skip_tax,
                "items": [_item_row(item) for item in self.items],
            }
        )


def _sha256(value: object) -> bytes:
    return hashlib.sha256(typed_json(value)).digest()


def _tax_row(row: Mapping[str, Any]) -> list[Any]:
    return [row["label"], row["rate"], row["category"], row["taxable"], row["tax"], row["note"]]


def _item_row(item: Item) -> list[Any]:
    return [
        item.id, str(item.type), item.description, plain(item.quantity), plain(item.unit_price), item.total,
        item.discount, plain(item.tax_rate), [[tax["label"], tax["rate"], tax["category"]] for tax in item.taxes],
        item.tax_code, item.product_id, item.price_id, item.period_start, item.period_end, dict(item.metadata),
    ]  # fmt: skip


def plain(value: Decimal | int) -> str:
    """A number without exponent or trailing zeros: `1.50` → `1.5`, `1E+2` → `100`, `2.000` → `2`."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_out(value: Decimal | int) -> int | str:
    """A number on the wire: an integer where it is whole, else a decimal string."""
    text = plain(value)
    return text if "." in text else int(text)


def tax_rule(terms: Terms, *, exempt: bool) -> dict[str, Any]:
    """The one tax of an invoice: the tenant's rate, or an exempt row. Rates are basis points."""
    if exempt:
        return {"label": terms.tax_label, "rate": 0, "category": str(TaxCategory.EXEMPT)}
    category = TaxCategory.STANDARD if terms.tax_rate else TaxCategory.ZERO
    return {"label": terms.tax_label, "rate": terms.tax_rate, "category": str(category)}


def compose(
    request: InvoiceRequest, *, customer_id: UUID, currency: str, exempt: bool, terms: Terms,
    issued_at: dt.datetime | None, invoice_id: UUID | None = None, subscription_id: UUID | None = None,
) -> Content:  # fmt: skip
    """The document's content. `issued_at` is None for a draft, whose due date then stays open unless given.

    Item totals are whole minor units; tax is the rate times their sum, rounded once, half away from zero. Raises
    `AmountTooLarge` when an item or the total is beyond 10^15.
    """
    rule = tax_rule(terms, exempt=exempt or request.skip_tax)
    rate = Decimal(rule["rate"])
    taxes = [rule]
    items = []
    subtotal = 0
    for asked in request.items:
        total = asked.quantity * asked.unit_price
        subtotal += total
        if total > MAX_AMOUNT or subtotal > MAX_AMOUNT:
            raise AmountTooLarge()
        items.append(
            Item(
                id=asked.id or new_id(),
                type=ItemType.ONE_TIME,
                description=asked.description,
                quantity=Decimal(asked.quantity),
                unit_price=Decimal(asked.unit_price),
                total=total,
                discount=0,
                tax_rate=rate,
                taxes=taxes,
                tax_code=asked.tax_code,
                product_id=asked.product_id,
                price_id=None,
                period_start=asked.period_start,
                period_end=asked.period_end,
                metadata=asked.metadata,
            )
        )
    tax = round_half_away(Fraction(subtotal * rule["rate"], 10_000)) if rule["rate"] else 0
    if subtotal + tax > MAX_AMOUNT:
        raise AmountTooLarge()
    breakdown = [{**rule, "taxable": subtotal, "tax": tax, "note": None}] if items else []
    return Content(
        id=invoice_id or new_id(),
        customer_id=customer_id,
        currency=currency,
        items=items,
        subtotal=subtotal,
        discount=0,
        tax=tax,
        total=subtotal + tax,
        tax_breakdown=breakdown,
        due_date=request.due_date or due_date(issued_at, terms),
        issued_at=issued_at,
        period_start=request.period_start,
        period_end=request.period_end,
        subscription_id=subscription_id,
        skip_tax=request.skip_tax,
        settings_version=terms.version if issued_at is not None else None,
    )


def due_date(issued_at: dt.datetime | None, terms: Terms) -> dt.datetime | None:
    """Midnight, in the tenant's zone, of the issue day plus the payment terms; None for a draft."""
    if issued_at is None:
        return None
    day = local_date(issued_at, terms.time_zone) + dt.timedelta(days=terms.payment_terms_days)
    return start_of_day(day, terms.time_zone)


def issue_year(issued_at: dt.datetime, time_zone: str) -> int:
    """The year of a document's number: that of its issue date where the tenant is."""
    return local_date(issued_at, time_zone).year
