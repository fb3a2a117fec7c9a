"""The static schedule of beat. Every entry is an idempotent sweep: skipped once or run twice, nothing differs.

Beat may forget when it last sent an entry (a new container has no file), and then waits anew. So no pause is longer
than an hour; what is due less often, the sweep itself finds out from the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypedDict

from ledger_project.worker.lanes import Lane

SHORTEST_EXPIRY_SECONDS: Final = 10.0


class Guard(StrEnum):
    """What keeps two runs of a sweep from doing the same work at once. Both live in PostgreSQL."""

    LEASE = "lease"
    """One run at a time, everywhere: the task is `tenants.leases.under_lease`."""
    ROWS = "rows"
    """Any number at once: each takes rows with SKIP LOCKED, and what leaves the database has a lease per row."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep: its task, its pause in seconds (None: `WORKER_POLL_INTERVAL_MS`), its guard and its lane."""

    task: str
    seconds: float | None
    guard: Guard
    lane: Lane = Lane.SWEEPS


class Entry(TypedDict):
    """What beat reads."""

    task: str
    schedule: float
    options: dict[str, float]


SWEEPS: Final[dict[str, Sweep]] = {
    "dispatch-events": Sweep("events.tasks.dispatch_events", None, Guard.ROWS, Lane.DISPATCH),
    "deliver-callbacks": Sweep("webhooks.tasks.deliver_callbacks", None, Guard.ROWS, Lane.CALLBACKS),
    "send-mail": Sweep("events.tasks.send_mail", None, Guard.ROWS, Lane.MAIL),
    "seal-entries": Sweep("accounting.tasks.seal_entries", 1, Guard.LEASE),
    "render-documents": Sweep("invoicing.tasks.render_documents", 2, Guard.LEASE),
    "mark-past-due": Sweep("invoicing.tasks.mark_past_due", 60, Guard.LEASE),
    "verify-vat-numbers": Sweep("billing.tasks.verify_vat_numbers", 30, Guard.LEASE),
    "expire-holds": Sweep("accounting.tasks.expire_holds", 10, Guard.LEASE),
    "settle-grants": Sweep("accounting.tasks.settle_grants", 10, Guard.LEASE),
    # A month ends at a time of its tenant's own; the entry is of that time, however late the sweep comes.
    "recognise-revenue": Sweep("invoicing.tasks.recognise_revenue", 3600, Guard.LEASE),
    # Each tenant has a midnight of its own, and a lease; it is looked through once on each of its days.
    "anonymise": Sweep("invoicing.tasks.anonymise", 3600, Guard.ROWS),
    "purge-sessions": Sweep("tenants.tasks.purge_sessions", 3600, Guard.LEASE),
    "purge-idempotency-keys": Sweep("tenants.tasks.purge_idempotency_keys", 3600, Guard.LEASE),
}
_LANES: Final = {sweep.task: sweep.lane for sweep in SWEEPS.values()}


def beat_schedule(*, poll_seconds: float) -> dict[str, Entry]:
    """The entries as beat wants them; `poll_seconds` is the pause of those that have none of their own."""
    return {name: _entry(sweep.task, sweep.seconds or poll_seconds) for name, sweep in SWEEPS.items()}


def lane_of(task: str) -> Lane:
    """The lane of a task by its name; one that is not in the schedule runs among the sweeps."""
    return _LANES.get(task, Lane.SWEEPS)


def _entry(task: str, seconds: float) -> Entry:
    # A sweep that no worker took before the next one is due is dropped: they must not pile up while workers are away.
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, SHORTEST_EXPIRY_SECONDS)}}
