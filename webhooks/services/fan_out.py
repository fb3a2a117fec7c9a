"""From an event to the callbacks it causes, for many events in a handful of statements.

It runs inside the transaction that marks the events as dispatched (`events.registry.subscribe_sets`): the mark and the
callbacks commit together. A subscriber gets what it wants when that transaction looks, not when the event happened.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from common.ids import new_id
from events.domain import MarkedEvent
from events.models import Event
from events.public import is_public
from events.registry import pattern_matches
from webhooks import wakeup
from webhooks.bodies import callback_body

EVENTS_PER_STATEMENT: Final = 500

# Whoever changes the selection or deletes the subscriber waits for us, and we for them (`lock_subscriber`).
_INTERESTED: Final = """
SELECT id, events FROM webhooks_subscriber WHERE tenant_id = %s AND active AND deleted_at IS NULL
ORDER BY id FOR KEY SHARE
"""
_MESSAGES: Final = """
INSERT INTO webhooks_message (id, tenant_id, event_type, body, occurred_at, created_at)
SELECT m.id, %s::uuid, m.event_type, m.body, m.occurred_at, %s::timestamptz
FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::timestamptz[]) AS m (id, event_type, body, occurred_at)
ON CONFLICT (id) DO NOTHING
"""
_DELIVERIES: Final = """
INSERT INTO webhooks_delivery (
    id, tenant_id, subscriber_id, message_id, event_type, status, attempts, failures, abandoned, next_attempt_at,
    created_at
)
SELECT d.id, %s::uuid, d.subscriber_id, d.message_id, d.event_type, 'pending', 0, 0, 0, %s::timestamptz,
    %s::timestamptz
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[]) AS d (id, subscriber_id, message_id, event_type)
ON CONFLICT (message_id, subscriber_id) DO NOTHING
"""


def fan_out(*, tenant_id: UUID, events: Sequence[MarkedEvent], now: dt.datetime) -> None:
    """Make a delivery of each public event for each active subscriber that wants it. Doing it again adds nothing."""
    public = [event for event in events if is_public(event.type)]
    if not public:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INTERESTED, [tenant_id])
        interested: list[tuple[UUID, list[str]]] = cursor.fetchall()
    if not interested:
        return
    wanting = {
        event_type: [
            subscriber_id
            for subscriber_id, patterns in interested
            if any(pattern_matches(pattern, event_type) for pattern in patterns)
        ]
        for event_type in {event.type for event in public}
    }
    pairs = [(subscriber_id, event) for event in public for subscriber_id in wanting[event.type]]
    if not pairs:
        return
    wanted = sorted({event.id for _, event in pairs})
    for start in range(0, len(wanted), EVENTS_PER_STATEMENT):
        add_messages_of_events(wanted[start : start + EVENTS_PER_STATEMENT], tenant_id=tenant_id, now=now)
    add_deliveries(((one, event.id, event.type) for one, event in pairs), tenant_id=tenant_id, now=now)
    wakeup.after_commit()


def add_messages_of_events(event_ids: Sequence[UUID], *, tenant_id: UUID, now: dt.datetime) -> None:
    """Store the bytes of the events' callbacks; those that are stored stay as they are."""
    rows = Event.objects.filter(tenant_id=tenant_id, id__in=event_ids).values_list("id", "type", "data", "occurred_at")
    add_messages(
        [
            (
                event_id, event_type, occurred_at,
                callback_body(
                    event_id=event_id, event_type=event_type, data=data, occurred_at=occurred_at, tenant_id=tenant_id
                ),
            )
            for event_id, event_type, data, occurred_at in rows
        ],
        tenant_id=tenant_id, now=now,
    )  # fmt: skip


def add_messages(
    messages: Sequence[tuple[UUID, str, dt.datetime, bytes]], *, tenant_id: UUID, now: dt.datetime
) -> None:
    """Store messages: event id, type, business time, bytes."""
    with connection.cursor() as cursor:
        cursor.execute(
            _MESSAGES,
            [
                tenant_id, now, [one[0] for one in messages], [one[1] for one in messages],
                [one[3] for one in messages], [one[2] for one in messages],
            ],
        )  # fmt: skip


def add_deliveries(wanted: Iterable[tuple[UUID, UUID, str]], *, tenant_id: UUID, now: dt.datetime) -> int:
    """Make deliveries (subscriber, event, type) that are due at once; how many were not there yet."""
    rows = list(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            _DELIVERIES,
            [
                tenant_id, now, now, [new_id() for _ in rows], [one[0] for one in rows], [one[1] for one in rows],
                [one[2] for one in rows],
            ],
        )  # fmt: skip
        return int(cursor.rowcount)
