"""What invoicing answers when lower apps ask whether a customer may be deleted or erased."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q

from invoicing.enums import InvoiceStatus
from invoicing.models import Invoice

UNPAID = (InvoiceStatus.PENDING, InvoiceStatus.FAILED, InvoiceStatus.PAST_DUE)


def customer_in_use(*, tenant_id: UUID, object_id: UUID) -> str | None:
    """Invoices hold their customer for ever; the unpaid ones are named first."""
    counts = Invoice.objects.filter(tenant_id=tenant_id, customer_id=object_id).aggregate(
        every=Count("id"), unpaid=Count("id", filter=Q(status__in=UNPAID))
    )
    if counts["unpaid"]:
        return _count(counts["unpaid"], "unpaid invoice")
    return _count(counts["every"], "invoice") if counts["every"] else None


def unpaid_invoices(*, tenant_id: UUID, customer_id: UUID) -> str | None:
    """Whoever owes money is not erased."""
    unpaid = Invoice.objects.filter(tenant_id=tenant_id, customer_id=customer_id, status__in=UNPAID).count()
    return _count(unpaid, "unpaid invoice") if unpaid else None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
