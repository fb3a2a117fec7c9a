"""Reads of the webhooks app. Each needs the tenant's scope, unless it says otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from common.errors import NotFound
from webhooks.enums import OPEN_STATUSES, DeliveryStatus
from webhooks.models import Attempt, Delivery, Subscriber


@dataclass(frozen=True, slots=True)
class SubscriberHealth:
    """How a subscriber does. Times are real; those of the last success and failure may lag a few seconds."""

    open_deliveries: int
    dead_deliveries: int
    failing_since: dt.datetime | None
    last_success_at: dt.datetime | None
    last_failure_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, over all tenants; each number stops at 100,000."""

    open: int
    due: int
    dead: int
    failing: int
    disabled: int


def subscribers(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Subscriber]:
    """The tenant's subscribers that are not deleted and meet `condition`, in no particular order."""
    return Subscriber.objects.filter(condition or Q(), tenant_id=tenant_id, deleted_at__isnull=True)


def get_subscriber(*, tenant_id: UUID, subscriber_id: UUID) -> Subscriber:
    """One subscriber. Raises `NotFound`, for a deleted one too."""
    subscriber = subscribers(tenant_id=tenant_id).filter(id=subscriber_id).first()
    if subscriber is None:
        raise NotFound()
    return subscriber


def lock_subscriber(*, tenant_id: UUID, subscriber_id: UUID) -> Subscriber:
    """One subscriber, held against everything, the fan-out included, until the transaction ends. Raises `NotFound`.

    The fan-out holds the key of those it makes deliveries for: after this lock no delivery appears that an earlier
    selection made.
    """
    subscriber = subscribers(tenant_id=tenant_id).filter(id=subscriber_id).select_for_update().first()
    if subscriber is None:
        raise NotFound()
    return subscriber


def hold_subscriber(*, tenant_id: UUID, subscriber_id: UUID) -> tuple[bool, bool]:
    """Keep a subscriber from being switched or deleted until the transaction ends: whether it is active, and deleted.

    Raises `NotFound` for one that never was.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT active, deleted_at IS NOT NULL FROM webhooks_subscriber WHERE tenant_id = %s AND id = %s "
            "FOR KEY SHARE",
            [tenant_id, subscriber_id],
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound()
    return row[0], row[1]


def deliveries(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Delivery]:
    """The tenant's deliveries that meet `condition`, in no particular order."""
    return Delivery.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_delivery(*, tenant_id: UUID, delivery_id: UUID) -> Delivery:
    """One delivery. Raises `NotFound`."""
    delivery = deliveries(tenant_id=tenant_id).filter(id=delivery_id).first()
    if delivery is None:
        raise NotFound()
    return delivery


def lock_delivery(*, tenant_id: UUID, delivery_id: UUID) -> Delivery:
    """One delivery, held against claims and results until the transaction ends. Raises `NotFound`."""
    delivery = deliveries(tenant_id=tenant_id).filter(id=delivery_id).select_for_update(no_key=True).first()
    if delivery is None:
        raise NotFound()
    return delivery


def attempts_of(delivery: Delivery) -> Sequence[Attempt]:
    """The log of a delivery, first attempt first."""
    return list(Attempt.objects.filter(tenant_id=delivery.tenant_id, delivery_id=delivery.id).order_by("number"))


def get_health(*, tenant_id: UUID, subscriber_ids: Sequence[UUID]) -> dict[UUID, SubscriberHealth]:
    """The health of some subscribers, in two queries."""
    counted = {
        row["subscriber_id"]: row
        for row in Delivery.objects.filter(
            tenant_id=tenant_id,
            subscriber_id__in=subscriber_ids,
            status__in=[*OPEN_STATUSES, DeliveryStatus.DEAD.value],
        )
        .values("subscriber_id")
        .annotate(
            open=Count("id", filter=Q(status__in=OPEN_STATUSES)), dead=Count("id", filter=Q(status=DeliveryStatus.DEAD))
        )
    }
    nothing = {"open": 0, "dead": 0}
    return {
        subscriber.id: SubscriberHealth(
            open_deliveries=counted.get(subscriber.id, nothing)["open"],
            dead_deliveries=counted.get(subscriber.id, nothing)["dead"],
            failing_since=subscriber.failing_since,
            last_success_at=subscriber.last_success_at,
            last_failure_at=subscriber.last_failure_at,
        )
        for subscriber in Subscriber.objects.filter(tenant_id=tenant_id, id__in=subscriber_ids)
    }


def get_backlog(*, now: dt.datetime) -> Backlog:
    """Counts over all tenants, for metrics; crosses tenants through its own function, which returns numbers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT open, due, dead, failing, disabled FROM webhooks_backlog(%s)", [now])
        row = cursor.fetchone()
    assert row is not None
    return Backlog(*row)
