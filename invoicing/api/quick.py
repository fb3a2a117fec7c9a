"""Reading the plain invoice quickly.

`plain_request` answers only for bodies that need nothing but types and bounds; all else (dates, customer details,
text that must be trimmed, anything wrong) is left to `InvoiceInput`, which knows all rules and all messages. A
property test holds the two together: what is accepted here reads the same there.
"""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec

from common.currencies import EXPONENTS
from common.ids import InvalidId, decode_id
from common.money import MAX_AMOUNT
from common.prefixes import CUSTOMER, PRODUCT
from invoicing.requests import InvoiceRequest, ItemRequest

_Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT)]
_Quantity = Annotated[int, msgspec.Meta(ge=1, le=MAX_AMOUNT)]
_Metadata = Annotated[dict[str, Annotated[str, msgspec.Meta(max_length=500)]], msgspec.Meta(max_length=50)]


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    unitPrice: _Amount  # noqa: N815 - as on the wire
    quantity: _Quantity = 1
    productId: str | None = None  # noqa: N815
    taxCode: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None  # noqa: N815
    metadata: _Metadata | None = None


class _Invoice(msgspec.Struct, forbid_unknown_fields=True):
    items: Annotated[list[_Item], msgspec.Meta(min_length=1, max_length=1000)]
    userId: Annotated[str, msgspec.Meta(min_length=1, max_length=255)] | None = None  # noqa: N815
    customerId: str | None = None  # noqa: N815
    currency: str | None = None
    notes: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)] | None = None
    skipTax: bool | None = None  # noqa: N815
    draft: bool | None = None
    metadata: _Metadata | None = None


def plain_request(body: Any) -> tuple[str | UUID, InvoiceRequest] | None:
    """Who is billed and what is asked for, or None when the body is not plain or asks for a draft."""
    try:
        asked = msgspec.convert(body, _Invoice)
        who = _who(asked)
        if who is None or asked.draft or not _plain_texts(asked):
            return None
        items = [
            ItemRequest(
                description=item.description, unit_price=item.unitPrice, quantity=item.quantity,
                product_id=decode_id(PRODUCT, item.productId) if item.productId is not None else None,
                tax_code=item.taxCode, metadata=item.metadata or {},
            )
            for item in asked.items
        ]  # fmt: skip
    except (msgspec.ValidationError, InvalidId):
        return None
    return who, InvoiceRequest(
        items=items,
        currency=asked.currency,
        notes=asked.notes,
        skip_tax=bool(asked.skipTax),
        metadata=asked.metadata or {},
    )


def _who(asked: _Invoice) -> str | UUID | None:
    """Both ids together need the ordinary way, which compares them."""
    if asked.customerId is None:
        return asked.userId
    return decode_id(CUSTOMER, asked.customerId) if asked.userId is None else None


def _plain_texts(asked: _Invoice) -> bool:
    """Whether every text can be taken as it is: trimmed and printable, the currency known, the metadata keys short."""
    texts = [asked.userId or "x", asked.notes or "x"]
    pairs = list((asked.metadata or {}).items())
    for item in asked.items:
        texts += (item.description, item.taxCode or "x")
        if item.metadata:
            pairs += item.metadata.items()
    texts += [key for key, _ in pairs]
    return (
        (asked.currency is None or asked.currency in EXPONENTS)
        and all(text.isprintable() and text == text.strip() for text in texts)
        and all(0 < len(key) <= 40 for key, _ in pairs)
    )


# msgspec looks at a type when it is first used, and two threads that do so at once end the process with a fault.
# Imported by one thread, this is the first use.
plain_request({})
