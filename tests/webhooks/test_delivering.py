"""What subscribers receive, what their answers mean, and what is remembered of it."""

from __future__ import annotations

import datetime as dt
import json
import time

import pytest
from standardwebhooks import Webhook

from common.ids import encode_id
from events.models import Event
from tenants.scope import tenant_scope
from tests.webhooks.conftest import AT, attempts_of, body_of, deliveries_of, happen, real_now, run
from webhooks.models import Delivery, Subscriber

pytestmark = pytest.mark.django_db


def due_again(tenant) -> None:
    """As if the pause were over."""
    with tenant_scope(tenant.id):
        Delivery.objects.filter(status="failed").update(next_attempt_at=real_now())


def test_a_callback_is_signed_as_the_standard_says_and_holds_the_event_verbatim(tenant, sink, subscribe, engine):
    subscriber = subscribe(sink.url("/hooks?a=b"))
    data = '{"object":"invoice","z":1,"a":{"total":  1.50,"name":"Ünïcødé – \\u00e9"}}'
    (event_id,) = happen(tenant, "invoice.paid", data=data)
    done = run(engine)
    assert (done.attempts, done.succeeded, done.more) == (1, 1, False)
    (received,) = sink.received
    assert received.path == "/hooks?a=b"
    assert Webhook(subscriber.plain_secret).verify(received.body.decode(), received.headers) == body_of(received)
    assert received.headers["webhook-id"] == encode_id("evt", event_id) == body_of(received)["id"]
    assert abs(int(received.headers["webhook-timestamp"]) - time.time()) < 60
    assert received.headers["x-webhook-event"] == "invoice.paid"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"] == "Ledger-Webhooks/1"
    assert not {"x-webhook-secret", "expect", "authorization", "cookie"} & set(received.headers)
    assert f'"data":{data},'.encode() in received.body
    assert body_of(received) == {
        "id": encode_id("evt", event_id), "event": "invoice.paid", "data": json.loads(data),
        "timestamp": "2026-03-01T12:00:00.000Z", "tenantId": encode_id("tnt", tenant.id),
    }  # fmt: skip
    (delivery,) = deliveries_of(tenant)
    assert (delivery.status, delivery.attempts, delivery.next_attempt_at) == ("succeeded", 1, None)
    (attempt,) = attempts_of(tenant)
    assert (attempt.number, attempt.response_status, attempt.response_body, attempt.error) == (1, 200, "ok", None)
    assert delivery.delivered_at == attempt.at


def test_the_secret_itself_is_sent_only_where_it_was_asked_for(tenant, sink, subscribe, engine):
    old = subscribe(sink.url("/old"), legacy_secret_header=True)
    subscribe(sink.url("/new"))
    happen(tenant, "invoice.paid")
    run(engine)
    assert sink.at("/old")[0].headers["x-webhook-secret"] == old.plain_secret
    assert "x-webhook-secret" not in sink.at("/new")[0].headers


def test_every_attempt_and_every_subscriber_gets_the_same_bytes(tenant, sink, subscribe, engine):
    sink.answers["/flaky"] = lambda request: (500 if len(sink.at("/flaky")) < 3 else 204, {}, b"")
    subscribe(sink.url("/flaky"))
    subscribe(sink.url("/fine"))
    happen(tenant, "invoice.paid")
    for _ in range(3):
        run(engine)
        due_again(tenant)
    assert len(sink.at("/flaky")) == 3
    assert len(sink.at("/fine")) == 1
    assert len({one.body for one in sink.received}) == 1
    assert len({one.headers["webhook-id"] for one in sink.received}) == 1
    assert [(one.number, one.response_status) for one in attempts_of(tenant) if one.number > 1] == [(2, 500), (3, 204)]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(tenant, sink, subscribe, engine, status):
    sink.answers["/"] = lambda request: (status, {}, b"")
    subscribe(sink.url())
    happen(tenant, "invoice.paid")
    run(engine)
    assert [one.status for one in deliveries_of(tenant)] == ["succeeded"]


@pytest.mark.parametrize("status", [300, 301, 307, 400, 401, 404, 418, 429, 500, 503])
def test_anything_else_is_tried_again_after_five_seconds(tenant, sink, subscribe, engine, status):
    sink.answers["/"] = lambda request: (status, {"Location": sink.url("/elsewhere")}, b"no")
    subscribe(sink.url())
    happen(tenant, "invoice.paid")
    before = real_now()
    run(engine)
    (delivery,) = deliveries_of(tenant)
    assert (delivery.status, delivery.attempts, delivery.failures) == ("failed", 1, 1)
    assert delivery.next_attempt_at is not None
    assert dt.timedelta(seconds=5) <= delivery.next_attempt_at - before < dt.timedelta(seconds=60)
    assert str(status) in str(delivery.last_error)
    (attempt,) = attempts_of(tenant)
    assert (attempt.response_status, attempt.response_body, attempt.error) == (status, "no", delivery.last_error)
    assert not sink.at("/elsewhere"), "a redirect was followed"


def test_what_asks_for_patience_gets_it(tenant, sink, subscribe, engine):
    sink.answers["/"] = lambda request: (429, {"Retry-After": "7200"}, b"")
    subscribe(sink.url())
    happen(tenant, "invoice.paid")
    before = real_now()
    run(engine)
    (delivery,) = deliveries_of(tenant)
    assert delivery.next_attempt_at is not None
    assert dt.timedelta(hours=2) <= delivery.next_attempt_at - before < dt.timedelta(hours=2, seconds=60)


def test_410_ends_the_delivery_and_switches_the_subscriber_off(tenant, sink, subscribe, engine):
    sink.answers["/"] = lambda request: (410, {}, b"gone")
    subscriber = subscribe(sink.url())
    happen(tenant, "invoice.paid")
    run(engine)
    (delivery,) = deliveries_of(tenant)
    assert (delivery.status, delivery.next_attempt_at) == ("dead", None)
    with tenant_scope(tenant.id):
        subscriber = Subscriber.objects.get(id=subscriber.id)
    assert (subscriber.active, subscriber.disabled_reason) == (False, "gone")
    happen(tenant, "invoice.paid")
    assert len(deliveries_of(tenant)) == 1, "a subscriber that is off gets nothing new"


def test_an_unreachable_subscriber_fails_with_a_plain_reason(tenant, subscribe, engine):
    subscribe("http://127.0.0.1:1/")
    happen(tenant, "invoice.paid")
    run(engine)
    (attempt,) = attempts_of(tenant)
    assert (attempt.response_status, attempt.error) == (None, "Connecting failed.")


def test_the_url_is_judged_again_at_each_send(tenant, sink, subscribe, settings):
    subscribe(sink.url())
    settings.LEDGER_EGRESS_ALLOW = ""
    from webhooks.services.delivering import Engine

    happen(tenant, "invoice.paid")
    strict = Engine(deadline_seconds=2)
    run(strict)
    strict.close()
    assert sink.received == []
    (attempt,) = attempts_of(tenant)
    assert str(attempt.error).startswith("The URL may not be called")
    assert [one.status for one in deliveries_of(tenant)] == ["failed"]


def test_connections_are_used_again(tenant, sink, subscribe, engine):
    opened = []
    original = sink.server.get_request

    def get_request():
        opened.append(1)
        return original()

    sink.server.get_request = get_request
    subscribe(sink.url())
    happen(tenant, *["invoice.paid"] * 300)
    run(engine)
    assert len(sink.received) == 300
    assert len(opened) <= 100, "at most 64 at a time, and some that the receiver was slow to take"


def test_the_event_is_not_changed_and_the_body_is_stored_once(tenant, sink, subscribe, engine):
    subscribe(sink.url("/1"))
    subscribe(sink.url("/2"))
    (event_id,) = happen(tenant, "invoice.paid")
    from webhooks.models import Message

    with tenant_scope(tenant.id):
        (message,) = Message.objects.all()
        assert message.id == Event.objects.get(id=event_id).id
    assert message.occurred_at == AT
    assert [one.message_id for one in deliveries_of(tenant)] == [event_id] * 2
