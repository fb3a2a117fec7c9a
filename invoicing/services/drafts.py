"""Changing and deleting drafts; the metadata of any invoice."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from billing.models import Customer
from common.metadata import merged_metadata
from invoicing.enums import InvoiceStatus
from invoicing.errors import DocumentErased, InvoiceNotDraft
from invoicing.models import Invoice
from invoicing.selectors import items_of, lock_invoice
from invoicing.services.composing import asked_again, recompute
from tenants.models import TenantSettings

_CONTENT = ("items", "currency", "notes", "due_date", "skip_tax")


def update_invoice(
    *, tenant_id: UUID, invoice_id: UUID, changes: dict[str, Any], settings: TenantSettings, at: dt.datetime
) -> Invoice:
    """Change a draft and compute it anew; metadata alone may be changed at any time, until they are erased.

    Raises `InvoiceNotDraft`, `DocumentErased`.

    `changes` holds the validated fields by name; `items` (a list of `ItemRequest`) replaces all items.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if any(name in changes for name in _CONTENT):
        if invoice.status != InvoiceStatus.DRAFT:
            raise InvoiceNotDraft()
        _change(invoice, changes, settings)
    if "metadata" in changes:
        if invoice.erased_at is not None:
            raise DocumentErased()
        invoice.metadata = merged_metadata(invoice.metadata, changes["metadata"] or {})
    invoice.updated_at = at
    invoice.save()
    return invoice


def delete_draft(*, tenant_id: UUID, invoice_id: UUID) -> None:
    """Delete a draft with its items. Raises `InvoiceNotDraft`: a finalised invoice is voided, never deleted."""
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if invoice.status != InvoiceStatus.DRAFT:
        raise InvoiceNotDraft()
    invoice.delete()


def _change(invoice: Invoice, changes: dict[str, Any], settings: TenantSettings) -> None:
    if "notes" in changes:
        invoice.buyer.notes = changes["notes"]
        invoice.buyer.save(update_fields=["notes"])
    if "due_date" in changes:
        invoice.due_date = changes["due_date"]
    if not any(name in changes for name in ("items", "currency", "skip_tax")):
        return
    asked = changes["items"] if "items" in changes else [asked_again(row) for row in items_of(invoice)]
    customer = Customer.objects.get(tenant_id=invoice.tenant_id, id=invoice.customer_id)
    recompute(
        invoice, asked, customer=customer, settings=settings, currency=changes.get("currency") or invoice.currency,
        skip_tax=changes.get("skip_tax", invoice.skip_tax),
    )  # fmt: skip
