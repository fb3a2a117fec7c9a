"""The floor: what PostgreSQL gives for the same effect through psycopg, without HTTP and without Ledger.

One prepared statement takes the next number from the counter row and writes the invoice, three lines and the outbox
row; one transaction per statement, one connection per thread. As a program it is a worker of `benchmarks.workers`.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg import sql
from uuid_utils.compat import uuid7

from benchmarks.workers import answer_of_worker, dealt_out, plan_of_worker

DATABASE = "floor"
SCHEMA = """
CREATE TABLE counter (
    tenant_id uuid NOT NULL, series text NOT NULL, year int NOT NULL, last bigint NOT NULL,
    PRIMARY KEY (tenant_id, series, year)
) WITH (fillfactor = 20);
CREATE TABLE invoice (
    id uuid PRIMARY KEY, tenant_id uuid NOT NULL, customer_id uuid NOT NULL, series text NOT NULL, year int NOT NULL,
    number bigint NOT NULL, status text NOT NULL, currency char(3) NOT NULL, subtotal bigint NOT NULL,
    tax bigint NOT NULL, total bigint NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, series, year, number)
);
CREATE TABLE line (
    id uuid PRIMARY KEY, tenant_id uuid NOT NULL, invoice_id uuid NOT NULL REFERENCES invoice (id),
    position int NOT NULL, description text NOT NULL, quantity numeric NOT NULL, unit_price numeric NOT NULL,
    total bigint NOT NULL
);
CREATE INDEX line_by_invoice ON line (invoice_id);
CREATE TABLE outbox (
    id uuid PRIMARY KEY, tenant_id uuid NOT NULL, type text NOT NULL, data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""
ISSUE = """
WITH taken AS (
    UPDATE counter SET last = last + 1 WHERE tenant_id = %(tenant)s AND series = 'INV' AND year = 2026 RETURNING last
), document AS (
    INSERT INTO invoice (id, tenant_id, customer_id, series, year, number, status, currency, subtotal, tax, total)
    SELECT %(id)s, %(tenant)s, %(customer)s, 'INV', 2026, last, 'pending', 'EUR', %(subtotal)s, %(tax)s, %(total)s
    FROM taken RETURNING number
), lines AS (
    INSERT INTO line (id, tenant_id, invoice_id, position, description, quantity, unit_price, total)
    SELECT l.id, %(tenant)s, %(id)s, l.position, l.description, l.quantity, l.unit_price, l.total
    FROM unnest(%(ids)s::uuid[], %(positions)s::int[], %(descriptions)s::text[], %(quantities)s::numeric[],
        %(prices)s::numeric[], %(totals)s::bigint[]) AS l (id, position, description, quantity, unit_price, total)
), announced AS (
    INSERT INTO outbox (id, tenant_id, type, data)
    SELECT %(event)s, %(tenant)s, 'invoice.issued', jsonb_build_object('id', %(id)s::text, 'number', number)
    FROM document
)
SELECT number FROM document
"""


def prepare(owner_url: str, tenants: int) -> tuple[str, list[str]]:
    """A new database for the floor in the same cluster; its URL and the ids of its tenants."""
    url = urlsplit(owner_url)._replace(path=f"/{DATABASE}").geturl()
    maintenance = urlsplit(owner_url)._replace(path="/postgres").geturl()
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    ids = [uuid7() for _ in range(tenants)]
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
        for tenant in ids:
            connection.execute("INSERT INTO counter VALUES (%s, 'INV', 2026, 0)", [tenant])
    return url, [str(tenant) for tenant in ids]


def plans(url: str, tenants: list[str], connections: int) -> list[dict[str, Any]]:
    """Plans for `connections` connections over the tenants, in at most four processes."""
    owners = [tenants[index % len(tenants)] for index in range(connections)]
    return [{"url": url, "tenants": hand} for hand in dealt_out(owners, min(4, connections))]


def work(url: str, tenant: UUID, plan: dict[str, Any], latencies: list[float]) -> None:
    """Issue for one tenant on one connection until the plan ends."""
    dice = random.Random()
    customers = [uuid7() for _ in range(50)]
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        cursor = connection.cursor()
        time.sleep(max(0.0, plan["begin"] - time.monotonic()))
        while (asked_at := time.monotonic()) < plan["end"]:
            cursor.execute(ISSUE, parameters(tenant, dice.choice(customers), dice))
            cursor.fetchone()
            answered_at = time.monotonic()
            if asked_at >= plan["start"] and answered_at <= plan["end"]:
                latencies.append(answered_at - asked_at)


def parameters(tenant: UUID, customer: UUID, dice: random.Random) -> dict[str, Any]:
    """One invoice of three lines."""
    quantities, prices = [dice.randint(1, 5) for _ in range(3)], [dice.randint(100, 50_000) for _ in range(3)]
    totals = [quantity * price for quantity, price in zip(quantities, prices, strict=True)]
    subtotal = sum(totals)
    tax = subtotal * 20 // 100
    return {
        "tenant": tenant, "id": uuid7(), "customer": customer, "subtotal": subtotal, "tax": tax,
        "total": subtotal + tax, "ids": [uuid7() for _ in range(3)], "positions": [0, 1, 2],
        "descriptions": ["Consulting, per hour", "Hosting, per month", "Travel"], "quantities": quantities,
        "prices": prices, "totals": totals, "event": uuid7(),
    }  # fmt: skip


def main() -> None:
    """The worker: one thread and connection per tenant of the plan."""
    plan = plan_of_worker()
    latencies: list[float] = []
    threads = [
        threading.Thread(target=work, args=(plan["url"], UUID(tenant), plan, latencies)) for tenant in plan["tenants"]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer_of_worker(latencies=latencies, errors=0)


if __name__ == "__main__":
    main()
