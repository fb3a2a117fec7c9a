"""Celery entries of the tenants app: sweeps under a lease, safe to run twice."""

from __future__ import annotations

import logging

from celery import shared_task

from common.clock import SystemClock
from tenants.context import system_context
from tenants.idempotency import purge_expired
from tenants.leases import HeldLease, under_lease
from tenants.scope import tenant_scope
from tenants.selectors import all_tenants
from tenants.services.second_factors import end_expired_sessions

logger = logging.getLogger("ledger.tasks")
_BATCH = 1000


@shared_task(name="tenants.tasks.purge_idempotency_keys")
@under_lease
def purge_idempotency_keys(held: HeldLease) -> int:
    """Delete the answers whose keys have expired, tenant by tenant in batches. How many were deleted."""
    purged = 0
    now = SystemClock().now()
    for tenant_id, _ in all_tenants():
        deleted = _BATCH
        while deleted == _BATCH:
            if not held.keep():
                return purged
            with tenant_scope(system_context(tenant_id, "task:purge_idempotency_keys")):
                deleted = purge_expired(tenant_id=tenant_id, now=now, limit=_BATCH)
            purged += deleted
    if purged:
        logger.info("idempotency_keys_purged", extra={"count": purged})
    return purged


@shared_task(name="tenants.tasks.purge_sessions")
@under_lease
def purge_sessions(held: HeldLease) -> int:
    """Delete the sessions of staff that have expired. How many were deleted."""
    return end_expired_sessions(now=SystemClock().now())
