"""The floor of transfers: what PostgreSQL gives for the same effect through psycopg, without HTTP and without Ledger.

One prepared statement takes the idempotency key, moves two balances under a CHECK, locked in the order of their ids,
and writes two lines; one transaction per statement, one connection per thread. In batches the same for many transfers
at once. As a program it is a worker of `benchmarks.workers`.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from uuid_utils.compat import uuid7

from benchmarks.workers import answer_of_worker, dealt_out, plan_of_worker

DATABASE = "floor_transfers"
SCHEMA = """
CREATE TABLE account (id uuid PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 20);
CREATE TABLE line (
    id uuid PRIMARY KEY, transfer_id uuid NOT NULL, account_id uuid NOT NULL, amount bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE idempotency (key text PRIMARY KEY, answer text NOT NULL);
"""
TRANSFER = """
WITH once AS (
    INSERT INTO idempotency (key, answer) VALUES (%(key)s, %(answer)s)
), locked AS MATERIALIZED (
    SELECT id FROM account WHERE id IN (%(source)s, %(target)s) ORDER BY id FOR NO KEY UPDATE
), lines AS (
    INSERT INTO line (id, transfer_id, account_id, amount)
    VALUES (%(debit)s, %(id)s, %(source)s, -%(amount)s::bigint), (%(credit)s, %(id)s, %(target)s, %(amount)s)
)
UPDATE account SET balance = balance + CASE account.id WHEN %(source)s THEN -%(amount)s::bigint ELSE %(amount)s END
FROM locked WHERE account.id = locked.id
"""
MANY = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(
        %(ids)s::uuid[], %(keys)s::text[], %(sources)s::uuid[], %(targets)s::uuid[], %(amounts)s::bigint[],
        %(debits)s::uuid[], %(credits)s::uuid[]
    ) AS r (id, key, source, target, amount, debit, credit)
), once AS (
    INSERT INTO idempotency (key, answer) SELECT key, %(answer)s FROM asked ORDER BY key
), sides AS MATERIALIZED (
    SELECT debit AS side, id, source AS account, -amount AS amount FROM asked
    UNION ALL SELECT credit, id, target, amount FROM asked
), lines AS (
    INSERT INTO line (id, transfer_id, account_id, amount) SELECT side, id, account, amount FROM sides
), locked AS MATERIALIZED (
    SELECT id FROM account WHERE id IN (SELECT account FROM sides) ORDER BY id FOR NO KEY UPDATE
)
UPDATE account SET balance = balance + moved.amount
FROM locked JOIN (SELECT account, sum(amount)::bigint AS amount FROM sides GROUP BY account) AS moved
    ON moved.account = locked.id
WHERE account.id = locked.id
"""
ACCOUNTS = 1000
PLENTY = 10**15
ANSWER = "x" * 420


def prepare(owner_url: str) -> tuple[str, list[str]]:
    """A new database for the floor in the same cluster; its URL and the ids of its accounts."""
    url = urlsplit(owner_url)._replace(path=f"/{DATABASE}").geturl()
    maintenance = urlsplit(owner_url)._replace(path="/postgres").geturl()
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    ids = [str(uuid7()) for _ in range(ACCOUNTS)]
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
        connection.execute("INSERT INTO account SELECT unnest(%s::uuid[]), %s", [ids, PLENTY])
    return url, ids


def plans(url: str, accounts: list[str], connections: int, *, hot: bool, batch: int = 1) -> list[dict[str, Any]]:
    """Plans for `connections` connections, in at most four processes. `hot`: one account pays everything."""
    plan = {"url": url, "accounts": accounts, "hot": hot, "batch": batch}
    return [{**plan, "connections": len(hand)} for hand in dealt_out([0] * connections, min(4, connections))]


def work(plan: dict[str, Any], latencies: list[float]) -> None:
    """Transfer on one connection until the plan ends. A batch counts once for each of its transfers."""
    dice, accounts, batch = random.Random(), plan["accounts"], plan["batch"]
    with psycopg.connect(plan["url"], autocommit=True, prepare_threshold=0) as connection:
        cursor = connection.cursor()
        time.sleep(max(0.0, plan["begin"] - time.monotonic()))
        while (asked_at := time.monotonic()) < plan["end"]:
            pairs = [_pair(accounts, dice, hot=plan["hot"]) for _ in range(batch)]
            if batch == 1:
                cursor.execute(TRANSFER, _one(*pairs[0], dice))
            else:
                cursor.execute(MANY, _many(pairs, dice))
            answered_at = time.monotonic()
            if asked_at >= plan["start"] and answered_at <= plan["end"]:
                latencies += [answered_at - asked_at] * batch


def _pair(accounts: list[str], dice: random.Random, *, hot: bool) -> tuple[str, str]:
    if hot:
        return accounts[0], accounts[dice.randrange(1, len(accounts))]
    source, target = dice.sample(accounts, 2)
    return source, target


def _one(source: str, target: str, dice: random.Random) -> dict[str, Any]:
    ids = {"id": uuid7(), "debit": uuid7(), "credit": uuid7()}
    return ids | {
        "key": str(ids["id"]), "answer": ANSWER, "source": source, "target": target, "amount": dice.randint(1, 1000)
    }  # fmt: skip


def _many(pairs: list[tuple[str, str]], dice: random.Random) -> dict[str, Any]:
    ids = [uuid7() for _ in pairs]
    return {
        "ids": ids, "keys": [str(one) for one in ids], "sources": [source for source, _ in pairs],
        "targets": [target for _, target in pairs], "amounts": [dice.randint(1, 1000) for _ in pairs],
        "debits": [uuid7() for _ in pairs], "credits": [uuid7() for _ in pairs], "answer": ANSWER,
    }  # fmt: skip


def main() -> None:
    """The worker: one thread for each connection of the plan."""
    plan = plan_of_worker()
    latencies: list[float] = []
    threads = [threading.Thread(target=work, args=(plan, latencies)) for _ in range(plan["connections"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer_of_worker(latencies=latencies, errors=0)


if __name__ == "__main__":
    main()
