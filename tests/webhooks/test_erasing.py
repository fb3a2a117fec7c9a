"""Callbacks about an erased invoice: what was sent and answered is gone, what was not sent yet is not sent any more."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from invoicing.services.retention_report import verify_erasure
from tenants.context import system_context
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.invoicing.anonymised import erase, real
from tests.invoicing.documents import Invoices
from tests.webhooks.conftest import attempts_of, deliveries_of, fan_out_all, run
from tests.webhooks.sink import Sink
from webhooks.models import Message

pytestmark = pytest.mark.django_db(transaction=True)
FREE = {"items": [{"description": "Free", "unitPrice": 0}], "userId": "ada-1", "notes": "for Ada"}


def echo(received: Any) -> tuple[int, dict[str, str], bytes]:
    """A receiver that repeats what it was sent."""
    return 200, {}, received.body


def refuse(received: Any) -> tuple[int, dict[str, str], bytes]:
    """The same, as a failure."""
    return 500, {}, received.body


@pytest.fixture
def invoices(tenant, api: Api) -> Invoices:
    """As the tests of invoices have it."""
    return Invoices(tenant, api)


def bodies(invoices: Invoices) -> list[bytes | None]:
    with tenant_scope(invoices.tenant.id):
        return [None if one.body is None else bytes(one.body) for one in Message.objects.all()]


def left(invoices: Invoices) -> dict[str, int]:
    verdict = verify_erasure(system_context(invoices.tenant.id, "tests"), at=real(), now=real())
    return {kind: count for kind, count in verdict.remaining.items() if count}


def test_bodies_and_answers_go_and_what_was_delivered_when_stays(invoices, sink: Sink, subscribe, engine):
    sink.answers["/"] = echo
    subscribe(sink.url("/"), events=["invoice.*"])
    customer = invoices.post(FREE).json()["customerId"]
    fan_out_all()
    run(engine)
    before = deliveries_of(invoices.tenant)
    assert all(b"for Ada" in (body or b"") for body in bodies(invoices))
    assert all("for Ada" in (one.response_body or "") for one in attempts_of(invoices.tenant))
    record = erase(invoices, customer)
    assert (record.erased or {})["callbacks"] == len(before) == 3
    assert bodies(invoices) == [None] * 3
    assert [(one.response_status, one.response_body, one.error) for one in attempts_of(invoices.tenant)] == [
        (200, None, None)
    ] * 3
    kept = ("status", "attempts", "delivered_at", "event_type")
    assert [[getattr(one, name) for name in kept] for one in deliveries_of(invoices.tenant)] == [
        [getattr(one, name) for name in kept] for one in before
    ]
    assert left(invoices) == {}


def test_what_failed_so_far_is_not_tried_again(invoices, sink: Sink, subscribe, engine):
    sink.answers["/"] = refuse
    subscribe(sink.url("/"), events=["invoice.paid"])
    customer = invoices.post(FREE).json()["customerId"]
    fan_out_all()
    run(engine)
    erase(invoices, customer)
    sent = len(sink.received)
    with tenant_scope(invoices.tenant.id), connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_delivery SET next_attempt_at = now() - interval '1 second'")
    run(engine)
    assert len(sink.received) == sent
    assert [one.status for one in deliveries_of(invoices.tenant)] == ["cancelled"]
    assert left(invoices) == {}


def test_an_answer_that_comes_after_the_erasing_is_not_recorded(invoices, sink: Sink, subscribe, engine):
    asked, erased = threading.Event(), threading.Event()

    def slow(received: Any) -> tuple[int, dict[str, str], bytes]:
        asked.set()
        erased.wait(10)
        return echo(received)

    sink.answers["/"] = slow
    subscribe(sink.url("/"), events=["invoice.paid"])
    customer = invoices.post(FREE).json()["customerId"]
    fan_out_all()

    def deliver() -> None:
        engine.run(seconds=3)
        connection.close()

    thread = threading.Thread(target=deliver)
    thread.start()
    assert asked.wait(10)
    erase(invoices, customer)
    erased.set()
    thread.join(20)
    assert "Ada" not in str([(one.response_body, one.error) for one in attempts_of(invoices.tenant)])
    assert left(invoices) == {}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE webhooks_message SET body = NULL",
        "UPDATE webhooks_message SET body = 'x'",
        "UPDATE webhooks_attempt SET response_body = NULL",
        "UPDATE webhooks_attempt SET error = NULL, response_body = NULL",
        "UPDATE webhooks_attempt SET error = 'x'",
    ],
)
def test_the_application_itself_erases_no_callback(invoices, sink: Sink, subscribe, engine, statement):
    sink.answers["/"] = refuse
    subscribe(sink.url("/"), events=["invoice.paid"])
    invoices.post(FREE)
    fan_out_all()
    run(engine)
    with pytest.raises(DatabaseError, match="never changed"):  # noqa: SIM117 - the scope belongs to the statement
        with tenant_scope(invoices.tenant.id), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with tenant_scope(invoices.tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT webhooks_erase(array_agg(id)) FROM invoicing_invoice")
        assert cursor.fetchone() == (0,)
    assert None not in bodies(invoices)
