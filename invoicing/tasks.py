"""Celery entries of the invoicing app."""

from celery import shared_task

from invoicing.services import falling_due
from tenants.clocks import business_now


@shared_task(name="invoicing.tasks.mark_past_due")
def mark_past_due() -> int:
    """Sweep: unpaid invoices whose due day has passed. How many were marked."""
    marked = 0
    for tenant_id in falling_due.tenants_with_due(at=business_now()):
        marked += falling_due.mark_past_due(tenant_id=tenant_id, at=business_now(tenant_id))
    return marked
