"""Leases: at most one holder at a time for a name, and none for ever. Time is the database's: clocks may differ.

@shared_task(name="invoicing.tasks.mark_past_due")
@under_lease
def mark_past_due(held: HeldLease) -> None:
    for tenant_id, _ in all_tenants():
        if not held.keep():
            return  # another has taken over
        …
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection

from common.ids import new_id

Result = TypeVar("Result")

_CLAIM = """
    INSERT INTO tenants_lease AS held (name, holder, until)
    VALUES (%s, %s, clock_timestamp() + make_interval(secs => %s))
    ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, until = EXCLUDED.until
        WHERE held.until <= clock_timestamp() OR held.holder = EXCLUDED.holder
"""
_RENEW = """
    UPDATE tenants_lease SET until = clock_timestamp() + make_interval(secs => %s)
    WHERE name = %s AND holder = %s AND until > clock_timestamp()
"""
_RELEASE = "DELETE FROM tenants_lease WHERE name = %s AND holder = %s"


@dataclass(slots=True)
class HeldLease:
    """A lease in hand. False in a condition when another holder has it."""

    name: str
    holder: UUID
    seconds: float
    held: bool
    _renewed_at: float = field(default_factory=time.monotonic)

    def __bool__(self) -> bool:
        return self.held

    def renew(self) -> bool:
        """Take it for another `seconds` from now; False when it has run out or another has it: stop working then."""
        self.held = self.held and _changed(_RENEW, [self.seconds, self.name, self.holder])
        self._renewed_at = time.monotonic()
        return self.held

    def keep(self) -> bool:
        """Renew it when `JOB_HEARTBEAT_SECONDS` have passed since the last time; False when it is lost: stop then.

        Call it between pieces of work that each take less than the rest of the lease.
        """
        if time.monotonic() - self._renewed_at < settings.JOB_HEARTBEAT_SECONDS:
            return self.held
        return self.renew()


def claim_lease(name: str, *, seconds: float | None = None) -> HeldLease:
    """Take the lease for `seconds` (`JOB_LEASE_SECONDS`), unless another holds it.

    Not inside a transaction: others must see it.
    """
    holder, seconds = new_id(), settings.JOB_LEASE_SECONDS if seconds is None else seconds
    return HeldLease(name, holder, seconds, held=_changed(_CLAIM, [name, holder, seconds]))


def release_lease(lease: HeldLease) -> None:
    """Give it back. Nothing happens when it has run out and another has it."""
    if lease.held:
        _changed(_RELEASE, [lease.name, lease.holder])
        lease.held = False


@contextmanager
def lease(name: str, *, seconds: float | None = None) -> Iterator[HeldLease]:
    """Hold a lease for a block and give it back at the end; the block looks whether it was given."""
    taken = claim_lease(name, seconds=seconds)
    try:
        yield taken
    finally:
        release_lease(taken)


def under_lease(sweep: Callable[[HeldLease], Result]) -> Callable[[], Result | None]:
    """Run `sweep` under the lease of its name for `JOB_LEASE_SECONDS`; without it do nothing and return None.

    The name is module and function, as Celery names a task. Work that may take longer calls `held.keep()` on its way.
    When its holder is killed, another run takes over as soon as the lease has ended.
    """

    @functools.wraps(sweep)
    def run() -> Result | None:
        with lease(f"{sweep.__module__}.{sweep.__name__}") as held:
            return sweep(held) if held else None

    # Celery and mypy ask what arguments it takes: none.
    del run.__wrapped__
    return run


def _changed(sql: str, parameters: Sequence[str | float | UUID]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return bool(cursor.rowcount == 1)
