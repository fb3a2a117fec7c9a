"""The sweep that turns unpaid invoices past due. A pure function of time: late or twice makes no difference."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import connection

from common.clock import local_date, start_of_day
from invoicing.announcements import PAST_DUE, announce
from invoicing.enums import InvoiceCommand
from invoicing.errors import InvoiceNotPayable
from invoicing.models import Invoice
from invoicing.models.invoice import OPEN
from invoicing.selectors import body_of
from invoicing.transitions import apply_transition
from tenants.scope import tenant_scope
from tenants.selectors import get_settings

BATCH = 200


def tenants_with_due(*, at: dt.datetime) -> list[UUID]:
    """Tenants that have an unpaid invoice whose due date lies before `at`, across all tenants."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM invoicing_tenants_with_due(%s)", [at])
        return [row[0] for row in cursor.fetchall()]


def mark_past_due(*, tenant_id: UUID, at: dt.datetime) -> int:
    """Mark a batch of the tenant's overdue invoices and announce each; how many. Fewer than `BATCH`: none are left.

    An invoice is payable through its due day in the tenant's zone, and past due from the next midnight on. Each batch
    is a transaction of its own; two workers share the rows between them.
    """
    with tenant_scope(tenant_id):
        return _mark_batch(tenant_id=tenant_id, at=at)


def _mark_batch(*, tenant_id: UUID, at: dt.datetime) -> int:
    zone = get_settings(tenant_id=tenant_id).time_zone
    today = start_of_day(local_date(at, zone), zone)
    overdue = (
        Invoice.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("buyer")
        .filter(tenant_id=tenant_id, status__in=OPEN, due_date__lt=today)
        .prefetch_related("items")
        .order_by("due_date")[:BATCH]
    )
    rows = list(overdue)
    for invoice in rows:
        apply_transition(invoice, InvoiceCommand.FALL_DUE, at=at, refusals={}, otherwise=InvoiceNotPayable)
        invoice.save(update_fields=["status", "updated_at"])
        items = sorted(invoice.items.all(), key=lambda item: item.position)
        body = body_of(invoice, items)
        announce([PAST_DUE], tenant_id=tenant_id, invoice_id=invoice.id, body=body, at=at, trace_id="")
    return len(rows)
