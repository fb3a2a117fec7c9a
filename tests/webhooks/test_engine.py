"""Several engines, dead and hanging endpoints, secrets in rotation: who gets what, when, and how often."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import InterfaceError, connection
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from common.ids import encode_id, new_id
from events.publishing import publish_all
from tenants.scope import tenant_scope
from tests.events.conftest import an_event
from tests.ledger_project.instances import wait_until
from tests.webhooks.conftest import attempts_of, deliveries_of, fan_out_all, happen, real_now, run
from tests.webhooks.sink import Answer, RawSink, Received
from webhooks.egress import judge_url
from webhooks.lanes import FIRST_WIDTH, GREATEST_WIDTH, SLOW_SECONDS, Lane, Lanes
from webhooks.models import Subscriber
from webhooks.services import delivering, results
from webhooks.services.delivering import Engine
from webhooks.services.subscribers import rotate_secret, update_subscriber
from webhooks.signing import MalformedSecret, key_of, new_secret, signature
from webhooks.tasks import engine_of_process


def silent(connection_: object) -> None:
    """Never answer."""
    time.sleep(30)


@pytest.mark.django_db(transaction=True)
def test_two_engines_at_once_deliver_each_callback_once(make_tenant, sink, subscribe):
    tenants = [make_tenant() for _ in range(3)]
    for tenant in tenants:
        subscribe(sink.url("/1"), owner=tenant)
        subscribe(sink.url("/2"), owner=tenant)
        with tenant_scope(tenant.id):
            publish_all([an_event() for _ in range(100)], tenant_id=tenant.id)
    fan_out_all()
    ready, problems = threading.Barrier(2), []

    def work() -> None:
        engine = Engine(deadline_seconds=5)
        try:
            ready.wait(10)
            engine.run(seconds=20)
        except Exception as problem:
            problems.append(problem)
        finally:
            engine.close()
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert problems == []
    counted = Counter((one.path, one.headers["webhook-id"]) for one in sink.received)
    assert (len(counted), set(counted.values())) == (600, {1})
    for tenant in tenants:
        assert {(one.status, one.attempts) for one in deliveries_of(tenant)} == {("succeeded", 1)}


@pytest.mark.django_db
def test_one_that_failed_last_is_served_in_each_part_of_a_run(tenant, sink, subscribe):
    subscribe(sink.url())
    with tenant_scope(tenant.id):
        Subscriber.objects.update(failing_since=real_now())
    happen(tenant, "invoice.paid")
    engine = Engine(deadline_seconds=60)  # what begins now may last beyond the time of the run
    engine.run(seconds=20)
    engine.close()
    assert len(sink.received) == 1


def held_until(released: threading.Event) -> Callable[[socket.socket], None]:
    """A server that takes a call and says nothing until the event."""

    def serve(_connection: socket.socket) -> None:
        released.wait(60)

    return serve


@pytest.mark.django_db
def test_fifty_dead_endpoints_delay_nobody(tenant, sink, subscribe):
    served = threading.Event()
    hanging = RawSink(held_until(served))

    def answer(request):
        if len(sink.received) >= 20:
            served.set()
        return 200, {}, b""

    sink.answers["/"] = answer
    for number in range(25):
        subscribe(f"http://127.0.0.1:{hanging.port}/{number}")
        subscribe("http://127.0.0.1:1/")
    subscribe(sink.url())
    happen(tenant, *["invoice.paid"] * 20)
    engine = Engine(deadline_seconds=30)
    engine.run(seconds=4)
    assert len(sink.received) == 20
    hung = [one.error for one in attempts_of(tenant) if one.error not in (None, "Connecting failed.")]
    assert hung, "nothing hung: the test proves nothing"
    assert not any("30 seconds" in str(error) for error in hung), "all had come before the first of the dead gave up"
    calls = hanging.connections
    happen(tenant, *["invoice.paid"] * 20)
    engine.run(seconds=1)
    engine.close()
    hanging.close()
    assert len(sink.received) == 40
    assert hanging.connections == calls


@pytest.mark.django_db
def test_one_that_fails_now_and_then_is_served_beside_one_that_hangs(tenant, sink, subscribe):
    served = threading.Event()
    hanging = RawSink(held_until(served))
    hung = subscribe(f"http://127.0.0.1:{hanging.port}/")

    def every_third_time(request: Received) -> Answer:
        if len({one.headers["webhook-id"] for one in list(sink.received)}) == 100:
            served.set()
        return (500 if len(sink.received) % 3 == 0 else 200), {}, b""

    sink.answers["/"] = every_third_time
    subscribe(sink.url())
    happen(tenant, *["invoice.paid"] * 100)
    engine = Engine(deadline_seconds=30)
    engine.run(seconds=4)  # in all of it only those who answer are served again
    engine.close()
    hanging.close()
    assert len({one.headers["webhook-id"] for one in sink.received}) == 100
    ids = [one.id for one in deliveries_of(tenant) if one.subscriber_id == hung.id]
    errors = {one.error for one in attempts_of(tenant) if one.delivery_id in ids}
    assert errors == {"The server closed the connection early or its answer is not valid HTTP."}, "nobody waited for it"


@pytest.mark.django_db(transaction=True)
def test_one_that_takes_its_time_and_then_answers_delays_nobody(tenant, sink, subscribe):
    released = threading.Event()
    sink.answers["/slow"] = lambda request: (200, {}, b"late" if released.wait(60) else b"never")
    subscribe(sink.url("/slow"), events=["invoice.paid"])
    subscribe(sink.url("/quick"), events=["customer.created"])
    happen(tenant, "invoice.paid")
    engine = Engine(deadline_seconds=60)

    def work() -> None:
        engine.run(seconds=0.5)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: sink.at("/slow"), "the slow one was called")
    time.sleep(1)  # the time of the run is over
    happen(tenant, "customer.created")
    try:
        wait_until(lambda: sink.at("/quick"), "the quick one was called")
    finally:
        released.set()
        thread.join(90)
        engine.close()
    assert {one.status for one in deliveries_of(tenant)} == {"succeeded"}


@pytest.mark.django_db(transaction=True)
def test_a_result_that_cannot_be_recorded_keeps_no_other_from_it(make_tenant, sink, subscribe, engine, monkeypatch):
    tenants = [make_tenant(), make_tenant()]
    sink.answers["/odd"] = lambda request: (299, {}, b"")
    for tenant in tenants:
        subscribe(sink.url("/odd"), owner=tenant)
        subscribe(sink.url("/fine"), owner=tenant)
        happen(tenant, "invoice.paid")
    original = results.judge

    def judge(*args, **kwargs):
        judged = original(*args, **kwargs)
        return dataclasses.replace(judged, response_status=7) if judged.response_status == 299 else judged

    monkeypatch.setattr(delivering, "judge", judge)
    done = run(engine)
    assert (done.attempts, done.more) == (4, False)
    for tenant in tenants:
        assert Counter(one.status for one in deliveries_of(tenant)) == {"succeeded": 1, "delivering": 1}
        assert [one.response_status for one in attempts_of(tenant)] == [200]


@pytest.mark.django_db
def test_without_the_thread_of_the_exchanges_a_run_ends_and_the_next_has_another(tenant, sink, subscribe):
    subscribe(sink.url())
    broken = engine_of_process()
    broken.close()
    happen(tenant, "invoice.paid")
    with pytest.raises(RuntimeError, match="thread"):
        broken.run(seconds=5)
    another = engine_of_process()
    assert another is not broken
    assert engine_of_process() is another
    another.close()


@pytest.mark.django_db
def test_a_hanging_endpoint_is_left_with_one_exchange(tenant, subscribe):
    hanging = RawSink(silent)
    subscribe(f"http://127.0.0.1:{hanging.port}/")
    happen(tenant, *["invoice.paid"] * 50)
    engine = Engine(deadline_seconds=2)
    engine.run(seconds=0.3)
    first = hanging.connections
    assert first == FIRST_WIDTH
    engine.run(seconds=2.5)
    assert hanging.connections - first <= 2
    engine.close()
    hanging.close()
    states = Counter(one.status for one in deliveries_of(tenant))
    assert states["delivering"] == 0
    assert states["failed"] == len(attempts_of(tenant)) == hanging.connections


@pytest.mark.django_db
def test_both_signatures_during_the_overlap_and_one_after_it(tenant, sink, subscribe, engine):
    subscriber = subscribe(sink.url())
    former = subscriber.plain_secret
    now = real_now()

    def rotate(overlap: dt.timedelta, at: dt.datetime) -> str:
        with tenant_scope(tenant.id):
            return rotate_secret(
                tenant_id=tenant.id, subscriber_id=subscriber.id, at=at, now=at, overlap=overlap
            )[1]  # fmt: skip

    def verified(secret: str) -> bool:
        received = sink.received[-1]
        try:
            Webhook(secret).verify(received.body.decode(), received.headers)
        except WebhookVerificationError:
            return False
        return True

    current = rotate(dt.timedelta(hours=24), now)
    happen(tenant, "invoice.paid")
    run(engine)
    assert len(sink.received[-1].headers["webhook-signature"].split(" ")) == 2
    assert (verified(former), verified(current)) == (True, True)
    third = rotate(dt.timedelta(hours=1), now)
    happen(tenant, "invoice.paid")
    run(engine)
    assert (verified(former), verified(current), verified(third)) == (False, True, True)
    with tenant_scope(tenant.id):
        Subscriber.objects.update(previous_secret_until=now - dt.timedelta(seconds=1))
    happen(tenant, "invoice.paid")
    run(engine)
    assert (verified(current), verified(third)) == (False, True)
    last = rotate(dt.timedelta(0), now)
    happen(tenant, "invoice.paid")
    run(engine)
    assert (verified(third), verified(last)) == (False, True)


@pytest.mark.django_db
def test_a_key_that_is_gone_fails_the_attempt_and_says_so(tenant, sink, subscribe, engine, settings):
    subscribe(sink.url())
    happen(tenant, "invoice.paid")
    settings.ENCRYPTION_KEY = "b2" * 32
    from webhooks.keys import opened

    opened.cache_clear()
    run(engine)
    assert sink.received == []
    assert "secret" in str(attempts_of(tenant)[0].error)


@pytest.mark.django_db
def test_open_deliveries_go_to_the_new_url(tenant, sink, subscribe, engine):
    subscriber = subscribe("http://127.0.0.1:1/")
    happen(tenant, "invoice.paid")
    with tenant_scope(tenant.id):
        update_subscriber(
            tenant_id=tenant.id, subscriber_id=subscriber.id, at=real_now(), now=real_now(), changes={},
            url=judge_url(sink.url()),
        )  # fmt: skip
    run(engine)
    assert len(sink.received) == 1


@pytest.mark.django_db
def test_results_wait_for_a_database_that_is_away(tenant, sink, subscribe, engine, monkeypatch):
    subscribe(sink.url())
    happen(tenant, *["invoice.paid"] * 5)
    original, failures = results.record, iter([InterfaceError("gone"), InterfaceError("gone")])

    def record(*args, **kwargs):
        for problem in failures:
            raise problem
        return original(*args, **kwargs)

    monkeypatch.setattr(delivering, "record", record)
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's own transaction lives on it
    assert run(engine).succeeded == 5
    assert len(sink.received) == 5, "nothing was sent twice"
    assert {one.status for one in deliveries_of(tenant)} == {"succeeded"}


@given(
    key=st.binary(min_size=24, max_size=64),
    body=st.text().map(lambda text: text.encode("utf-8", "ignore")),
)
def test_any_signature_is_verified_by_the_library_of_the_standard(key, body):
    secret = "whsec_" + base64.b64encode(key).decode()
    assert key_of(secret) == key
    message_id, now = encode_id("evt", new_id()), int(time.time())
    signed = signature([b"x" * 24, key], message_id=message_id, timestamp=now, body=body)
    headers = {"webhook-id": message_id, "webhook-timestamp": str(now), "webhook-signature": signed}
    standard = Webhook(secret)
    assert standard.sign(message_id, dt.datetime.fromtimestamp(now, dt.UTC), body.decode()) == signed.split(" ")[1]
    with pytest.raises(WebhookVerificationError):
        standard.verify(body.decode() + "x", headers)


def test_new_secrets_differ_and_malformed_ones_are_refused():
    assert new_secret() != new_secret()
    for wrong in ("", "whsec_", "sec_" + "A" * 44, "whsec_" + "A" * 43, "whsec_ÄÄ"):
        with pytest.raises(MalformedSecret):
            key_of(wrong)


@given(st.lists(st.sampled_from(["answered", "refused", "silent"]), max_size=200))
def test_a_lane_keeps_its_bounds_whatever_happens(outcomes):
    lane: Lane[int] = Lane()
    lane.waiting.extend(range(1000))
    for outcome in outcomes:
        lane.startable()
        assert 1 <= lane.under_way <= GREATEST_WIDTH
        lane.ended(answered=outcome != "silent", succeeded=outcome == "answered")
        assert 1 <= lane.width <= GREATEST_WIDTH
        assert lane.room >= 0


def test_lanes_in_trouble_share_half_of_the_places():
    lanes: Lanes[int] = Lanes(places=8)
    troubled = [new_id() for _ in range(10)]
    for one in troubled:
        lane = lanes.of(one, failing=True)
        if lanes.room_of(one):
            lane.waiting.append(1)
            lane.startable()
    assert lanes.in_hand() == 4
    assert lanes.room_of(new_id()) == 4, "the other half is for the others"
    assert all(lanes.room_of(one, sure_only=True) == 0 for one in troubled)


def test_a_slow_lane_is_given_what_ends_in_time_and_shares_half_of_the_places():
    lanes: Lanes[int] = Lanes(places=8)
    one = new_id()
    lane = lanes.of(one)
    lane.waiting.append(1)
    lane.startable()
    assert not lanes.lingering()
    for _ in range(7):
        lanes.tick(1)
    assert lanes.lingering(), "one exchange for seven seconds"
    assert lanes.room_of(one, within=6) == 0
    assert lanes.room_of(one, within=8) > 0
    lane.ended(answered=True, succeeded=True, seconds=7)
    lanes.tick(1)
    lane.waiting.extend(range(8))
    lane.startable()
    assert lane.under_way == 5
    assert lanes.room_of(one) == 0
    assert lanes.room_of(new_id()) == 3, "the rest is for the others"
    for _ in range(5):
        lane.ended(answered=True, succeeded=True, seconds=0.1)
    lane.waiting.clear()
    for _ in range(600):
        lanes.tick(1)
    assert not lanes.knows(one), "forgotten in the end"


def test_a_lane_that_is_quick_again_is_no_longer_slow():
    lane: Lane[int] = Lane(under_way=1)
    lane.ended(answered=True, succeeded=True, seconds=SLOW_SECONDS * 2)
    assert lane.lingers
    for _ in range(61):
        lane.tick(1)
    assert not lane.lingers
