"""`verify_callbacks` finds what stands against the promise."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from common.ids import new_id
from events.models import EventDelivery
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.webhooks.conftest import attempts_of, deliveries_of, happen, publish, real_now, run
from webhooks.models import Delivery, Message
from webhooks.services.claims import claim
from webhooks.services.deliveries import cancel_open_deliveries
from webhooks.services.subscribers import delete_subscriber
from webhooks.services.verifying import Findings, verify_callbacks

pytestmark = pytest.mark.django_db

URL = "https://192.0.32.8/hooks"
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def found(tenant: Tenant, *, now: dt.datetime | None = None) -> Findings:
    with tenant_scope(tenant.id):
        return verify_callbacks(
            tenant_id=tenant.id, now=now or real_now(), overdue_after=dt.timedelta(seconds=60),
            settling=dt.timedelta(seconds=10),
        )  # fmt: skip


def test_all_states_that_may_be_are_in_order(tenant, sink, subscribe, engine):
    sink.answers["/gone"] = lambda request: (410, {}, b"")
    sink.answers["/bad"] = lambda request: (500, {}, b"")
    for path in ("/fine", "/gone", "/bad"):
        subscribe(sink.url(path), now=LONG_AGO)
    deleted = subscribe(sink.url("/deleted"), now=LONG_AGO)
    happen(tenant, "invoice.paid", "invoice.voided", "mail.sent")
    with tenant_scope(tenant.id):
        claim(tenant_id=tenant.id, rooms={deleted.id: 1}, now=real_now())
        delete_subscriber(tenant_id=tenant.id, subscriber_id=deleted.id, at=real_now(), now=real_now())
    run(engine)
    publish(tenant, "invoice.paid")  # waits for the dispatcher
    findings = found(tenant)
    assert findings.ok, findings
    assert {one.status for one in deliveries_of(tenant)} == {"succeeded", "failed", "dead", "cancelled"}
    assert (findings.dead, findings.open) == (2, 2)


def test_a_missing_delivery_is_found(tenant, subscribe):
    subscribe(URL, now=LONG_AGO)
    subscribe(URL, events=["customer.created"], now=LONG_AGO)
    subscribe(URL)  # too new to tell
    (event_id,) = publish(tenant, "invoice.paid")
    assert found(tenant).ok, "it is not dispatched yet"
    with tenant_scope(tenant.id):
        from events.models import Event

        Event.objects.filter(id=event_id).update(dispatched_at=real_now())
    assert (found(tenant).missing, found(tenant).ok) == (1, False)
    with tenant_scope(tenant.id):
        EventDelivery.objects.create(
            tenant_id=tenant.id, event_id=event_id, subscriber="webhooks.fan_out", next_attempt_at=real_now(),
            created_at=real_now(),
        )  # fmt: skip
    assert (found(tenant).missing, found(tenant).fan_out_waiting, found(tenant).ok) == (0, 1, True)
    with tenant_scope(tenant.id):
        EventDelivery.objects.update(status="dead", next_attempt_at=None)
    assert (found(tenant).fan_out_dead, found(tenant).ok) == (1, False)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"status": "succeeded", "next_attempt_at": None, "delivered_at": LONG_AGO}, "succeeded_without_success"),
        ({"status": "dead", "next_attempt_at": None}, "dead_without_reason"),
        ({"status": "cancelled", "next_attempt_at": None}, "cancelled_without_reason"),
        ({"attempts": 2}, "log_has_gaps"),
        ({"next_attempt_at": LONG_AGO}, "overdue"),
    ],
)
def test_what_is_not_explained_is_found(tenant, subscribe, change: dict[str, Any], finding: str):
    subscribe(URL)
    happen(tenant, "invoice.paid")
    assert found(tenant).ok
    with tenant_scope(tenant.id):
        Delivery.objects.update(**change)
    assert (getattr(found(tenant), finding), found(tenant).ok) == (1, False)


def test_what_waits_for_a_failing_subscriber_is_not_overdue(tenant, subscribe, engine):
    subscribe("http://127.0.0.1:1/")
    happen(tenant, "invoice.paid")
    run(engine)
    assert found(tenant, now=real_now() + dt.timedelta(days=1)).ok


def test_a_message_that_no_event_explains_is_found(tenant, subscribe):
    with tenant_scope(tenant.id):
        Message.objects.create(
            id=new_id(), tenant_id=tenant.id, event_type="invoice.paid", body=b"{}", occurred_at=LONG_AGO,
            created_at=LONG_AGO,
        )  # fmt: skip
    assert (found(tenant).without_event, found(tenant).ok) == (1, False)


def test_the_command_ends_with_status_1(tenant, subscribe):
    subscribe(URL)
    happen(tenant, "invoice.paid")
    out = StringIO()
    call_command("verify_callbacks", "--tenant", tenant.slug, "--json", stdout=out)
    assert json.loads(out.getvalue())["tenants"][0]["open"] == 1
    with tenant_scope(tenant.id):
        Delivery.objects.update(status="dead", next_attempt_at=None)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_callbacks", "--tenant", tenant.slug, stdout=out)
    assert ended.value.code == 1
    assert "1 deliveries were given up without a reason" in out.getvalue()


def test_cancelling_logs_the_attempt_under_way(tenant, subscribe):
    subscriber = subscribe(URL)
    happen(tenant, "invoice.paid", "invoice.paid")
    with tenant_scope(tenant.id):
        claim(tenant_id=tenant.id, rooms={subscriber.id: 1}, now=real_now())
        assert cancel_open_deliveries(tenant_id=tenant.id, subscriber_id=subscriber.id, reason="Enough.") == 2
    assert [(one.number, one.error) for one in attempts_of(tenant)] == [(1, "Enough.")]


def test_the_database_lets_nobody_change_what_was_sent(tenant, sink, subscribe, engine):
    from django.db import IntegrityError, transaction

    subscribe(sink.url())
    happen(tenant, "invoice.paid")
    run(engine)
    for statement in (
        "UPDATE webhooks_message SET body = 'x'", "UPDATE webhooks_message SET event_type = 'x'",
        "DELETE FROM webhooks_message", "UPDATE webhooks_attempt SET response_status = 200",
        "UPDATE webhooks_attempt SET response_body = 'x'", "DELETE FROM webhooks_attempt",
        "UPDATE webhooks_delivery SET event_type = 'x'", "DELETE FROM webhooks_delivery",
    ):  # fmt: skip
        from django.db import connection

        with (
            tenant_scope(tenant.id), pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor,
        ):  # fmt: skip
            cursor.execute(statement)
