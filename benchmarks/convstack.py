"""The POST of ConvStack's ledger, rebuilt: four transactions one after the other, no idempotency, no isolation.

Counter, invoice, items and audit entry each commit on their own, through psycopg on a persistent connection with
prepared statements, behind a WSGI application that does nothing else. What it lacks makes it cheaper: no key, no scope,
no row-level security, no outbox, no hash chain; and a crash between its transactions leaves a gap.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from uuid_utils.compat import uuid7

DATABASE = "convstack"
SCHEMA = """
CREATE TABLE counter (
    tenant_id uuid NOT NULL, year int NOT NULL, last bigint NOT NULL, PRIMARY KEY (tenant_id, year)
);
CREATE TABLE invoice (
    id uuid PRIMARY KEY, tenant_id uuid NOT NULL, user_id text NOT NULL, number text NOT NULL, status text NOT NULL,
    currency char(3) NOT NULL, subtotal bigint NOT NULL, tax bigint NOT NULL, total bigint NOT NULL,
    metadata jsonb NOT NULL, due_date timestamptz NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, number)
);
CREATE INDEX invoice_by_user ON invoice (tenant_id, user_id);
CREATE TABLE item (
    id uuid PRIMARY KEY, invoice_id uuid NOT NULL REFERENCES invoice (id) ON DELETE CASCADE, description text NOT NULL,
    quantity int NOT NULL, unit_price bigint NOT NULL, total bigint NOT NULL
);
CREATE INDEX item_by_invoice ON item (invoice_id);
CREATE TABLE audit (
    id uuid PRIMARY KEY, tenant_id uuid NOT NULL, action text NOT NULL, entity_id uuid NOT NULL, after jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
"""
COUNT = """
INSERT INTO counter VALUES (%s, 2026, 1)
ON CONFLICT (tenant_id, year) DO UPDATE SET last = counter.last + 1 RETURNING last
"""
INVOICE = """
INSERT INTO invoice (id, tenant_id, user_id, number, status, currency, subtotal, tax, total, metadata, due_date)
VALUES (%s, %s, %s, %s, 'pending', 'EUR', %s, %s, %s, %s, now() + interval '30 days')
"""
ITEMS = """
INSERT INTO item (id, invoice_id, description, quantity, unit_price, total)
SELECT i.id, %s, i.description, i.quantity, i.unit_price, i.total
FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS i
    (id, description, quantity, unit_price, total)
"""
AUDIT = "INSERT INTO audit (id, tenant_id, action, entity_id, after) VALUES (%s, %s, 'invoice.created', %s, %s)"

_local = threading.local()


def prepare(owner_url: str) -> str:
    """A new database in the same cluster; its URL."""
    url = urlsplit(owner_url)._replace(path=f"/{DATABASE}").geturl()
    with psycopg.connect(urlsplit(owner_url)._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
    return url


def arguments(port: int) -> tuple[str, ...]:
    """The same server as Ledger's."""
    return (
        "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "2", "--blocking-threads", os.environ.get("CONVSTACK_THREADS") or "2", "--backlog", "1024",
        "--backpressure", "256", "--log-level", "warning", "benchmarks.convstack:application",
    )  # fmt: skip


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """POST an invoice; the tenant is what the authorization header names, unchecked."""
    if environ["REQUEST_METHOD"] != "POST":
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]
    asked = json.loads(environ["wsgi.input"].read())
    answer = json.dumps(issue(UUID(environ["HTTP_AUTHORIZATION"].partition(" ")[2]), asked)).encode()
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def issue(tenant: UUID, asked: dict[str, Any]) -> dict[str, Any]:
    """Four statements, four commits."""
    connection = _connection()
    items = [{**item, "total": item["quantity"] * item["unitPrice"]} for item in asked["items"]]
    subtotal = sum(item["total"] for item in items)
    tax = subtotal * 20 // 100
    row = connection.execute(COUNT, [tenant]).fetchone()
    assert row is not None
    invoice, number = uuid7(), f"INV-2026-{row[0]:04}"
    body = {
        "id": str(invoice), "invoiceNumber": number, "status": "pending", "userId": asked["userId"], "currency": "EUR",
        "subtotal": subtotal, "tax": tax, "total": subtotal + tax, "items": items, "metadata": asked["metadata"],
    }  # fmt: skip
    connection.execute(
        INVOICE,
        [invoice, tenant, asked["userId"], number, subtotal, tax, subtotal + tax, Jsonb(asked["metadata"])],
    )
    columns = [[item[name] for item in items] for name in ("description", "quantity", "unitPrice", "total")]
    connection.execute(ITEMS, [invoice, [uuid7() for _ in items], *columns])
    connection.execute(AUDIT, [uuid7(), tenant, invoice, Jsonb(body)])
    return {"success": True, **body}


def _connection() -> psycopg.Connection[Any]:
    connection: psycopg.Connection[Any] | None = getattr(_local, "connection", None)
    if connection is None:
        connection = psycopg.connect(os.environ["CONVSTACK_URL"], autocommit=True, prepare_threshold=1)
        _local.connection = connection
    return connection
