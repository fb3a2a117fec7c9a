"""Deliveries that people ask for: again, as a test, or of an event that a subscriber did not get."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from common.errors import NotFound
from common.ids import new_id
from events.models import Event
from events.public import is_public
from webhooks import wakeup
from webhooks.bodies import PING, callback_body, ping_data
from webhooks.enums import DeliveryCommand, DeliveryStatus
from webhooks.errors import ContentErased, DeliveryInProgress, EventNotPublic, SubscriberDeleted, SubscriberInactive
from webhooks.models import Delivery, Message
from webhooks.selectors import get_delivery, get_subscriber, hold_subscriber, lock_delivery
from webhooks.services.claims import lease_time
from webhooks.services.fan_out import add_deliveries, add_messages, add_messages_of_events
from webhooks.transitions import DELIVERY

ERASED: Final = "The content was erased."

# Locks in the order of ids, as whoever records results. The end of an attempt under way will not be recorded.
_CANCEL: Final = """
WITH held AS MATERIALIZED (
    SELECT d.id, d.tenant_id, d.status, d.attempts, d.lease_until
    FROM webhooks_delivery d JOIN webhooks_message m ON m.id = d.message_id
    WHERE d.status IN ('pending', 'delivering', 'failed') AND {about}
    ORDER BY d.id FOR NO KEY UPDATE OF d
), logged AS (
    INSERT INTO webhooks_attempt (id, tenant_id, delivery_id, number, at, duration_ms, error)
    SELECT ledger_uuid7(), tenant_id, id, attempts, lease_until - make_interval(secs => %s), 0, %s
    FROM held WHERE status = 'delivering'
)
UPDATE webhooks_delivery AS work SET status = 'cancelled', next_attempt_at = NULL, lease_token = NULL,
    lease_until = NULL, last_error = %s
FROM held WHERE work.id = held.id
"""


def retry_delivery(*, tenant_id: UUID, delivery_id: UUID, now: dt.datetime) -> Delivery:
    """The delivery, due now, whatever became of it; its schedule begins anew, its attempts are counted on.

    Raises `NotFound`; `DeliveryInProgress` while an attempt is under way; `SubscriberDeleted`, `SubscriberInactive` and
    `ContentErased` where it could not be sent.
    """
    subscriber_id = get_delivery(tenant_id=tenant_id, delivery_id=delivery_id).subscriber_id
    _require_reachable(tenant_id, subscriber_id)
    delivery = lock_delivery(tenant_id=tenant_id, delivery_id=delivery_id)
    if delivery.status == DeliveryStatus.DELIVERING:
        raise DeliveryInProgress()
    if Message.objects.filter(tenant_id=tenant_id, id=delivery.message_id, body__isnull=True).exists():
        raise ContentErased()
    following = DELIVERY.next_state(delivery.status, DeliveryCommand.RETRY)
    Delivery.objects.filter(tenant_id=tenant_id, id=delivery_id).update(
        status=following, next_attempt_at=now, failures=0, abandoned=0
    )
    wakeup.after_commit()
    delivery.refresh_from_db()
    return delivery


def replay(*, tenant_id: UUID, subscriber_id: UUID, event_id: UUID, now: dt.datetime) -> Delivery:
    """Send an event to a subscriber, again or for the first time, whatever its patterns say.

    With the id and bytes of the first time. Raises `NotFound` for either, `EventNotPublic`, and what `retry_delivery`
    raises.
    """
    get_subscriber(tenant_id=tenant_id, subscriber_id=subscriber_id)
    known = Delivery.objects.filter(tenant_id=tenant_id, subscriber_id=subscriber_id, message_id=event_id).first()
    if known is not None:
        return retry_delivery(tenant_id=tenant_id, delivery_id=known.id, now=now)
    event = Event.objects.filter(tenant_id=tenant_id, id=event_id).first()
    if event is None:
        raise NotFound()
    if not is_public(event.type):
        raise EventNotPublic()
    _require_reachable(tenant_id, subscriber_id)
    add_messages_of_events([event_id], tenant_id=tenant_id, now=now)
    add_deliveries([(subscriber_id, event_id, event.type)], tenant_id=tenant_id, now=now)
    wakeup.after_commit()
    return Delivery.objects.get(tenant_id=tenant_id, subscriber_id=subscriber_id, message_id=event_id)


def send_test(*, tenant_id: UUID, subscriber_id: UUID, at: dt.datetime, now: dt.datetime) -> Delivery:
    """A `ping` to the subscriber, signed, logged and retried like any callback. `at` is business time.

    Raises `NotFound` and `SubscriberInactive`.
    """
    get_subscriber(tenant_id=tenant_id, subscriber_id=subscriber_id)
    _require_reachable(tenant_id, subscriber_id)
    ping_id = new_id()
    body = callback_body(
        event_id=ping_id, event_type=PING, data=ping_data(subscriber_id), occurred_at=at, tenant_id=tenant_id
    )
    add_messages([(ping_id, PING, at, body)], tenant_id=tenant_id, now=now)
    add_deliveries([(subscriber_id, ping_id, PING)], tenant_id=tenant_id, now=now)
    wakeup.after_commit()
    return Delivery.objects.get(tenant_id=tenant_id, subscriber_id=subscriber_id, message_id=ping_id)


def cancel_open_deliveries(*, tenant_id: UUID, subscriber_id: UUID, reason: str) -> int:
    """Nothing of what is open will be sent; an attempt under way finds its claim gone. How many were open."""
    return cancel_where("d.tenant_id = %s AND d.subscriber_id = %s", [tenant_id, subscriber_id], reason=reason)


def cancel_where(about: str, parameters: Sequence[Any], *, reason: str) -> int:
    """Cancel the open deliveries `d`, with messages `m`, of which the SQL condition `about` is true."""
    lease = lease_time().total_seconds()
    with connection.cursor() as cursor:
        cursor.execute(_CANCEL.format(about=about), [*parameters, lease, reason, reason])
        return int(cursor.rowcount)


def _require_reachable(tenant_id: UUID, subscriber_id: UUID) -> None:
    # Before the delivery is locked: whoever deletes a subscriber takes the locks in this order too.
    active, deleted = hold_subscriber(tenant_id=tenant_id, subscriber_id=subscriber_id)
    if deleted:
        raise SubscriberDeleted()
    if not active:
        raise SubscriberInactive()
