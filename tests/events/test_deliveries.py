"""A subscriber's effects in the database happen exactly once, whatever fails in between."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection

from events.domain import ReceivedEvent
from events.errors import InvalidMail
from events.models import Event, EventDelivery, Mail
from events.publishing import publish
from events.registry import unsubscribe
from events.services import leases
from events.services.deliveries import deliver_due
from events.services.dispatching import dispatch, make_deliveries
from events.services.leases import ABANDONED, DELIVERIES
from events.services.mail import queue_mail
from tenants.models import AuditEntry, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tests.events.conftest import LEASE, NOW, an_event

pytestmark = pytest.mark.django_db
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def publish_one(tenant):
    """Publishes an event and makes its deliveries."""

    def run(event=None):
        with tenant_scope(tenant.id):
            event_id = publish(event or an_event(), tenant_id=tenant.id, trace_id="trace-1")
        make_deliveries(now=NOW)
        return event_id

    return run


def _delivery(tenant: Tenant) -> Any:
    with tenant_scope(tenant.id):
        return EventDelivery.objects.get()


def _claim(tenant: Tenant, *, now: dt.datetime = NOW) -> list[leases.Claim]:
    with tenant_scope(tenant.id):
        ids = list(EventDelivery.objects.values_list("id", flat=True))
        return leases.claim(DELIVERIES, ids, now=now, lease=LEASE)


def mail_the_buyer(event: ReceivedEvent) -> None:
    queue_mail(
        tenant_id=event.tenant_id, to=["buyer@example.com"], subject=f"About {event.type}", text="…",
        at=event.occurred_at, now=NOW, object_type=event.object_type, object_id=event.object_id,
    )  # fmt: skip


def test_a_subscriber_gets_the_whole_event_in_the_tenants_scope(tenant, subscribed, publish_one):
    got = []

    def look(event):
        got.append((event, TenantSettings.objects.get().tenant_id))

    subscribed(look)
    event = an_event(data={"total": 1200, "name": "Zoë"})
    event_id = publish_one(event)
    assert deliver_due(now=NOW, limit=10) == 1
    ((received, seen_tenant),) = got
    assert seen_tenant == tenant.id == received.tenant_id
    assert (received.id, received.type, received.object_type) == (event_id, "invoice.paid", "invoice")
    assert received.data == {"total": 1200, "name": "Zoë"}
    assert (received.object_id, received.occurred_at) == (event.object_id, event.occurred_at)
    assert (received.trace_id, received.version, received.attempt) == ("trace-1", 1, 1)


def test_what_a_subscriber_does_is_audited_in_its_name(tenant, subscribed, publish_one):
    subscribed(lambda event: TenantSettings.objects.update(tax_rate=700))
    publish_one()
    deliver_due(now=NOW, limit=10)
    with tenant_scope(tenant.id):
        entry = AuditEntry.objects.filter(entity_type="settings").latest("created_at")
    assert (entry.actor_type, entry.actor_id, entry.trace_id) == ("system", "subscriber:tests.copy", "trace-1")


def test_a_paid_invoice_becomes_one_mail_to_the_buyer(tenant, subscribed, publish_one):
    subscribed(mail_the_buyer, "invoice.paid")
    publish_one()
    for _ in range(3):
        deliver_due(now=NOW, limit=10)
    with tenant_scope(tenant.id):
        assert Mail.objects.get().subject == "About invoice.paid"
    delivery = _delivery(tenant)
    assert (delivery.status, delivery.attempts) == ("succeeded", 1)
    assert delivery.succeeded_at - NOW < SECOND
    assert delivery.next_attempt_at is delivery.lease_token is delivery.lease_until is None


def test_a_failing_handler_leaves_nothing_but_its_error_and_a_later_attempt(tenant, subscribed, publish_one):
    def fail_after_writing(event):
        mail_the_buyer(event)
        raise ZeroDivisionError("no rate")

    subscribed(fail_after_writing)
    publish_one()
    assert deliver_due(now=NOW, limit=10) == 1
    delivery = _delivery(tenant)
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("pending", 1, "ZeroDivisionError: no rate")
    assert 1.6 * SECOND <= delivery.next_attempt_at - NOW <= 3.4 * SECOND
    assert delivery.lease_token is None
    with tenant_scope(tenant.id):
        assert not Mail.objects.exists()


def test_a_failed_delivery_succeeds_later_with_its_attempt_counted(tenant, subscribed, publish_one):
    attempts = []

    def fail_once(event):
        attempts.append(event.attempt)
        if event.attempt == 1:
            raise InvalidMail
        mail_the_buyer(event)

    subscribed(fail_once)
    publish_one()
    deliver_due(now=NOW, limit=10)
    assert deliver_due(now=NOW + SECOND, limit=10) == 0  # not before its time
    assert deliver_due(now=NOW + 5 * SECOND, limit=10) == 1
    assert attempts == [1, 2]
    delivery = _delivery(tenant)
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("succeeded", 2, None)
    with tenant_scope(tenant.id):
        assert Mail.objects.count() == 1


def test_pauses_double_until_the_tenth_attempt_is_the_last(tenant, subscribed, publish_one):
    tries = []

    def fail(event):
        tries.append(event.attempt)
        raise ValueError("still wrong")

    subscribed(fail)
    publish_one()
    now, pauses = NOW, []
    while (delivery := _delivery(tenant)).status == "pending":
        pauses.append((delivery.next_attempt_at - now) / SECOND)
        now = delivery.next_attempt_at
        deliver_due(now=now, limit=10)
    assert tries == list(range(1, 11))
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("dead", 10, "ValueError: still wrong")
    for number, pause in enumerate(pauses[1:], start=1):
        assert 0.8 * 2**number <= pause <= 1.2 * 2**number + 1
    assert deliver_due(now=now + dt.timedelta(days=365), limit=10) == 0


def test_one_failing_event_or_subscriber_holds_up_no_other(tenant, subscribed, publish_one):
    got = []

    def fail_on_void(event):
        if event.type == "invoice.voided":
            raise ValueError
        got.append(event.type)

    subscribed(fail_on_void, name="tests.picky")
    subscribed(lambda event: got.append(f"all:{event.type}"), name="tests.all")
    publish_one(an_event("invoice.voided"))
    publish_one(an_event("invoice.paid"))
    deliver_due(now=NOW, limit=10)
    assert sorted(got) == ["all:invoice.paid", "all:invoice.voided", "invoice.paid"]


def test_a_handler_that_hides_a_database_error_has_not_succeeded(tenant, subscribed, publish_one):
    def hide(event):
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        except DatabaseError:
            pass

    subscribed(hide)
    publish_one()
    deliver_due(now=NOW, limit=10)
    assert _delivery(tenant).status == "pending"


def test_a_delivery_without_its_subscriber_waits_for_it(tenant, subscribed, publish_one):
    subscribed(mail_the_buyer)
    publish_one()
    unsubscribe("tests.copy")
    deliver_due(now=NOW, limit=10)
    assert "No subscriber 'tests.copy'" in _delivery(tenant).last_error
    subscribed(mail_the_buyer)
    deliver_due(now=NOW + 10 * SECOND, limit=10)
    assert _delivery(tenant).status == "succeeded"


def test_a_dead_workers_claim_is_taken_over_when_its_lease_has_run_out(tenant, subscribed, publish_one):
    subscribed(mail_the_buyer)
    publish_one()
    _claim(tenant)  # … and then it was killed
    assert deliver_due(now=NOW + LEASE - SECOND, limit=10) == 0
    assert deliver_due(now=NOW + LEASE, limit=10) == 1
    delivery = _delivery(tenant)
    assert (delivery.status, delivery.attempts) == ("succeeded", 2)
    with tenant_scope(tenant.id):
        assert Mail.objects.count() == 1


def test_a_late_worker_can_record_nothing_with_its_old_token(tenant, subscribed, publish_one):
    subscribed(mail_the_buyer)
    publish_one()
    (old,) = _claim(tenant)
    (new,) = _claim(tenant, now=NOW + LEASE)
    assert old.token != new.token
    before = _delivery(tenant)
    with tenant_scope(tenant.id):
        assert leases.hold(DELIVERIES, old) is False
        assert leases.record_success(DELIVERIES, old, at=NOW + LEASE) is False
        assert leases.record_failure(DELIVERIES, old, at=NOW + LEASE, error="late") is None
        leases.hand_back(DELIVERIES, [old], at=NOW)
    after = _delivery(tenant)
    assert {f.attname: getattr(after, f.attname) for f in after._meta.concrete_fields} == {
        f.attname: getattr(before, f.attname) for f in before._meta.concrete_fields
    }
    with tenant_scope(tenant.id):
        assert leases.record_success(DELIVERIES, new, at=NOW + LEASE) is True


def test_work_that_kills_every_worker_is_given_up(tenant, subscribed, publish_one):
    subscribed(mail_the_buyer)
    publish_one()
    now = NOW
    for attempt in range(1, 11):
        (claimed,) = _claim(tenant, now=now)
        assert claimed.attempt == attempt
        now += LEASE
    assert _claim(tenant, now=now) == []
    delivery = _delivery(tenant)
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("dead", 10, ABANDONED)
    assert deliver_due(now=now + LEASE, limit=10) == 0


def test_claims_whose_turn_did_not_come_are_handed_back_with_their_attempt(tenant, subscribed, publish_one):
    got = []

    def dawdle(event):
        threading.Event().wait(0.2)
        got.append(event.id)

    subscribed(dawdle)
    ids = [publish_one() for _ in range(3)]
    assert deliver_due(now=NOW, limit=10, lease=dt.timedelta(seconds=0.1)) == 1
    with tenant_scope(tenant.id):
        rows = list(EventDelivery.objects.order_by("id").values_list("status", "attempts"))
    assert rows == [("succeeded", 1), ("pending", 0), ("pending", 0)]
    deliver_due(now=NOW + SECOND, limit=10)
    assert got == ids


@pytest.mark.django_db(transaction=True)
def test_a_running_delivery_is_not_taken_over_even_when_its_lease_has_run_out(tenant, subscribed, publish_one):
    entered, leave = threading.Event(), threading.Event()

    def slow(event):
        entered.set()
        leave.wait(10)
        mail_the_buyer(event)

    subscribed(slow)
    publish_one()

    def worker():
        try:
            return deliver_due(now=NOW, limit=10)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(worker)
        assert entered.wait(10)
        assert deliver_due(now=NOW + 10 * LEASE, limit=10) == 0
        leave.set()
        assert running.result() == 1
    delivery = _delivery(tenant)
    assert (delivery.status, delivery.attempts) == ("succeeded", 1)
    with tenant_scope(tenant.id):
        assert Mail.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_database_connection_is_cut_leaves_no_half_effect(tenant, subscribed, publish_one):
    """What a killed worker looks like to PostgreSQL."""

    def die(event):
        mail_the_buyer(event)
        if event.attempt == 1:
            connection.connection.pgconn.finish()

    subscribed(die)
    publish_one()
    deliver_due(now=NOW, limit=10)
    with tenant_scope(tenant.id):
        assert not Mail.objects.exists()
    deliver_due(now=NOW + 2 * LEASE, limit=10)
    with tenant_scope(tenant.id):
        assert Mail.objects.count() == 1
    assert _delivery(tenant).status == "succeeded"


def test_effects_are_undone_when_the_success_cannot_be_recorded(tenant, subscribed, publish_one):
    def spoil_the_record(event):
        mail_the_buyer(event)
        EventDelivery.objects.filter(event_id=event.id).update(next_attempt_at=None)

    subscribed(spoil_the_record)
    publish_one()
    deliver_due(now=NOW, limit=10)
    with tenant_scope(tenant.id):
        assert not Mail.objects.exists()
    delivery = _delivery(tenant)
    assert delivery.status == "pending"
    assert delivery.last_error.startswith("IntegrityError")


def test_deliveries_of_several_tenants_share_a_round(tenant, other_tenant, subscribed):
    got = []
    subscribed(lambda event: got.append(event.tenant_id))
    for owner in (tenant, other_tenant):
        with tenant_scope(owner.id):
            publish(an_event(), tenant_id=owner.id)
    assert dispatch(now=NOW).attempted == 2
    assert got == [tenant.id, other_tenant.id]
    with tenant_scope(tenant.id):
        assert Event.objects.count() == 1
