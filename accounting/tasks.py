"""Celery entries of the accounting app."""

import logging
import time
from typing import Final

from celery import shared_task

from accounting.services import holds, sealing, settling_grants
from common.clock import SystemClock
from tenants.clocks import business_now
from tenants.leases import HeldLease, under_lease

logger = logging.getLogger("ledger.tasks")

SEALING_SECONDS: Final = 20
"""How long one message may keep a worker with sealing; the next sweep goes on."""


@shared_task(name="accounting.tasks.seal_entries")
@under_lease
def seal_entries(held: HeldLease) -> int:
    """Sweep: entries that no seal covers yet. How many were sealed. One tenant that cannot be sealed stops no other."""
    end = time.monotonic() + SEALING_SECONDS
    sealed = 0
    for tenant_id in sealing.tenants_with_unsealed():
        done = sealing.BATCH
        while done == sealing.BATCH:
            if time.monotonic() > end or not held.keep():
                return sealed
            try:
                done = sealing.seal_tenant(tenant_id=tenant_id, now=SystemClock().now())
            except Exception:
                logger.exception("Entries could not be sealed", extra={"tenant": str(tenant_id)})
                break
            sealed += done
    return sealed


@shared_task(name="accounting.tasks.expire_holds")
@under_lease
def expire_holds(held: HeldLease) -> int:
    """Sweep: holds whose time is over. How many were freed. One tenant whose holds cannot be stops no other."""
    expired = 0
    for tenant_id in holds.tenants_with_due(at=business_now()):
        done = holds.BATCH
        while done == holds.BATCH:
            if not held.keep():
                return expired
            try:
                done = holds.expire_holds(tenant_id=tenant_id, at=business_now(tenant_id))
            except Exception:
                logger.exception("Holds could not be freed", extra={"tenant": str(tenant_id)})
                break
            expired += done
    return expired


@shared_task(name="accounting.tasks.settle_grants")
@under_lease
def settle_grants(held: HeldLease) -> int:
    """Sweep: grants whose time has come, or is over. How many began or ended.

    One tenant whose grants cannot be posted stops no other.
    """
    settled = 0
    for tenant_id in settling_grants.tenants_with_due(at=business_now()):
        done = 1
        while done:
            if not held.keep():
                return settled
            try:
                done = settling_grants.settle_due(tenant_id=tenant_id, at=business_now(tenant_id))
            except Exception:
                logger.exception("Grants could not be settled", extra={"tenant": str(tenant_id)})
                break
            settled += done
    return settled
