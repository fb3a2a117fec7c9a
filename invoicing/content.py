"""What an invoice says, all of it but its number. Pure: no database, no clock.

`composition.compose` makes it of a request; `digest` is what the hash chain covers.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from billing.rating.discounting import Taken
from common.canonical import typed_json
from invoicing.enums import ItemType

CONTENT_VERSION = 2
"""Version 1, of documents older than snapshots of settings, does not cover the settings' version."""
DERIVED_VERSION = 3
"""Of documents with a stored derivation: it covers that, and with it prices, usage and coupons."""
_DIGITS: Final = 100  # more than any sum of usage has: the default context would round


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
    """One line as it stands on the document. `tax_rate` is in basis points.

    `usage` is what a price was asked for, in parts where it counts transactions. With an `inclusive` price the unit
    price contains the tax, and `total` and `discount` are what the tax leaves of it. `exchange` is `{currency, amount,
    rate, date, source}` where the price is in another currency: its amount there, and what it was multiplied by.
    `plan_id` is the plan whose price it is, where the caller said so.
    """

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
    usage: Sequence[str] | None = None
    inclusive: bool = False
    exchange: Mapping[str, Any] | None = None
    plan_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """Everything a document says but its number. Amounts in minor units.

    `coupons` are `{couponId, code, name, amount}` each, in the order in which they were asked for.
    """

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
    coupons: Sequence[Mapping[str, Any]] = ()
    derivation_digest: bytes | None = None  # of what has prices or coupons: of its stored derivation
    # What only composing knows:
    derivation: bytes | None = field(default=None, compare=False, repr=False)  # canonical JSON
    taken: Sequence[Taken] = field(default=(), compare=False, repr=False)

    def digest(self, buyer_digest: bytes) -> bytes:
        """SHA-256 over the canonical form: what the chain fixes beside the number."""
        known: dict[str, Any] = {"version": 1}
        if self.settings_version:
            known = {"version": CONTENT_VERSION, "settings": self.settings_version}
        if self.coupons or self.derivation_digest is not None:
            derivation = None if self.derivation_digest is None else self.derivation_digest.hex()
            coupons = [_coupon_row(one) for one in self.coupons]
            known |= {"version": DERIVED_VERSION, "derivation": derivation, "coupons": coupons}
        return _sha256(
            {
                **known,
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


def _coupon_row(row: Mapping[str, Any]) -> list[Any]:
    return [row["couponId"], row["code"], row["name"], row["amount"]]


def _item_row(item: Item) -> list[Any]:
    row = [
        item.id, str(item.type), item.description, plain(item.quantity), plain(item.unit_price), item.total,
        item.discount, plain(item.tax_rate), [[tax["label"], tax["rate"], tax["category"]] for tax in item.taxes],
        item.tax_code, item.product_id, item.price_id, item.period_start, item.period_end, dict(item.metadata),
    ]  # fmt: skip
    # Only items of prices have these, few of them a plan, so that the digests of older documents stay what they are.
    of_price = item.usage, item.inclusive, item.exchange
    if item.plan_id is not None:
        return [*row, *of_price, item.plan_id]
    return [*row, *of_price] if any(of_price) else row


def usage_total(usage: Sequence[str]) -> Decimal:
    """The sum of what a price was asked for, exact however many digits it has."""
    with localcontext(prec=_DIGITS):
        return sum(map(Decimal, usage), Decimal(0))


@lru_cache(maxsize=16_384)  # the digest, the row and the body of an item say the same numbers
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
