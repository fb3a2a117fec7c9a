"""Deliveries: a subscriber's effects and the record that it has succeeded commit together, so they happen once."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from uuid import UUID

import orjson

from events import metrics
from events.domain import MarkedEvent, ReceivedEvent
from events.models import EventDelivery
from events.registry import find_subscriber
from events.services import leases
from events.services.leases import DELIVERIES, Claim
from tenants.context import Actor, ActorType, Context, system_context
from tenants.scope import tenant_scope

logger = logging.getLogger(__name__)


def deliver_due(*, now: dt.datetime, limit: int, lease: dt.timedelta | None = None) -> int:
    """Attempt at most `limit` due deliveries of all tenants, longest due first; how many attempts were finished.

    `now` is real time. Each delivery has its own transaction; one that fails holds up no other.
    """
    lease = lease or leases.default_lease()
    started = time.monotonic()
    finished = 0
    for tenant_id, ids in leases.find_due_deliveries(now=now, limit=limit):
        at = now + dt.timedelta(seconds=time.monotonic() - started)
        finished += _deliver_to_tenant(tenant_id, ids, at, lease)
    return finished


def _deliver_to_tenant(tenant_id: UUID, ids: Sequence[UUID], now: dt.datetime, lease: dt.timedelta) -> int:
    started = time.monotonic()
    with tenant_scope(system_context(tenant_id, "events:deliver")):
        claims = leases.claim(DELIVERIES, ids, now=now, lease=lease)
        rows = {
            row.id: row for row in EventDelivery.objects.select_related("event").filter(id__in=[c.id for c in claims])
        }
    for index, claimed in enumerate(claims):
        elapsed = dt.timedelta(seconds=time.monotonic() - started)
        if index and elapsed > lease / 2:
            # The rest might run out of lease before their turn comes, and lose an attempt without having had one.
            with tenant_scope(system_context(tenant_id, "events:deliver")):
                leases.hand_back(DELIVERIES, claims[index:], at=now + elapsed)
            return index
        _attempt(rows[claimed.id], claimed, now + elapsed)
    return len(claims)


def _attempt(delivery: EventDelivery, claimed: Claim, now: dt.datetime) -> None:
    started = time.monotonic()
    context = Context(
        tenant_id=delivery.tenant_id,
        actor=Actor(ActorType.SYSTEM, f"subscriber:{delivery.subscriber}"),
        trace_id=delivery.event.trace_id,
    )
    try:
        with tenant_scope(context):
            if not leases.hold(DELIVERIES, claimed):
                return
            _handle(delivery, claimed.attempt, now)
            leases.record_success(DELIVERIES, claimed, at=now + dt.timedelta(seconds=time.monotonic() - started))
        outcome = "succeeded"
    except Exception as problem:
        logger.warning(
            "A subscriber failed",
            exc_info=True,
            extra={"subscriber": delivery.subscriber, "event_type": delivery.event.type, "attempt": claimed.attempt},
        )
        at = now + dt.timedelta(seconds=time.monotonic() - started)
        with tenant_scope(context):
            status = leases.record_failure(DELIVERIES, claimed, at=at, error=f"{type(problem).__name__}: {problem}")
        outcome = "dead" if status == DELIVERIES.given_up else "failed"
    metrics.DELIVERIES.labels(delivery.subscriber, outcome).inc()


def _handle(delivery: EventDelivery, attempt: int, now: dt.datetime) -> None:
    subscriber = find_subscriber(delivery.subscriber)
    if subscriber is None:
        # An older worker during a release, or an app that was removed: later attempts or an operator decide.
        raise LookupError(f"No subscriber {delivery.subscriber!r} is registered in this process.")
    event = delivery.event
    if subscriber.set_handler is not None:
        subscriber.set_handler(tenant_id=event.tenant_id, events=[MarkedEvent(event.id, event.type)], now=now)
        return
    assert subscriber.handler is not None
    subscriber.handler(
        ReceivedEvent(
            id=event.id,
            tenant_id=event.tenant_id,
            type=event.type,
            object_type=event.object_type,
            object_id=event.object_id,
            data=orjson.loads(event.data),
            occurred_at=event.occurred_at,
            trace_id=event.trace_id,
            version=event.version,
            attempt=attempt,
        )
    )
