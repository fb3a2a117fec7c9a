"""Business time: the tenant's or the customer's clock, asked at the edges and passed down as an argument."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from common.clock import SystemClock

_system = SystemClock()


def business_now(tenant_id: UUID | None = None, customer_id: UUID | None = None) -> dt.datetime:
    """Now, in milliseconds of UTC: real time, or that of a tenant or of one of its customers."""
    return _system.now()
