"""Whether a stored document is what was issued: its items, its addressee and its tax rows against its digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import DataError
from django.db.models import Q

from invoicing.content import Buyer
from invoicing.models import Invoice, InvoiceBuyer, InvoiceItem, NumberSeries
from invoicing.representations import COUPON_ROW, TAX_ROW
from invoicing.selectors import buyer_from, content_of

BATCH = 500
UNREADABLE = "cannot be read: its content was altered"
# What a value of another shape or beyond Python's range raises; anything else is a mistake of ours.
_MALFORMED = (DataError, ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Document:
    """A document's link in the chain, and its rows where they can be read."""

    number: int
    text: str | None
    content_digest: bytes
    chain_hash: bytes
    invoice: Invoice | None
    items: Sequence[InvoiceItem]


def documents(series: NumberSeries) -> Iterator[Document]:
    """The documents up to the head of the series, in order of their numbers, with items, in batches."""
    columns = ("number", "id", "invoice_number", "content_digest", "chain_hash")
    mine = Invoice.objects.filter(
        tenant_id=series.tenant_id, series=series.code, year=series.year, number__lte=series.last_number
    ).order_by("number", "id")
    after = Q()
    while True:
        batch = list(mine.filter(after).values_list(*columns)[:BATCH])
        if not batch:
            return
        rows = _loaded(series.tenant_id, [link[1] for link in batch])
        for number, invoice_id, text, content_digest, chain_hash in batch:
            assert number is not None
            invoice, items = rows.get(invoice_id, (None, []))
            yield Document(number, text, bytes(content_digest or b""), bytes(chain_hash or b""), invoice, items)
        number, invoice_id = batch[-1][:2]
        # Not by the number alone: where one stands twice, a batch may end between the two.
        after = Q(number__gt=number) | Q(number=number, id__gt=invoice_id)


def altered(document: Document) -> str | None:
    """Why the stored document is not what was issued, or None. An erased buyer leaves a digest that covers it."""
    if document.invoice is None:
        return UNREADABLE
    try:
        return _altered(document.invoice, document.items)
    except _MALFORMED:
        return UNREADABLE


def _loaded(tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, tuple[Invoice, list[InvoiceItem]]]:
    """The rows of a batch; those that cannot be loaded are left out."""
    try:
        return _load(tenant_id, ids)
    except _MALFORMED:
        rows: dict[UUID, tuple[Invoice, list[InvoiceItem]]] = {}
        for one in ids:
            try:
                rows |= _load(tenant_id, [one])
            except _MALFORMED:
                continue
        return rows


def _load(tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, tuple[Invoice, list[InvoiceItem]]]:
    invoices = Invoice.objects.select_related("buyer").filter(tenant_id=tenant_id, id__in=ids)
    lines = InvoiceItem.objects.filter(tenant_id=tenant_id, invoice_id__in=ids).order_by("invoice_id", "position")
    items = {key: list(group) for key, group in groupby(lines, key=lambda item: item.invoice_id)}
    return {invoice.id: (invoice, items.get(invoice.id, [])) for invoice in invoices}


def _altered(invoice: Invoice, items: Sequence[InvoiceItem]) -> str | None:
    buyer: InvoiceBuyer | None = getattr(invoice, "buyer", None)
    if buyer is None:
        return "its addressee row is missing"
    buyer_digest = bytes(invoice.buyer_digest or b"")
    addressee = buyer_from(buyer)
    if buyer.salt is not None:
        if addressee.digest(bytes(buyer.salt)) != buyer_digest:
            return "its addressee was altered"
    elif any(getattr(addressee, one.name) is not None for one in fields(Buyer)):
        return "its addressee was erased in part"
    if len(items) != invoice.item_count:
        return f"has {len(items)} items instead of {invoice.item_count}"
    # The digest reads the fields by name: one more would stand on the document and be covered by nothing.
    if not _has_only(invoice.tax_breakdown, TAX_ROW) or not all(_has_only(one.taxes, TAX_ROW[:3]) for one in items):
        return "its tax rows have other fields than those that were issued"
    if not _has_only(invoice.coupons, COUPON_ROW):
        return "its coupons have other fields than those that were issued"
    if content_of(invoice, items).digest(buyer_digest) != bytes(invoice.content_digest or b""):
        return "its content was altered"
    return None


def _has_only(rows: Any, names: Sequence[str]) -> bool:
    return isinstance(rows, list) and all(isinstance(row, Mapping) and set(row) == set(names) for row in rows)
