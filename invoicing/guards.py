"""What invoicing answers when lower apps ask whether something may be deleted, erased or changed."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q

from common.ids import encode_id
from common.prefixes import COUPON
from invoicing.enums import InvoiceStatus
from invoicing.models import Invoice
from invoicing.sql_erasure import FINISHED

UNPAID = (InvoiceStatus.PENDING, InvoiceStatus.FAILED, InvoiceStatus.PAST_DUE)
# What may still come to something holds the data of its buyer; late money settles an uncollectible invoice.
UNFINISHED = {
    "unpaid invoice": UNPAID,
    "uncollectible invoice": (InvoiceStatus.UNCOLLECTIBLE,),
    "draft invoice": (InvoiceStatus.DRAFT,),
}


def customer_in_use(*, tenant_id: UUID, object_id: UUID) -> str | None:
    """Invoices hold their customer for ever; the unpaid ones are named first."""
    counts = Invoice.objects.filter(tenant_id=tenant_id, customer_id=object_id).aggregate(
        every=Count("id"), unpaid=Count("id", filter=Q(status__in=UNPAID))
    )
    if counts["unpaid"]:
        return _count(counts["unpaid"], "unpaid invoice")
    return _count(counts["every"], "invoice") if counts["every"] else None


def coupon_on_drafts(*, tenant_id: UUID, object_id: UUID) -> str | None:
    """A draft that names a coupon is finalised with it."""
    named = [{"couponId": encode_id(COUPON, object_id)}]
    drafts = Invoice.objects.filter(tenant_id=tenant_id, status=InvoiceStatus.DRAFT, coupons__contains=named).count()
    return _count(drafts, "draft invoice") if drafts else None


def price_on_drafts(*, tenant_id: UUID, object_id: UUID) -> str | None:
    """A draft says how much of a price was used: units, or transactions, as the price counts."""
    drafts = Invoice.objects.filter(tenant_id=tenant_id, status=InvoiceStatus.DRAFT)
    naming = drafts.filter(items__price_id=object_id).distinct().count()
    return _count(naming, "draft invoice") if naming else None


def unfinished_invoices(*, tenant_id: UUID, customer_id: UUID) -> str | None:
    """Whoever owes money, or has a draft that may become an invoice, is not erased."""
    found = Invoice.objects.filter(tenant_id=tenant_id, customer_id=customer_id).exclude(status__in=FINISHED)
    counts = dict(found.order_by().values_list("status").annotate(Count("id")))
    reasons = [
        _count(number, noun)
        for noun, statuses in UNFINISHED.items()
        if (number := sum(counts.get(status, 0) for status in statuses))
    ]
    return ", ".join(reasons) or None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
