"""Proving callbacks: every public event once for each subscriber that wanted it, and each end explained."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields
from typing import Any, Final
from uuid import UUID

from django.db import connection

from events.public import public_events_matching
from events.selectors import first_id_at
from webhooks.schedule import MAX_ABANDONED, MAX_FAILURES
from webhooks.selectors import subscribers
from webhooks.services.claims import ABANDONED

FAN_OUT: Final = "webhooks.fan_out"

# Of an erased callback an attempt that was under way is not in the log; what the fan-out still has is counted apart.
_MISSING: Final = """
SELECT count(*) FROM events_event e
WHERE e.tenant_id = %(tenant)s AND e.type = ANY(%(types)s) AND e.id >= %(since)s AND e.dispatched_at IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM webhooks_delivery d WHERE d.message_id = e.id AND d.subscriber_id = %(subscriber)s
    )
    AND NOT EXISTS (
        SELECT 1 FROM events_eventdelivery f
        WHERE f.event_id = e.id AND f.subscriber = %(fan_out)s AND f.status <> 'succeeded'
    )
"""
_FAN_OUT_LEFT: Final = """
SELECT count(*) FILTER (WHERE status IN ('pending', 'delivering')), count(*) FILTER (WHERE status = 'dead')
FROM events_eventdelivery WHERE tenant_id = %(tenant)s AND subscriber = %(fan_out)s
"""
_MESSAGES: Final = """
SELECT count(*) FROM webhooks_message m
WHERE m.tenant_id = %(tenant)s AND m.event_type <> 'ping' AND NOT EXISTS (
    SELECT 1 FROM events_event e WHERE e.tenant_id = m.tenant_id AND e.id = m.id AND e.type = m.event_type
)
"""
_DELIVERIES: Final = """
SELECT
    count(*) FILTER (WHERE d.status IN ('pending', 'delivering', 'failed')),
    count(*) FILTER (WHERE d.status IN ('pending', 'delivering', 'failed') AND NOT s.active),
    count(*) FILTER (WHERE d.status IN ('pending', 'delivering', 'failed') AND s.deleted_at IS NOT NULL),
    count(*) FILTER (
        WHERE d.status IN ('pending', 'delivering', 'failed') AND s.active AND s.failing_since IS NULL
            AND d.next_attempt_at < %(overdue)s
    ),
    count(*) FILTER (WHERE d.status = 'dead'),
    count(*) FILTER (WHERE d.status = 'succeeded' AND NOT COALESCE(
        l.response_status BETWEEN 200 AND 299 AND l.error IS NULL AND l.number = d.attempts AND l.at = d.delivered_at,
        false)),
    count(*) FILTER (WHERE d.status = 'dead' AND NOT COALESCE(
        d.failures >= %(failures)s OR l.response_status = 410 OR d.abandoned >= %(abandonments)s, false)),
    count(*) FILTER (WHERE d.status = 'cancelled' AND s.deleted_at IS NULL AND m.body IS NOT NULL),
    count(*) FILTER (WHERE m.body IS NOT NULL AND (
        l.logged <> d.attempts - (d.status = 'delivering')::integer OR l.number <> l.logged)),
    count(*) FILTER (WHERE d.event_type <> m.event_type)
FROM webhooks_delivery d
JOIN webhooks_subscriber s ON s.id = d.subscriber_id
JOIN webhooks_message m ON m.id = d.message_id
CROSS JOIN LATERAL (
    SELECT count(*) AS logged, max(a.number) AS number, (array_agg(a.response_status ORDER BY a.number DESC))[1]
        AS response_status, (array_agg(a.error ORDER BY a.number DESC))[1] AS error,
        (array_agg(a.at ORDER BY a.number DESC))[1] AS at
    FROM webhooks_attempt a WHERE a.delivery_id = d.id
) AS l
WHERE d.tenant_id = %(tenant)s
"""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was counted. The second half must be 0."""

    open: int
    paused: int
    dead: int
    fan_out_waiting: int

    missing: int
    fan_out_dead: int
    without_event: int
    of_deleted_subscribers: int
    overdue: int
    succeeded_without_success: int
    dead_without_reason: int
    cancelled_without_reason: int
    log_has_gaps: int
    of_another_type: int

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong. What is open, paused or dead is no mistake."""
        good = {"open", "paused", "dead", "fan_out_waiting"}
        return not any(getattr(self, field.name) for field in fields(self) if field.name not in good)


def verify_callbacks(
    *, tenant_id: UUID, now: dt.datetime, overdue_after: dt.timedelta, settling: dt.timedelta
) -> Findings:
    """Count what stands against the promise, in the tenant's scope. Read only; `now` is real time.

    That a subscriber wanted an event can be told of events that were published while its selection was what it is
    now; those of the first `settling` after a change are left out, because the change may have committed later. A
    delivery is overdue when it should have been attempted `overdue_after` ago and its subscriber does not fail.
    """
    missing = 0
    with connection.cursor() as cursor:
        given: dict[str, Any] = {
            "tenant": tenant_id, "fan_out": FAN_OUT, "overdue": now - overdue_after, "failures": MAX_FAILURES,
            "abandonments": MAX_ABANDONED, "abandoned": ABANDONED,
        }  # fmt: skip
        for subscriber in subscribers(tenant_id=tenant_id).filter(active=True):
            cursor.execute(
                _MISSING,
                given
                | {
                    "types": public_events_matching(subscriber.events),
                    "since": first_id_at(subscriber.selection_since + settling),
                    "subscriber": subscriber.id,
                },
            )
            missing += _row(cursor)[0]
        cursor.execute(_FAN_OUT_LEFT, given)
        waiting, fan_out_dead = _row(cursor)
        cursor.execute(_MESSAGES, given)
        (without_event,) = _row(cursor)
        cursor.execute(_DELIVERIES, given)
        counts = _row(cursor)
    return Findings(
        open=counts[0], paused=counts[1], dead=counts[4], fan_out_waiting=waiting, missing=missing,
        fan_out_dead=fan_out_dead, without_event=without_event, of_deleted_subscribers=counts[2], overdue=counts[3],
        succeeded_without_success=counts[5], dead_without_reason=counts[6], cancelled_without_reason=counts[7],
        log_has_gaps=counts[8], of_another_type=counts[9],
    )  # fmt: skip


def _row(cursor: Any) -> tuple[int, ...]:
    row = cursor.fetchone()
    assert row is not None
    return tuple(row)
