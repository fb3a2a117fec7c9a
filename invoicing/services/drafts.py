"""Changing and deleting drafts; the metadata of any invoice."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import UUID

from billing.models import Customer
from common.metadata import merged_metadata
from invoicing.enums import InvoiceStatus
from invoicing.errors import DocumentErased, InvoiceNotDraft
from invoicing.models import Invoice
from invoicing.selectors import items_of, lock_invoice
from invoicing.services.basis import Asked
from invoicing.services.composing import recompute, request_of
from tenants.models import TenantSettings

_COMPUTED = ("items", "currency", "skip_tax", "coupons")
_CONTENT = (*_COMPUTED, "notes", "due_date")


def update_invoice(
    *, tenant_id: UUID, invoice_id: UUID, changes: dict[str, Any], settings: TenantSettings, at: dt.datetime,
    application_id: UUID | None = None,
) -> Invoice:  # fmt: skip
    """Change a draft and compute it anew; metadata alone may be changed at any time, until they are erased.

    Raises `InvoiceNotDraft`, `DocumentErased`.

    `changes` holds the validated fields by name; `items` (a list of `ItemRequest`) replaces all items, and `coupons`
    (codes or ids) all coupons. `application_id` is that of the caller.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if any(name in changes for name in _CONTENT):
        if invoice.status != InvoiceStatus.DRAFT:
            raise InvoiceNotDraft()
        _change(invoice, changes, settings, at=at, application_id=application_id)
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


def _change(
    invoice: Invoice, changes: dict[str, Any], settings: TenantSettings, *, at: dt.datetime, application_id: UUID | None
) -> None:
    if "notes" in changes:
        invoice.buyer.notes = changes["notes"]
        invoice.buyer.save(update_fields=["notes"])
    if "due_date" in changes:
        invoice.due_date = changes["due_date"]
    if not any(name in changes for name in _COMPUTED):
        return
    customer = Customer.objects.get(tenant_id=invoice.tenant_id, id=invoice.customer_id)
    again = request_of(invoice, items_of(invoice))
    asked = {name: changes[name] for name in _COMPUTED if changes.get(name) is not None}
    recompute(
        invoice, replace(again, **asked), customer=customer, settings=settings, at=at,
        asked=Asked(application_id=application_id, trusted="coupons" not in asked),
    )  # fmt: skip
