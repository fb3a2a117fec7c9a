"""The static schedule of beat. Every entry is an idempotent sweep: skipped once or run twice, nothing differs."""

from __future__ import annotations

from typing import TypedDict


class Entry(TypedDict):
    """One sweep, and its pause in seconds."""

    task: str
    schedule: float
    options: dict[str, float]


def _every(seconds: float, task: str) -> Entry:
    # A sweep that no worker took before the next one is due is dropped: they must not pile up while workers are away.
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 10.0)}}


SCHEDULE: dict[str, Entry] = {
    "dispatch-events": _every(1, "events.tasks.dispatch_events"),
    "send-mail": _every(5, "events.tasks.send_mail"),
    "mark-past-due": _every(60, "invoicing.tasks.mark_past_due"),
    "purge-idempotency-keys": _every(3600, "tenants.tasks.purge_idempotency_keys"),
}
