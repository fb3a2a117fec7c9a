"""Changing and deleting drafts; the metadata of any invoice."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from billing.models import Customer
from billing.services.metadata import merged_metadata
from invoicing.content import InvoiceRequest, ItemRequest, compose
from invoicing.enums import InvoiceStatus
from invoicing.errors import InvoiceNotDraft
from invoicing.models import Invoice, InvoiceItem
from invoicing.selectors import item_from, items_of, lock_invoice, terms_of
from invoicing.services.issuing import insert_items, require_products
from tenants.models import TenantSettings

_CONTENT = ("items", "currency", "notes", "due_date", "skip_tax")


def update_invoice(
    *, tenant_id: UUID, invoice_id: UUID, changes: dict[str, Any], settings: TenantSettings, at: dt.datetime
) -> Invoice:
    """Change a draft and compute it anew; metadata alone may be changed at any time. Raises `InvoiceNotDraft`.

    `changes` holds the validated fields by name; `items` (a list of `ItemRequest`) replaces all items.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if any(name in changes for name in _CONTENT):
        if invoice.status != InvoiceStatus.DRAFT:
            raise InvoiceNotDraft()
        _recompute(invoice, changes, settings)
    if "metadata" in changes:
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


def _recompute(invoice: Invoice, changes: dict[str, Any], settings: TenantSettings) -> None:
    customer = Customer.objects.get(tenant_id=invoice.tenant_id, id=invoice.customer_id)
    asked: list[ItemRequest] = changes["items"] if "items" in changes else [_asked(row) for row in items_of(invoice)]
    if "notes" in changes:
        invoice.buyer.notes = changes["notes"]
        invoice.buyer.save(update_fields=["notes"])
    request = InvoiceRequest(
        items=asked,
        currency=changes.get("currency") or invoice.currency,
        due_date=changes.get("due_date") if "due_date" in changes else invoice.due_date,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        skip_tax=changes.get("skip_tax", invoice.skip_tax),
    )
    require_products(tenant_id=invoice.tenant_id, request=request)
    content = compose(
        request, customer_id=customer.id, currency=request.currency or invoice.currency, exempt=customer.tax_exempt,
        terms=terms_of(settings), issued_at=None, invoice_id=invoice.id, subscription_id=invoice.subscription_id,
    )  # fmt: skip
    InvoiceItem.objects.filter(tenant_id=invoice.tenant_id, invoice_id=invoice.id).delete()
    invoice.currency, invoice.subtotal, invoice.discount = content.currency, content.subtotal, content.discount
    invoice.tax, invoice.total, invoice.item_count = content.tax, content.total, len(content.items)
    invoice.tax_breakdown, invoice.skip_tax = list(content.tax_breakdown), content.skip_tax
    invoice.due_date = content.due_date
    insert_items(invoice, content)


def _asked(row: InvoiceItem) -> ItemRequest:
    item = item_from(row)
    return ItemRequest(
        description=item.description, unit_price=int(item.unit_price), quantity=int(item.quantity),
        product_id=item.product_id, tax_code=item.tax_code, period_start=item.period_start,
        period_end=item.period_end, metadata=item.metadata,
    )  # fmt: skip
