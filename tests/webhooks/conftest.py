"""Receivers, subscribers, events and an engine for the tests of callbacks."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from common.clock import SystemClock
from common.ids import new_id
from events.domain import DomainEvent
from events.publishing import publish_all
from events.services.dispatching import make_deliveries
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.tenants.backoffice.conftest import _no_second_factor, browser_of, make_member  # noqa: F401
from tests.webhooks.sink import Sink
from webhooks.egress import judge_url
from webhooks.models import Attempt, Delivery, Subscriber
from webhooks.services.delivering import Done, Engine
from webhooks.services.subscribers import create_subscriber

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


def real_now() -> dt.datetime:
    """The real time."""
    return SystemClock().now()


@pytest.fixture(autouse=True)
def loopback_allowed(settings: Any) -> None:
    """The receivers of these tests listen on this machine."""
    settings.LEDGER_EGRESS_ALLOW = "127.0.0.1"


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver."""
    made = Sink()
    yield made
    made.close()


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine whose exchanges end after five seconds."""
    made = Engine(deadline_seconds=5)
    yield made
    made.close()


@pytest.fixture
def subscribe(tenant: Tenant) -> Callable[..., Subscriber]:
    """Makes subscribers: `subscribe(sink.url())`, of another tenant with `owner=…`."""

    def make(url: str, *, owner: Tenant = tenant, now: dt.datetime | None = None, **given: Any) -> Subscriber:
        with tenant_scope(owner.id):
            subscriber, secret = create_subscriber(
                tenant_id=owner.id, at=AT, now=now or real_now(), url=judge_url(url), **{"name": "Books", **given}
            )
        subscriber.plain_secret = secret  # type: ignore[attr-defined]
        return subscriber

    return make


def publish(tenant: Tenant, *types: str, data: dict[str, Any] | str | None = None) -> list[UUID]:
    """Events of new objects, not dispatched yet."""
    events = [
        DomainEvent(
            type=one, object_type="invoice", object_id=new_id(), data=data or {"object": "invoice", "total": 1200},
            occurred_at=AT,
        )
        for one in types
    ]  # fmt: skip
    with tenant_scope(tenant.id):
        return publish_all(events, tenant_id=tenant.id)


def fan_out_all(now: dt.datetime | None = None) -> None:
    """What the dispatcher does."""
    while make_deliveries(now=now or real_now()):
        pass


def happen(tenant: Tenant, *types: str, **options: Any) -> list[UUID]:
    """Publish and dispatch."""
    ids = publish(tenant, *types, **options)
    fan_out_all()
    return ids


def deliveries_of(tenant: Tenant) -> Sequence[Delivery]:
    """All deliveries of the tenant, oldest first."""
    with tenant_scope(tenant.id):
        return list(Delivery.objects.order_by("message_id", "subscriber_id"))


def attempts_of(tenant: Tenant) -> Sequence[Attempt]:
    """All attempts of the tenant."""
    with tenant_scope(tenant.id):
        return list(Attempt.objects.order_by("delivery_id", "number"))


def run(engine: Engine, seconds: float = 5) -> Done:
    """Deliver what is due."""
    return engine.run(seconds=seconds)


def body_of(received: Any) -> dict[str, Any]:
    """The JSON of a callback."""
    value: dict[str, Any] = json.loads(received.body)
    return value
