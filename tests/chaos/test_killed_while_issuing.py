"""Invoices survive anything: the main job on real processes that are killed in the middle of it."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger_project.environment import BASE_DIR
from tests.ledger_project.instances import NOT_PASSED_ON, Instance, free_port, wait_until

KEYS = 400
REQUESTS = 500  # a quarter of the keys are sent twice, at the same time or later
CLIENTS = 16
KILLS = ("web", "postgres", "worker") * 3
PATIENCE_SECONDS = 90

pytestmark = [pytest.mark.serial, pytest.mark.timeout(400)]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """A whole Ledger of its own."""
    started = Instance(tmp_path / "home", PORT=str(free_port())).serving()
    yield started
    started.end()


class Caller:
    """A sibling service: it repeats a request with the same key until it has an answer."""

    def __init__(self, instance: Instance) -> None:
        self.port = instance.port
        credentials = json.loads((instance.home / "credentials.json").read_text())
        self.authorization = f"ServiceKey {credentials['serviceKey']}"
        self.answers: dict[str, list[bytes]] = {}
        self.odd: list[tuple[int, bytes]] = []
        self.interrupted = 0
        self.lock = threading.Lock()

    def post(self, key: str, body: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        """One try."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(
                "POST",
                "/api/invoices",
                json.dumps(body),
                {"Authorization": self.authorization, "Content-Type": "application/json", "Idempotency-Key": key},
            )
            answer = connection.getresponse()
            return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def insist(self, key: str, body: dict[str, Any]) -> None:
        """Until it is 201, or patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status, content, _ = self.post(key, body)
            except (OSError, http.client.HTTPException):
                self.interrupted += 1
                time.sleep(0.1)
                continue
            if status == 201:
                with self.lock:
                    self.answers.setdefault(key, []).append(content)
                return
            if status not in (409, 503):
                self.odd.append((status, content))
                return
            self.interrupted += 1
            time.sleep(0.1)
        self.odd.append((0, f"{key}: no answer".encode()))


def body_of(key: str) -> dict[str, Any]:
    """Some customers are new, so that the ordinary way is killed too."""
    number = int(key.partition("-")[2])
    return {
        "userId": f"user-{number % 40}",
        "items": [
            {"description": f"Seat {number}", "unitPrice": 1000 + number, "quantity": 3},
            {"description": "Support", "unitPrice": 999},
        ],
    }


def manage(instance: Instance, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in another shell, which finds the instance through LEDGER_HOME."""
    clean = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=clean | {"LEDGER_HOME": str(instance.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_no_kill_makes_a_gap_a_duplicate_a_lost_invoice_or_a_stranded_key(instance: Instance) -> None:
    caller = Caller(instance)
    keys = [f"key-{number}" for number in range(KEYS)]
    work = keys + random.Random(7).sample(keys, REQUESTS - KEYS)
    random.Random(8).shuffle(work)
    total = len(work)
    lock = threading.Lock()
    stop_killing = threading.Event()
    killed: list[str] = []

    def client() -> None:
        while True:
            with lock:
                if not work:
                    return
                key = work.pop()
            caller.insist(key, body_of(key))
            # Spread over the kills: without a pause all would be done before the second one.
            time.sleep(random.uniform(0.1, 0.9))

    def killer() -> None:
        for name in KILLS:
            if stop_killing.wait(1.5):
                return
            instance.kill(name)
            killed.append(name)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    reaper = threading.Thread(target=killer)
    for thread in [*clients, reaper]:
        thread.start()
    for thread in clients:
        thread.join()
    reaper.join()

    assert sorted(killed) == sorted(KILLS)
    assert caller.odd == []
    assert sum(len(answers) for answers in caller.answers.values()) == total
    assert caller.interrupted > 0, "the kills hit nothing: the test proves nothing"
    different = [key for key, answers in caller.answers.items() if len(set(answers)) > 1]
    assert different == [], "a replay differs from the first answer"

    wait_until(instance.serves, "ready again")
    numbers = sorted(json.loads(answers[0])["invoiceNumber"] for answers in caller.answers.values())
    assert len(set(numbers)) == KEYS, "a duplicate, or a lost invoice"
    year = numbers[0].split("-")[1]
    assert numbers == [f"INV-{year}-{number:04d}" for number in range(1, KEYS + 1)], "a gap"

    for key in keys:
        status, content, headers = caller.post(key, body_of(key))
        assert (status, headers.get("idempotent-replayed")) == (201, "true"), f"{key} is stranded: {content!r}"
        assert content == caller.answers[key][0]

    verdict = manage(instance, "verify_numbering", "--json")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert json.loads(verdict.stdout)["tenants"][0]["documents"] == KEYS
    amounts = manage(instance, "verify_invoices", "--json")
    assert amounts.returncode == 0, amounts.stdout + amounts.stderr
    assert json.loads(amounts.stdout)["tenants"][0]["invoices"] == KEYS
    books = manage(instance, "verify_books", "--json")
    assert books.returncode == 0, books.stdout + books.stderr
    assert json.loads(books.stdout)["tenants"][0]["checked"]["entries"] == KEYS

    def dispatched() -> bool:
        return manage(instance, "verify_events", "--json").returncode == 0

    wait_until(dispatched, "every event of the outbox is dispatched")
