"""Which events become callbacks, for whom: in the transaction that marks the event, once, and only what is public."""

from __future__ import annotations

import threading

import pytest
from django.db import OperationalError, connection

from events import registry
from events.enums import DeliveryStatus
from events.models import Event, EventDelivery
from events.public import public_events
from events.registry import subscribe_sets
from events.services.dispatching import dispatch, make_deliveries
from events.services.replay import Selection, replay_batch
from tenants.scope import tenant_scope
from tests.webhooks.conftest import deliveries_of, fan_out_all, happen, publish, real_now
from webhooks.models import Delivery, Message
from webhooks.services.fan_out import fan_out
from webhooks.services.subscribers import delete_subscriber, toggle_subscriber, update_subscriber
from webhooks.services.verifying import FAN_OUT

pytestmark = pytest.mark.django_db

URL = "https://192.0.32.8/hooks"


def test_the_public_events_are_those_of_the_contract():
    assert public_events() == [
        "customer.created", "customer.updated", "invoice.created", "invoice.finalised", "invoice.paid",
        "invoice.past_due", "invoice.uncollectible", "invoice.voided", "transfer.posted", "transfer.voided",
    ]  # fmt: skip


def test_each_subscriber_gets_what_its_patterns_match(tenant, subscribe):
    everything = subscribe(URL)
    invoices = subscribe(URL, events=["invoice.*"])
    paid = subscribe(URL, events=["invoice.paid", "invoice.voided"])
    subscribe(URL, active=False)
    happen(tenant, "invoice.paid", "invoice.created", "customer.created")
    assert {(one.subscriber_id, one.event_type) for one in deliveries_of(tenant)} == {
        (everything.id, "invoice.paid"), (everything.id, "invoice.created"), (everything.id, "customer.created"),
        (invoices.id, "invoice.paid"), (invoices.id, "invoice.created"), (paid.id, "invoice.paid"),
    }  # fmt: skip
    assert {(one.status, one.attempts) for one in deliveries_of(tenant)} == {("pending", 0)}


def test_what_is_not_public_stays_inside(tenant, subscribe):
    subscribe(URL)
    happen(tenant, "mail.sent", "secret.made")
    assert deliveries_of(tenant) == []


def test_nothing_is_stored_when_nobody_wants_it(tenant, subscribe):
    subscribe(URL, events=["customer.created"])
    happen(tenant, "invoice.paid")
    with tenant_scope(tenant.id):
        assert not Message.objects.exists()
        assert not EventDelivery.objects.filter(subscriber=FAN_OUT).exists()
        assert not Event.objects.filter(dispatched_at__isnull=True).exists()


def test_another_tenants_events_are_not_mine(tenant, other_tenant, subscribe):
    subscribe(URL)
    happen(other_tenant, "invoice.paid")
    assert deliveries_of(tenant) == deliveries_of(other_tenant) == []


def test_a_subscriber_gets_what_is_dispatched_while_it_is_active(tenant, subscribe):
    subscriber = subscribe(URL)
    (before,) = happen(tenant, "invoice.paid")
    with tenant_scope(tenant.id):
        toggle_subscriber(tenant_id=tenant.id, subscriber_id=subscriber.id, at=real_now(), now=real_now())
    happen(tenant, "invoice.paid")
    with tenant_scope(tenant.id):
        toggle_subscriber(tenant_id=tenant.id, subscriber_id=subscriber.id, at=real_now(), now=real_now())
    (after,) = happen(tenant, "invoice.paid")
    with tenant_scope(tenant.id):
        update_subscriber(
            tenant_id=tenant.id, subscriber_id=subscriber.id, at=real_now(), now=real_now(),
            changes={"events": ["customer.created"]},
        )  # fmt: skip
    happen(tenant, "invoice.paid")
    assert {one.message_id for one in deliveries_of(tenant)} == {before, after}


def test_dispatching_again_and_replaying_change_nothing(tenant, subscribe):
    subscribe(URL)
    (event_id,) = happen(tenant, "invoice.paid")
    made = deliveries_of(tenant)
    fan_out_all()
    with tenant_scope(tenant.id):
        replay_batch(Selection(subscriber=FAN_OUT, everything=True), tenant_id=tenant.id, now=real_now())
    dispatch(now=real_now())
    with tenant_scope(tenant.id):
        assert EventDelivery.objects.get(event_id=event_id, subscriber=FAN_OUT).status == DeliveryStatus.SUCCEEDED
    assert [one.id for one in deliveries_of(tenant)] == [one.id for one in made]


def test_many_events_cost_a_handful_of_statements(tenant, subscribe, django_assert_num_queries):
    for _ in range(3):
        subscribe(URL)
    publish(tenant, *["invoice.paid"] * 200)
    # Due; context; commit mode; mark; savepoint; subscribers; events; messages; deliveries; release. In a test the
    # scope is a savepoint too.
    with django_assert_num_queries(14):
        assert make_deliveries(now=real_now()) == 200
    assert len(deliveries_of(tenant)) == 600


@pytest.fixture
def broken(monkeypatch):
    """A fan-out that fails for events of one type, when they come in a set or alone."""
    failing: set[str] = {"invoice.voided"}

    def fail(*, tenant_id, events, now):
        fan_out(tenant_id=tenant_id, events=events, now=now)
        if failing & {event.type for event in events}:
            raise ValueError("broken")

    monkeypatch.setitem(registry._subscribers, FAN_OUT, registry.Subscriber(FAN_OUT, ("*",), set_handler=fail))
    return failing


def test_a_set_that_fails_is_tried_event_by_event_and_nothing_is_lost(tenant, subscribe, broken):
    subscribe(URL)
    good, bad = publish(tenant, "invoice.paid", "invoice.voided")
    make_deliveries(now=real_now())
    assert deliveries_of(tenant) == [], "what the failed set wrote was undone"
    while not dispatch(now=real_now()).idle:
        pass
    assert [one.message_id for one in deliveries_of(tenant)] == [good]
    broken.clear()
    with tenant_scope(tenant.id):
        waiting = EventDelivery.objects.get(event_id=bad, subscriber=FAN_OUT)
        assert (waiting.status, waiting.last_error) == ("pending", "ValueError: broken")
        EventDelivery.objects.filter(id=waiting.id).update(next_attempt_at=real_now())
    dispatch(now=real_now())
    assert {one.message_id for one in deliveries_of(tenant)} == {good, bad}


def test_a_lost_connection_undoes_mark_and_callbacks_together(tenant, subscribe, monkeypatch):
    subscribe(URL)
    (event_id,) = publish(tenant, "invoice.paid")

    def cut(*, tenant_id, events, now):
        fan_out(tenant_id=tenant_id, events=events, now=now)
        raise OperationalError("server closed the connection")

    monkeypatch.setitem(registry._subscribers, FAN_OUT, registry.Subscriber(FAN_OUT, ("*",), set_handler=cut))
    with pytest.raises(OperationalError):
        make_deliveries(now=real_now())
    assert deliveries_of(tenant) == []
    with tenant_scope(tenant.id):
        assert Event.objects.get(id=event_id).dispatched_at is None


def test_a_name_is_one_handlers_only():
    with pytest.raises(ValueError, match="registered twice"):
        subscribe_sets(FAN_OUT, ["*"], lambda *, tenant_id, events, now: None)


@pytest.mark.django_db(transaction=True)
def test_two_dispatchers_and_a_deletion_at_once_leave_nothing_open_behind(tenant, subscribe):
    kept, deleted = subscribe(URL), subscribe(URL)
    publish(tenant, *["invoice.paid"] * 300)
    ready = threading.Barrier(3)
    problems: list[BaseException] = []

    def run(work) -> None:
        try:
            ready.wait(10)
            work()
        except BaseException as problem:
            problems.append(problem)
        finally:
            connection.close()

    def delete() -> None:
        with tenant_scope(tenant.id):
            delete_subscriber(tenant_id=tenant.id, subscriber_id=deleted.id, at=real_now(), now=real_now())

    threads = [threading.Thread(target=run, args=(work,)) for work in (fan_out_all, fan_out_all, delete)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    fan_out_all()
    assert problems == []
    with tenant_scope(tenant.id):
        assert Delivery.objects.filter(subscriber_id=kept.id, status="pending").count() == 300
        assert set(Delivery.objects.filter(subscriber_id=deleted.id).values_list("status", flat=True)) <= {"cancelled"}
