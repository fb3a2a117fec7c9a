"""The dispatcher: gives each subscriber its own delivery of each event, then delivers what is due.

A subscriber that takes sets (`events.registry.subscribe_sets`) is called at once, in the transaction that marks the
events, and gets deliveries only where that failed.

Any number of dispatchers may run at once. Rows that another one has locked are skipped, whatever one leaves undone the
next finds, and no order between events is promised: events are taken in the order of their ids, but commits come
later than ids, and an event whose delivery failed is overtaken.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import OperationalError, connection, transaction

from events import metrics
from events.domain import MarkedEvent
from events.models import EventDelivery
from events.registry import subscribers, subscribers_of
from events.services.deliveries import deliver_due
from tenants.context import system_context
from tenants.scope import tenant_scope

EVENTS_PER_ROUND: Final = 2000
DELIVERIES_PER_ROUND: Final = 50

logger = logging.getLogger(__name__)

_MARK: Final = """
UPDATE events_event SET dispatched_at = %s FROM (
    SELECT id FROM events_event WHERE id = ANY(%s::uuid[]) AND dispatched_at IS NULL ORDER BY id FOR UPDATE SKIP LOCKED
) AS claimed WHERE events_event.id = claimed.id
RETURNING events_event.id, events_event.type
"""


@dataclass(frozen=True, slots=True)
class Round:
    """What one call of `dispatch` did. `attempted` deliveries have succeeded, failed or been given up.

    `full`: it took as much as it may, so there is probably more.
    """

    dispatched: int
    attempted: int
    full: bool

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do."""
        return not self.dispatched and not self.attempted


def dispatch(*, now: dt.datetime, limit: int = EVENTS_PER_ROUND) -> Round:
    """One round: at most `limit` events become deliveries, and a handful of deliveries are attempted.

    `now` is real time. Call it again as long as the round was full.
    """
    started = time.monotonic()
    dispatched = make_deliveries(now=now, limit=limit)
    now += dt.timedelta(seconds=time.monotonic() - started)
    attempted = deliver_due(now=now, limit=DELIVERIES_PER_ROUND)
    return Round(dispatched, attempted, full=dispatched >= limit or attempted >= DELIVERIES_PER_ROUND)


def make_deliveries(*, now: dt.datetime, limit: int = EVENTS_PER_ROUND) -> int:
    """Make the deliveries of the oldest undispatched events of all tenants; how many events that were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, ids FROM events_due(%s)", [limit])
        due = cursor.fetchall()
    return sum(_dispatch_tenant(tenant_id, ids, now) for tenant_id, ids in due)


def _dispatch_tenant(tenant_id: UUID, ids: list[UUID], now: dt.datetime) -> int:
    """Mark the tenant's events and insert their deliveries in one transaction."""
    with tenant_scope(system_context(tenant_id, "events:dispatch")):
        with connection.cursor() as cursor:
            # Nobody waits for this commit: if a crash takes it back, mark and deliveries are both made once more.
            cursor.execute("SELECT set_config('synchronous_commit', 'off', true)")
            cursor.execute(_MARK, [now, ids])
            marked: list[tuple[UUID, str]] = cursor.fetchall()
        missed = _hand_over_sets(tenant_id, [MarkedEvent(*row) for row in marked], now)
        by_type: dict[str, list[UUID]] = defaultdict(list)
        for event_id, event_type in marked:
            by_type[event_type].append(event_id)
        wanted = [
            (event_id, subscriber.name)
            for event_type, event_ids in by_type.items()
            for subscriber in subscribers_of(event_type)
            if subscriber.set_handler is None or subscriber.name in missed
            for event_id in event_ids
        ]
        # Ids of deliveries rise with those of their events: that is the order in which they are attempted.
        rows = [
            EventDelivery(tenant_id=tenant_id, event_id=event_id, subscriber=name, next_attempt_at=now, created_at=now)
            for event_id, name in sorted(wanted)
        ]
        # A replay may have made a delivery before us.
        EventDelivery.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return len(marked)


def _hand_over_sets(tenant_id: UUID, events: Sequence[MarkedEvent], now: dt.datetime) -> set[str]:
    """Call the subscribers that take sets; the names of those that failed, whose events go on as deliveries."""
    missed: set[str] = set()
    for subscriber in subscribers():
        if subscriber.set_handler is None:
            continue
        wanted = [event for event in events if subscriber.wants(event.type)]
        if not wanted:
            continue
        try:
            with transaction.atomic():
                subscriber.set_handler(tenant_id=tenant_id, events=wanted, now=now)
            outcome = "succeeded"
        except OperationalError:
            raise  # The connection, not the handler: everything is undone and dispatched again.
        except Exception:
            logger.warning("A subscriber failed", exc_info=True, extra={"subscriber": subscriber.name})
            missed.add(subscriber.name)
            outcome = "failed"
        metrics.DELIVERIES.labels(subscriber.name, outcome).inc(len(wanted))
    return missed
