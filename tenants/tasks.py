"""Celery entries of the tenants app: sweeps under a lease, safe to run twice."""

from __future__ import annotations

import logging

from celery import shared_task

from common.clock import SystemClock
from tenants.context import system_context
from tenants.idempotency import purge_expired
from tenants.leases import lease
from tenants.scope import tenant_scope
from tenants.selectors import all_tenants

logger = logging.getLogger("ledger.tasks")
_LEASE_SECONDS = 120
_BATCH = 1000


@shared_task(name="tenants.tasks.purge_idempotency_keys")
def purge_idempotency_keys() -> int:
    """Delete the answers whose keys have expired, tenant by tenant in batches. How many were deleted."""
    purged = 0
    with lease("tenants.purge_idempotency_keys", seconds=_LEASE_SECONDS) as held:
        if not held:
            return 0
        now = SystemClock().now()
        for tenant_id, _ in all_tenants():
            while True:
                if not held.renew():
                    return purged
                with tenant_scope(system_context(tenant_id, "task:purge_idempotency_keys")):
                    deleted = purge_expired(tenant_id=tenant_id, now=now, limit=_BATCH)
                purged += deleted
                if deleted < _BATCH:
                    break
    if purged:
        logger.info("idempotency_keys_purged", extra={"count": purged})
    return purged
