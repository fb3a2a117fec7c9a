"""Callbacks survive anything: workers killed while they send, Redis emptied and killed, endpoints that hang."""

from __future__ import annotations

import collections
import functools
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook

from common.ids import decode_id, encode_id
from tests.chaos.test_killed_while_issuing import manage
from tests.ledger_project.instances import Instance, alive, free_port, wait_until
from tests.webhooks.sink import Answer, RawSink, Received, Sink
from webhooks.services.claims import ABANDONED

pytestmark = [pytest.mark.serial, pytest.mark.timeout(900)]

CLIENTS = 4
LEASE_SECONDS = 30


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """A whole Ledger of its own, which may call this machine."""
    started = Instance(tmp_path / "home", PORT=str(free_port()), LEDGER_EGRESS_ALLOW="127.0.0.1").serving()
    yield started
    started.end()


class Service:
    """A sibling service that subscribes and makes things happen."""

    def __init__(self, instance: Instance) -> None:
        self.port = instance.port
        credentials = json.loads((instance.home / "credentials.json").read_text())
        self.authorization = f"ServiceKey {credentials['serviceKey']}"

    def post(self, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        """Created."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers | ({"Idempotency-Key": key} if key else {}))
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 201, content
            made: dict[str, Any] = json.loads(content)
            return made
        finally:
            connection.close()


def never_answers(connection: socket.socket) -> None:
    """Take the request and say nothing."""
    while connection.recv(65536):
        pass


def play(instance: Instance, *, events: int, kills: int, kill_every: float, patience: float) -> None:
    """The story: three subscribers, many events, murder."""
    service = Service(instance)
    sink, hanging = Sink(), RawSink(never_answers)
    turns, failed_before, lock = iter(range(1_000_000)), set(), threading.Lock()

    def every_third_time(request: Received) -> Answer:
        # What failed once succeeds the next time: a second failure would only be repeated after five minutes.
        with lock:
            message = request.headers["webhook-id"]
            if message not in failed_before and next(turns) % 3 == 0:
                failed_before.add(message)
                return 500, {}, b"not now"
        return 200, {}, b"ok"

    sink.answers["/flaky"] = every_third_time
    made = {
        name: service.post(
            "/api/webhooks/subscribers", {"name": name, "url": url, "events": ["customer.*"]}
        )
        for name, url in (
            ("fine", sink.url("/fine")), ("flaky", sink.url("/flaky")), ("hanging", f"http://127.0.0.1:{hanging.port}/"),
        )
    }  # fmt: skip
    killed: list[tuple[int, float]] = []

    def came_after(count: int) -> bool:
        return len(sink.received) > count

    def kill_workers() -> None:
        for number in range(kills):
            # It must have got to work: the supervisor waits longer and longer before it starts what dies at once.
            before = len(sink.received)
            time.sleep(kill_every)
            wait_until(functools.partial(came_after, before), "a worker that delivers")
            killed.append((instance.kill("worker"), time.time()))
            if number == kills // 2:
                instance.redis().flushall()
                instance.kill("redis")

    # While workers die there is always something to deliver.
    pace = CLIENTS * kills * (kill_every + 2) / events

    def client(numbers: range) -> None:
        for number in numbers:
            time.sleep(pace)
            service.post("/api/customers", {"name": f"Customer {number}"}, key=f"customer-{number}")

    threads = [threading.Thread(target=client, args=(range(one, events, CLIENTS),)) for one in range(CLIENTS)]
    murderer = threading.Thread(target=kill_workers)
    for thread in [*threads, murderer]:
        thread.start()
    for thread in [*threads, murderer]:
        thread.join()
    assert len(killed) == kills
    wait_until(lambda: not any(alive(pid) for pid, _ in killed), "the killed are gone")

    def arrived(path: str) -> set[str]:
        return {one.headers["webhook-id"] for one in list(sink.received) if one.path == path}

    deadline = time.monotonic() + patience
    while not (len(arrived("/fine")) == len(arrived("/flaky")) == events and _succeeded(instance) == 2 * events):
        assert time.monotonic() < deadline, (
            f"{len(arrived('/fine'))} and {len(arrived('/flaky'))} of {events} arrived {patience} s after the kills"
        )
        time.sleep(0.2)

    assert hanging.connections > 0, "nothing hung: the test proves nothing"
    assert failed_before, "nothing failed: the test proves nothing"
    _check_received(sink, made, events, failed_before, _attempts(instance, made))
    _check_delays(instance, made, [(moment, _back_after(moment, sink)) for _, moment in killed])
    for command in ("verify_callbacks", "verify_events"):
        verdict = manage(instance, command, "--json")
        assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    sink.close()
    hanging.close()


def _check_received(
    sink: Sink, made: dict[str, Any], events: int, failed_before: set[str], attempts: dict[tuple[str, str], list[Any]]
) -> None:
    """Signed, always the same bytes, and twice only where an attempt was under way when its worker died."""
    bodies: dict[str, set[bytes]] = collections.defaultdict(set)
    for path, name in (("/fine", "fine"), ("/flaky", "flaky")):
        counted: collections.Counter[str] = collections.Counter()
        verifier = Webhook(made[name]["secret"])
        for received in sink.at(path):
            verifier.verify(received.body.decode(), received.headers)
            counted[received.headers["webhook-id"]] += 1
            bodies[received.headers["webhook-id"]].add(received.body)
        assert len(counted) == events
        for message, times in counted.items():
            log = attempts[name, message]
            refused = 1 if path == "/flaky" and message in failed_before else 0
            abandoned = sum(error == ABANDONED for _, error in log)
            assert times - 1 - refused <= abandoned, f"{message} came {times} times to {name}: {log}"
            assert [number for number, _ in log] == list(range(1, len(log) + 1))
    assert {len(found) for found in bodies.values()} == {1}, "a body differs between attempts or subscribers"


def _back_after(kill: float, sink: Sink) -> float:
    """When the next worker was at it; what was on its way at the kill still comes within a second."""
    return min((one.at for one in sink.received if one.at > kill + 1), default=kill) + 1


def _check_delays(instance: Instance, made: dict[str, Any], outages: list[tuple[float, float]]) -> None:
    """Nobody waited for the one that hangs: only for workers that had died and were not back yet."""
    hanging = decode_id("whk", made["hanging"]["id"])
    waits = _query(
        instance,
        "SELECT d.subscriber_id, extract(epoch FROM d.created_at)::float8, extract(epoch FROM min(a.at))::float8 "
        "FROM webhooks_delivery d JOIN webhooks_attempt a ON a.delivery_id = d.id GROUP BY d.id",
    )
    own = [(made_at, first) for subscriber_id, made_at, first in waits if subscriber_id != hanging]
    late = [
        (made_at, first)
        for made_at, first in own
        if first - made_at > 5 and not any(made_at <= back and kill <= first for kill, back in outages)
    ]
    assert len(late) <= 0.01 * len(own), f"{len(late)} of {len(own)} waited: {late[:5]}"


def _query(instance: Instance, statement: str) -> list[tuple[Any, ...]]:
    """Rows of all tenants, as the application."""
    with psycopg.connect(instance.urls()["databaseUrl"], connect_timeout=5) as connection:
        found: list[tuple[Any, ...]] = []
        for (tenant,) in connection.execute("SELECT id FROM tenants_all()").fetchall():
            connection.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(tenant)])
            found += connection.execute(statement.encode()).fetchall()
        return found


def _succeeded(instance: Instance) -> int:
    return len(_query(instance, "SELECT id FROM webhooks_delivery WHERE status = 'succeeded'"))


def _attempts(instance: Instance, made: dict[str, Any]) -> dict[tuple[str, str], list[Any]]:
    """Number and error of each attempt, by subscriber's name and message."""
    names = {decode_id("whk", one["id"]): name for name, one in made.items()}
    found: dict[tuple[str, str], list[Any]] = collections.defaultdict(list)
    rows = _query(
        instance,
        "SELECT d.subscriber_id, d.message_id, a.number, a.error FROM webhooks_attempt a "
        "JOIN webhooks_delivery d ON d.id = a.delivery_id ORDER BY a.number",
    )  # fmt: skip
    for subscriber_id, message_id, number, error in rows:
        found[names[subscriber_id], encode_id("evt", message_id)].append((number, error))
    return found


def test_no_kill_loses_a_callback_and_a_hanging_subscriber_delays_nobody(instance: Instance) -> None:
    play(instance, events=120, kills=2, kill_every=2, patience=LEASE_SECONDS + 30)


@pytest.mark.long
def test_two_thousand_events_with_a_worker_killed_every_five_seconds(instance: Instance) -> None:
    play(instance, events=2000, kills=8, kill_every=5, patience=LEASE_SECONDS + 90)
