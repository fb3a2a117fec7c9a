"""Transfers survive anything: PostgreSQL and web processes are killed while groups of them commit."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.ids import decode_id
from tests.chaos.test_killed_while_issuing import manage
from tests.ledger_project.instances import Instance, free_port, wait_until

pytestmark = [pytest.mark.serial, pytest.mark.timeout(600)]

CLIENTS = 16
PATIENCE_SECONDS = 90
LIMIT = 1000


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """A whole Ledger of its own."""
    started = Instance(tmp_path / "home", PORT=str(free_port())).serving()
    yield started
    started.end()


class Service:
    """A sibling service: it repeats a request with the same key until it has an answer that is final."""

    def __init__(self, instance: Instance) -> None:
        self.port = instance.port
        credentials = json.loads((instance.home / "credentials.json").read_text())
        self.authorization = f"ServiceKey {credentials['serviceKey']}"
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.odd: list[tuple[int, bytes]] = []
        self.interrupted = 0
        self.lock = threading.Lock()

    def post(self, path: str, body: dict[str, Any], key: str = "") -> tuple[int, bytes, bool]:
        """One try: status, body, and whether it was a replay."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(body), headers | ({"Idempotency-Key": key} if key else {}))
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers.get("Idempotent-Replayed") == "true"
        finally:
            connection.close()

    def account(self, **fields: Any) -> str:
        """A new one in EUR."""
        status, content, _ = self.post("/api/accounts", {"currency": "EUR", **fields})
        assert status == 201, content
        return str(json.loads(content)["id"])

    def insist(self, key: str, body: dict[str, Any]) -> None:
        """Until it is posted or refused for good, or patience ends."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status, content, _ = self.post("/api/transfers", body, key)
            except (OSError, http.client.HTTPException):
                status, content = 0, b""
            if status in (201, 422):
                with self.lock:
                    self.answers.setdefault(key, []).append((status, content))
                return
            if status not in (0, 409, 503):
                self.odd.append((status, content))
                return
            self.interrupted += 1
            time.sleep(0.1)
        self.odd.append((0, f"{key}: no answer".encode()))


def play(instance: Instance, *, keys: int, kills: tuple[str, ...]) -> None:
    """The story: a hot account that pays many, one with too little, and murder."""
    service = Service(instance)
    hot = service.account(overdraft={"policy": "unlimited"})
    poor = service.account(overdraft={"policy": "limit", "limit": LIMIT})
    shops = [service.account() for _ in range(5)]
    dice = random.Random(7)
    bodies = {
        f"key-{number}": {
            "fromAccountId": poor if number % 4 == 0 else hot, "toAccountId": shops[number % 5],
            "amount": 1 + number % 90, "currency": "EUR",
        }
        for number in range(keys)
    }  # fmt: skip
    # A quarter is sent twice, at the same time or later.
    work = [*bodies, *dice.sample(sorted(bodies), keys // 4)]
    dice.shuffle(work)
    asked = Counter(work)
    lock, killed = threading.Lock(), []
    pause = 1.5 * len(kills) * CLIENTS / len(work)

    def client() -> None:
        while True:
            with lock:
                if not work:
                    return
                key = work.pop()
            service.insist(key, bodies[key])
            time.sleep(random.uniform(0, 2 * pause))

    def killer() -> None:
        for name in kills:
            time.sleep(1.5)
            instance.kill(name)
            killed.append(name)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)] + [threading.Thread(target=killer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.odd == []
    assert len(killed) >= len(kills) - 1
    assert service.interrupted > 0, "the kills hit nothing: the test proves nothing"
    assert {key: len(answers) for key, answers in service.answers.items()} == asked
    wait_until(instance.serves, "ready again")
    _check(instance, service, bodies, poor)


def _check(instance: Instance, service: Service, bodies: dict[str, dict[str, Any]], poor: str) -> None:
    """What was acknowledged is there, once, with the answer that was given; what was refused is not."""
    posted: dict[str, bytes] = {}
    for key, answers in service.answers.items():
        made = {content for status, content in answers if status == 201}
        assert len(made) <= 1, f"{key}: a replay differs from the first answer"
        if made:
            [posted[key]] = made
    assert posted
    stored = dict(
        instance.query("SELECT idempotency_key, id FROM accounting_transfer", role="ledger_backup")  # past the policies
    )
    assert {key: str(name) for key, name in stored.items()} == {
        key: str(decode_id("txn", json.loads(content)["id"])) for key, content in posted.items()
    }
    for table, per_transfer in (("accounting_journalentry", 1), ("accounting_journalline", 2)):
        [[count]] = instance.query(f"SELECT count(*) FROM {table}", role="ledger_backup")
        assert int(count) == per_transfer * len(posted), table
    [[events]] = instance.query(
        "SELECT count(*) FROM events_event WHERE type = 'transfer.posted'", role="ledger_backup"
    )  # fmt: skip
    assert int(events) == len(posted)
    expected: Counter[str] = Counter()
    for key in posted:
        expected[bodies[key]["fromAccountId"]] -= bodies[key]["amount"]
        expected[bodies[key]["toAccountId"]] += bodies[key]["amount"]
    balances = instance.query("SELECT id, posted FROM accounting_balance", role="ledger_backup")
    for account, amount in balances:
        [name] = [one for one in [*expected, poor] if str(decode_id("acc", one)) == str(account)][:1]
        assert int(amount) == expected[name]
    assert -LIMIT <= expected[poor] < 0
    proof = manage(instance, "verify_books", "--json")
    assert proof.returncode == 0, proof.stdout + proof.stderr
    for key in list(posted)[:20]:
        assert service.post("/api/transfers", bodies[key], key) == (201, posted[key], True)


def test_no_kill_loses_an_acknowledged_transfer_or_posts_one_twice(instance: Instance) -> None:
    play(instance, keys=400, kills=("postgres", "web", "postgres", "postgres"))


@pytest.mark.long
def test_four_thousand_transfers_with_a_kill_every_two_seconds(instance: Instance) -> None:
    play(instance, keys=4000, kills=("postgres", "web", "postgres") * 8)
