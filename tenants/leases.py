"""Leases: at most one holder at a time for a name, and none for ever. Time is the database's: clocks may differ.

with lease("sweep:past_due", seconds=60) as held:
    if held:
        for tenant in all_tenants():
            if not held.renew():
                return  # another has taken over
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from common.ids import new_id

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

    def __bool__(self) -> bool:
        return self.held

    def renew(self) -> bool:
        """Take it for another `seconds` from now; False when it has run out or another has it: stop working then."""
        self.held = self.held and _changed(_RENEW, [self.seconds, self.name, self.holder])
        return self.held


def claim_lease(name: str, *, seconds: float) -> HeldLease:
    """Take the lease for `seconds`, unless another holds it. Not inside a transaction: others must see it."""
    holder = new_id()
    return HeldLease(name, holder, seconds, held=_changed(_CLAIM, [name, holder, seconds]))


def release_lease(lease: HeldLease) -> None:
    """Give it back. Nothing happens when it has run out and another has it."""
    if lease.held:
        _changed(_RELEASE, [lease.name, lease.holder])
        lease.held = False


@contextmanager
def lease(name: str, *, seconds: float) -> Iterator[HeldLease]:
    """Hold a lease for a block and give it back at the end; the block looks whether it was given."""
    taken = claim_lease(name, seconds=seconds)
    try:
        yield taken
    finally:
        release_lease(taken)


def _changed(sql: str, parameters: Sequence[str | float | UUID]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return bool(cursor.rowcount == 1)
