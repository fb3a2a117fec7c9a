"""What a caller asks to be invoiced: valid in shape, nothing filled in yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from invoicing.enums import ItemType


@dataclass(frozen=True, slots=True)
class ItemRequest:
    """One asked-for item: `quantity` × `unit_price` (minor units), or what the price `price_id` makes of `quantity`.

    A price says the description, the product and the tax code where the item does not, and `unit_price` is then not
    looked at. `transactions` (minor units each) stand instead of the quantity where the price charges for each of them,
    and of a stored item for the parts of its usage.
    """

    description: str = ""
    unit_price: int = 0
    quantity: int | Decimal = 1
    product_id: UUID | None = None
    tax_code: str | None = None
    period_start: dt.datetime | None = None
    period_end: dt.datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    id: UUID | None = None  # of an item that stays; a new one otherwise
    type: ItemType = ItemType.ONE_TIME
    price_id: UUID | None = None
    plan_id: UUID | None = None  # of which plan the price is
    transactions: Sequence[Decimal] = ()
    minimum_id: UUID | None = None  # of the item that stays for what a minimum adds
    place: str | None = None  # where the caller named it, when that was not among the items

    def path(self, index: int) -> str:
        """Where the item with this index is in the caller's request."""
        return self.place or f"items[{index}]"


@dataclass(frozen=True, slots=True)
class InvoiceRequest:
    """An asked-for invoice. `coupons` are codes or ids."""

    items: Sequence[ItemRequest]
    currency: str | None = None
    notes: str | None = None
    due_date: dt.datetime | None = None
    period_start: dt.datetime | None = None
    period_end: dt.datetime | None = None
    skip_tax: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    coupons: Sequence[str] = ()
