"""Each subscriber gets its own delivery of each event it wants, whoever dispatches, however often."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from events.enums import DeliveryStatus
from events.models import Event, EventDelivery
from events.publishing import publish, publish_all
from events.services.dispatching import dispatch, make_deliveries
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.events.conftest import NOW, an_event

pytestmark = pytest.mark.django_db


def _publish(tenant: Tenant, *types: str) -> list[UUID]:
    with tenant_scope(tenant.id):
        return publish_all([an_event(event_type) for event_type in types], tenant_id=tenant.id)


def nothing(event):
    pass


def test_each_subscriber_gets_a_delivery_of_what_it_wants(tenant, subscribed):
    subscribed(nothing, "invoice.*", name="tests.invoices")
    subscribed(nothing, "*", name="tests.everything")
    paid, created = _publish(tenant, "invoice.paid", "customer.created")
    assert make_deliveries(now=NOW) == 2
    with tenant_scope(tenant.id):
        assert set(EventDelivery.objects.values_list("event_id", "subscriber", "status", "next_attempt_at")) == {
            (paid, "tests.invoices", "pending", NOW),
            (paid, "tests.everything", "pending", NOW),
            (created, "tests.everything", "pending", NOW),
        }
        assert set(Event.objects.values_list("dispatched_at", flat=True)) == {NOW}


def test_without_subscribers_events_are_only_marked(tenant, other_tenant):
    _publish(tenant, "invoice.paid", "invoice.voided")
    _publish(other_tenant, "invoice.paid")
    assert make_deliveries(now=NOW) == 3
    assert make_deliveries(now=NOW) == 0
    for owner, count in ((tenant, 2), (other_tenant, 1)):
        with tenant_scope(owner.id):
            assert Event.objects.filter(dispatched_at=NOW).count() == count
            assert not EventDelivery.objects.exists()


def test_the_oldest_events_go_first(tenant, other_tenant):
    first = _publish(tenant, "invoice.paid", "invoice.paid")
    second = _publish(other_tenant, "invoice.paid")
    assert make_deliveries(now=NOW, limit=1) == 1
    with tenant_scope(tenant.id):
        assert list(Event.objects.filter(dispatched_at=NOW).values_list("id", flat=True)) == first[:1]
    assert make_deliveries(now=NOW, limit=2) == 2
    with tenant_scope(other_tenant.id):
        assert list(Event.objects.filter(dispatched_at=NOW).values_list("id", flat=True)) == second


def test_a_round_dispatches_and_delivers_and_says_when_it_is_idle(tenant, subscribed):
    got: list[Any] = []
    subscribed(got.append)
    _publish(tenant, "invoice.paid")
    done = dispatch(now=NOW)
    assert (done.dispatched, done.attempted, done.idle) == (1, 1, False)
    assert [event.type for event in got] == ["invoice.paid"]
    assert dispatch(now=NOW).idle


def test_deliveries_are_attempted_in_the_order_of_publishing(tenant, subscribed):
    got: list[UUID] = []
    subscribed(lambda event: got.append(event.id))
    ids = _publish(tenant, *["invoice.paid"] * 7, *["invoice.voided"] * 5, "invoice.paid")
    while not dispatch(now=NOW).idle:
        pass
    assert got == ids


def test_what_a_subscriber_publishes_is_dispatched_in_its_turn(tenant, subscribed):
    got: list[Any] = []

    def pay(event):
        got.append(event.type)
        if event.type == "payment.succeeded":
            publish(an_event("invoice.paid"), tenant_id=event.tenant_id, trace_id=event.trace_id)

    subscribed(pay, "payment.*", "invoice.*")
    _publish(tenant, "payment.succeeded")
    while not dispatch(now=NOW).idle:
        pass
    assert got == ["payment.succeeded", "invoice.paid"]


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_at_once_neither_lose_nor_repeat_anything(make_tenant, subscribed):
    tenants = [make_tenant() for _ in range(3)]
    guard = threading.Lock()
    got: list[UUID] = []

    def take(event):
        with guard:
            got.append(event.id)

    subscribed(take)
    published = [event_id for tenant in tenants for event_id in _publish(tenant, *["invoice.paid"] * 100)]
    start = threading.Barrier(4)

    def work(_):
        start.wait()
        try:
            for _ in range(60):
                dispatch(now=NOW, limit=40)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    while not dispatch(now=NOW).idle:
        pass
    assert sorted(got) == sorted(published)
    for tenant in tenants:
        with tenant_scope(tenant.id):
            assert EventDelivery.objects.filter(status=DeliveryStatus.SUCCEEDED, attempts=1).count() == 100
            assert not Event.objects.filter(dispatched_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_a_dispatcher_skips_what_another_one_holds_and_finds_it_later(tenant, subscribed):
    subscribed(nothing)
    ids = _publish(tenant, "invoice.paid", "invoice.paid")
    with tenant_scope(tenant.id):
        list(Event.objects.select_for_update().filter(id=ids[0]))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_dispatch_in_thread).result() == 1
    assert make_deliveries(now=NOW) == 1


def _dispatch_in_thread():
    try:
        return make_deliveries(now=NOW)
    finally:
        connection.close()
