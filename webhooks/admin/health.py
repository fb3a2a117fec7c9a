"""How subscribers do: what was delivered in the last day, what waits, and why nothing is sent."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q

from events.admin.wording import short
from tenants.backoffice import display
from tenants.backoffice.api import Access, Card, Line
from tenants.backoffice.filters import first_id
from webhooks.enums import OPEN_STATUSES, DeliveryStatus, DisabledReason
from webhooks.models import Delivery, Subscriber

_BOUND = 1_000
REASONS = {
    DisabledReason.MANUAL.value: "Switched off by hand",
    DisabledReason.GONE.value: "Switched off: it answered 410 Gone",
    DisabledReason.FAILING.value: "Switched off: every attempt of five days failed",
}


@dataclass(frozen=True, slots=True)
class Day:
    """What became of the deliveries that were made within a day; of very many, the newest thousand."""

    succeeded: int
    tried: int
    waiting: int
    last_error: str

    @property
    def rate(self) -> str:
        """The share that succeeded, of those that were tried."""
        if not self.tried:
            return "Nothing was sent"
        return f"{100 * self.succeeded // self.tried} % ({self.succeeded} of {self.tried})"


def last_day(subscriber: Subscriber, *, now: dt.datetime) -> Day:
    """The last 24 hours of a subscriber, in three queries."""
    mine = Delivery.objects.filter(tenant_id=subscriber.tenant_id, subscriber_id=subscriber.id)
    recent = mine.filter(id__gte=first_id(now - dt.timedelta(days=1))).order_by("-id").values("id")[:_BOUND]
    counted = Delivery.objects.filter(id__in=recent).aggregate(
        succeeded=Count("id", filter=Q(status=DeliveryStatus.SUCCEEDED)), tried=Count("id", filter=Q(attempts__gt=0))
    )
    waiting = mine.filter(status__in=OPEN_STATUSES).order_by().values("pk")[: _BOUND + 1].count()
    failing = mine.exclude(last_error=None).exclude(status=DeliveryStatus.SUCCEEDED).order_by("-id")
    last = failing.values_list("last_error", flat=True)[:1]
    return Day(counted["succeeded"], counted["tried"], waiting, short(next(iter(last), None)))


def state_badge(subscriber: Subscriber, now: dt.datetime) -> object:
    """Whether it is called, as a badge."""
    if subscriber.deleted_at is not None:
        return display.badge("deleted")
    if not subscriber.active:
        return display.badge("disabled", REASONS.get(subscriber.disabled_reason or "", "Switched off"))
    if subscriber.failing_since is not None and subscriber.failing_since < now - dt.timedelta(minutes=5):
        return display.badge("failing", "Failing", tone="warning")
    return display.badge("active")


def state_of_subscribers(access: Access) -> list[Card]:
    """What awaits people, for the first page."""
    mine = Subscriber.objects.filter(tenant_id=access.tenant_id, deleted_at__isnull=True)
    counted = mine.aggregate(
        every=Count("id"), failing=Count("id", filter=Q(active=True, failing_since__isnull=False)),
        off=Count("id", filter=Q(active=False)),
    )  # fmt: skip
    if not counted["every"]:
        return []
    dead = Delivery.objects.filter(tenant_id=access.tenant_id, status=DeliveryStatus.DEAD)
    given_up = dead.order_by().values("pk")[: _BOUND + 1].count()
    page = "/admin/webhooks/subscriber/"
    lines = [
        Line("Subscribers", counted["every"], page),
        Line("Failing", counted["failing"], page, "warning" if counted["failing"] else ""),
        Line("Switched off", counted["off"], page),
        Line(
            "Callbacks given up", f"{_BOUND:,}+" if given_up > _BOUND else f"{given_up:,}",
            "/admin/webhooks/delivery/?status=dead", "danger" if given_up else "",
        ),
    ]  # fmt: skip
    return [Card("Callbacks", lines, "webhooks:read", page, icon="webhook")]
