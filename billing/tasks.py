"""Celery entries of the billing app."""

from __future__ import annotations

import logging
import time
from typing import Final

from celery import shared_task
from django.conf import settings

from billing.services.vat_checks import BATCH, Outcome, due_verifications, verify_due
from common.clock import SystemClock
from tenants.clocks import business_now
from tenants.context import system_context
from tenants.leases import HeldLease, under_lease

logger = logging.getLogger("ledger.tasks")
BUSY_SECONDS: Final = 20
"""How long one message may keep a worker with asking; the next sweep goes on."""


@shared_task(name="billing.tasks.verify_vat_numbers")
@under_lease
def verify_vat_numbers(held: HeldLease) -> int:
    """Sweep: VAT numbers that VIES is to be asked about. How many were asked about.

    An outage ends the sweep: the others wait for the next one instead of a deadline each.
    """
    if not settings.VIES_URL:
        return 0
    asked, end = 0, time.monotonic() + BUSY_SECONDS
    found = due_verifications(now=SystemClock().now())
    while found:
        for tenant_id, customer_id in found:
            if time.monotonic() > end or not held.keep():
                return asked
            try:
                outcome = verify_due(
                    context=system_context(tenant_id, "task:verify_vat_numbers"), customer_id=customer_id,
                    at=business_now(tenant_id, customer_id), now=SystemClock().now(),
                )  # fmt: skip
            except Exception:
                logger.exception("A VAT number could not be verified", extra={"tenant": str(tenant_id)})
                continue
            asked += 1
            if outcome is Outcome.OUTAGE:
                return asked
        found = due_verifications(now=SystemClock().now()) if len(found) == BATCH else []
    return asked
