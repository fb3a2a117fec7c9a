"""Delivering events again: dead ones after their cause was repaired, or any to a subscriber that needs them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from common.ids import new_id
from events.enums import DeliveryCommand, DeliveryStatus
from events.errors import UnknownSubscriber
from events.models import Event, EventDelivery
from events.registry import find_subscriber, subscribers_of
from events.selectors import first_id_at
from events.transitions import DELIVERY

BATCH: Final = 500

_RENEW: Final = """
INSERT INTO events_eventdelivery (id, tenant_id, event_id, subscriber, status, attempts, next_attempt_at, created_at)
SELECT d.id, %(tenant)s::uuid, d.event_id, d.subscriber, %(pending)s, 0, %(now)s, %(now)s
FROM unnest(%(ids)s::uuid[], %(events)s::uuid[], %(subscribers)s::text[]) AS d (id, event_id, subscriber)
ON CONFLICT (event_id, subscriber) DO UPDATE
    SET status = %(pending)s, attempts = 0, next_attempt_at = %(now)s, succeeded_at = NULL
    WHERE events_eventdelivery.status = ANY(%(finished)s::text[])
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events to deliver again, to whom.

    `everything`: also those that were delivered, or never were; else only dead deliveries. `type` is a pattern such as
    `invoice.*`; `since` is the real time of publishing. What is given must all hold.
    """

    subscriber: str | None = None
    type: str | None = None
    since: dt.datetime | None = None
    event_id: UUID | None = None
    everything: bool = False


def check_selection(selection: Selection) -> None:
    """Raises `UnknownSubscriber` when a delivery would have nobody to take it."""
    if selection.subscriber is not None and find_subscriber(selection.subscriber) is None:
        raise UnknownSubscriber(f"No subscriber is called {selection.subscriber!r}.")


def replay_batch(
    selection: Selection, *, tenant_id: UUID, now: dt.datetime, after: UUID | None = None, dry_run: bool = False
) -> tuple[int, UUID | None]:
    """Make the deliveries of the next few hundred events pending again, in the tenant's scope.

    Returns how many deliveries that were, and the id to pass as `after` for the next batch (None at the end).
    Deliveries that are pending or running are left alone. A handler sees the event once more, as at the first time.
    """
    events = _events(selection, tenant_id, after)
    if not events:
        return 0, None
    wanted = _everything(events, selection) if selection.everything else _dead(events, selection)
    changed = len(wanted) if dry_run else _renew(wanted, tenant_id, now)
    return changed, events[-1][0] if len(events) == BATCH else None


def _events(selection: Selection, tenant_id: UUID, after: UUID | None) -> list[tuple[UUID, str]]:
    # What is not dispatched yet gets its deliveries anyway.
    chosen = Q(tenant_id=tenant_id, dispatched_at__isnull=False)
    if selection.event_id:
        chosen &= Q(id=selection.event_id)
    if selection.since:
        chosen &= Q(id__gte=first_id_at(selection.since))
    if after:
        chosen &= Q(id__gt=after)
    if selection.type and selection.type.endswith(".*"):
        chosen &= Q(type__startswith=selection.type[:-1])
    elif selection.type and selection.type != "*":
        chosen &= Q(type=selection.type)
    if not selection.everything:
        dead = EventDelivery.objects.filter(tenant_id=tenant_id, status=DeliveryStatus.DEAD)
        if selection.subscriber:
            dead = dead.filter(subscriber=selection.subscriber)
        chosen &= Q(id__in=dead.values("event_id"))
    return list(Event.objects.filter(chosen).order_by("id").values_list("id", "type")[:BATCH])


def _dead(events: Sequence[tuple[UUID, str]], selection: Selection) -> list[tuple[UUID, str]]:
    rows = EventDelivery.objects.filter(event_id__in=[event_id for event_id, _ in events], status=DeliveryStatus.DEAD)
    if selection.subscriber:
        rows = rows.filter(subscriber=selection.subscriber)
    return list(rows.order_by("event_id", "subscriber").values_list("event_id", "subscriber"))


def _everything(events: Sequence[tuple[UUID, str]], selection: Selection) -> list[tuple[UUID, str]]:
    open_deliveries = set(
        EventDelivery.objects.filter(
            event_id__in=[event_id for event_id, _ in events],
            status__in=[DeliveryStatus.PENDING, DeliveryStatus.DELIVERING],
        ).values_list("event_id", "subscriber")
    )
    return [
        (event_id, subscriber.name)
        for event_id, event_type in events
        for subscriber in subscribers_of(event_type)
        if selection.subscriber in (None, subscriber.name) and (event_id, subscriber.name) not in open_deliveries
    ]


def _renew(wanted: Sequence[tuple[UUID, str]], tenant_id: UUID, now: dt.datetime) -> int:
    if not wanted:
        return 0
    finished = [status for status in DeliveryStatus if DeliveryCommand.REPLAY in DELIVERY.allowed(status)]
    with connection.cursor() as cursor:
        cursor.execute(
            _RENEW,
            {
                "tenant": tenant_id,
                "now": now,
                "pending": DELIVERY.next_state(DeliveryStatus.DEAD, DeliveryCommand.REPLAY),
                "finished": [str(status.value) for status in finished],
                "ids": [new_id() for _ in wanted],
                "events": [event_id for event_id, _ in wanted],
                "subscribers": [name for _, name in wanted],
            },
        )
        return int(cursor.rowcount)
