"""Celery entries of the invoicing app."""

import logging
import time
from functools import partial
from typing import Final
from uuid import UUID

from celery import shared_task

from common.clock import SystemClock
from invoicing.services import document_requests, falling_due, recognising
from invoicing.services.anonymising import Clocks, anonymise_tenant, retention_lease
from tenants.clocks import business_now
from tenants.enums import RetentionCause
from tenants.leases import HeldLease, under_lease
from tenants.selectors import all_tenants

logger = logging.getLogger("ledger.tasks")
RETENTION_SECONDS: Final = 200
"""How long one message may keep a worker with erasing; the next sweep goes on."""
DOCUMENT_SECONDS: Final = 20
"""The same with documents."""


@shared_task(name="invoicing.tasks.render_documents")
@under_lease
def render_documents(held: HeldLease) -> int:
    """Sweep: documents of invoices that were finalised. How many were attempted."""
    end = time.monotonic() + DOCUMENT_SECONDS
    attempted = 0
    done = document_requests.BATCH
    while done == document_requests.BATCH and time.monotonic() < end:
        done = document_requests.make_requested(now=SystemClock().now(), keep=held.keep)
        attempted += done
    return attempted


@shared_task(name="invoicing.tasks.mark_past_due")
@under_lease
def mark_past_due(held: HeldLease) -> int:
    """Sweep: unpaid invoices whose due day has passed. How many were marked."""
    marked = 0
    for tenant_id in falling_due.tenants_with_due(at=business_now()):
        done = falling_due.BATCH
        while done == falling_due.BATCH:
            if not held.keep():
                return marked
            done = falling_due.mark_past_due(tenant_id=tenant_id, at=business_now(tenant_id))
            marked += done
    return marked


@shared_task(name="invoicing.tasks.recognise_revenue")
@under_lease
def recognise_revenue(held: HeldLease) -> int:
    """Sweep: months of service periods that have ended. How many were recognised.

    One tenant whose months cannot be posted stops no other.
    """
    recognised = 0
    for tenant_id in recognising.tenants_with_recognition(at=business_now()):
        done = recognising.BATCH
        while done == recognising.BATCH:
            if not held.keep():
                return recognised
            try:
                done = recognising.recognise_revenue(tenant_id=tenant_id, at=business_now(tenant_id))
            except Exception:
                logger.exception("Revenue could not be recognised", extra={"tenant": str(tenant_id)})
                break
            recognised += done
    return recognised


@shared_task(name="invoicing.tasks.anonymise")
def anonymise() -> int:
    """Sweep: each tenant once on each of its days. How many tenants were looked through to the end.

    Each tenant has a lease of its own, so that several workers take different tenants; one that fails stops no other.
    """
    looked_through, end = 0, time.monotonic() + RETENTION_SECONDS
    for tenant_id, slug in all_tenants():
        try:
            looked_through += _anonymise_tenant(tenant_id, slug, end)
        except Exception:
            logger.exception("A tenant's old data could not be erased", extra={"tenant": slug})
        if time.monotonic() > end:
            break
    return looked_through


def _anonymise_tenant(tenant_id: UUID, slug: str, end: float) -> bool:
    """Whether the tenant was looked through to the end, by us and now."""
    with retention_lease(tenant_id) as held:
        if not held:
            return False
        run = anonymise_tenant(
            tenant_id=tenant_id,
            actor="task:anonymise",
            cause=RetentionCause.SCHEDULE,
            clocks=Clocks(business=partial(business_now, tenant_id), real=SystemClock().now),
            go_on=lambda: time.monotonic() < end and held.keep(),
        )
    if run is None or run.finished_at is None:
        return False
    if run.invoices or run.customers:
        logger.info("anonymised", extra={"tenant": slug, "invoices": run.invoices, "customers": run.customers})
    return True
