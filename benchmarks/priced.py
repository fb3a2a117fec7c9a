"""Issuing and previewing an invoice of 1,000 lines over 50 prices, with 3 coupons and 4 tax rates, over HTTP.

Wanted: issued in under 100 ms. One client, one request at a time. Beside it the floor: a thousand rows written by
one statement through psycopg into a table without triggers, keys and policies, and committed.
"""

from __future__ import annotations

import http.client
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.stack import Stack

LINES = 1000
ROUNDS = 30
WANTED_MS = 100
_TABLE = """
CREATE UNLOGGED TABLE benchmark_floor (id uuid, position integer, description varchar, quantity numeric, unit numeric,
    total bigint, taxes jsonb);
ALTER TABLE benchmark_floor SET LOGGED;
"""
_ROWS = """
INSERT INTO benchmark_floor SELECT gen_random_uuid(), r.p, r.d, r.q, r.u, r.t, r.x
FROM json_to_recordset(%s::json) AS r(p integer, d varchar, q numeric, u numeric, t bigint, x jsonb)
"""


def invoice(seeded: dict[str, Any]) -> bytes:
    """The body of a request."""
    prices, codes = seeded["prices"], seeded["taxCodes"]
    items = [
        {"priceId": prices[one % len(prices)], "quantity": f"{one * 37 + 5}.25", "taxCode": codes[one % len(codes)]}
        for one in range(LINES)
    ]
    return json.dumps({"userId": "user-1", "items": items, "coupons": seeded["coupons"]}).encode()


def timed(port: int, path: str, body: bytes, secret: str, *, status: int) -> list[float]:
    """Milliseconds of each request; the first three are not counted."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"ServiceKey {secret}", "Content-Type": "application/json"}
    found = []
    for _ in range(ROUNDS + 3):
        started = time.perf_counter()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        found.append((time.perf_counter() - started) * 1000)
        if answer.status != status:
            raise SystemExit(f"{path}: {answer.status} {content[:500].decode()}")
    return found[3:]


def floor(url: str) -> list[float]:
    """Milliseconds of writing the rows of an invoice, and nothing else."""
    taxes = [{"label": "VAT", "rate": 1900, "category": "standard"}]
    rows = json.dumps([{"p": one, "d": "Calls", "q": "1.25", "u": "100", "t": 125, "x": taxes} for one in range(LINES)])
    found = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_TABLE)
        for _ in range(ROUNDS + 3):
            started = time.perf_counter()
            connection.execute(_ROWS, [rows])
            found.append((time.perf_counter() - started) * 1000)
        connection.execute("DROP TABLE benchmark_floor")
    return found[3:]


def run(output: Path) -> int:
    """Measure, print and write down."""
    stack = Stack()
    try:
        stack.manage("migrate", "--no-input", "--verbosity", "0")
        seeded = stack.output_of("benchmarks.seed_priced")
        body = invoice(seeded)
        with stack.web() as (port, _):
            issued = timed(port, "/api/invoices", body, seeded["key"], status=201)
            previewed = timed(port, "/api/invoices/preview", body, seeded["key"], status=200)
        lowest = floor(stack.urls["databaseOwnerUrl"])
    finally:
        stack.close()
    report: dict[str, Any] = {"lines": LINES, "wanted": WANTED_MS, "python": platform.python_version()}
    for name, figures in (("issued", issued), ("previewed", previewed), ("floor", lowest)):
        ordered = sorted(figures)
        report[name] = {"median": round(statistics.median(ordered), 1), "quickest": round(ordered[0], 1),
                        "p95": round(ordered[int(len(ordered) * 0.95)], 1)}  # fmt: skip
        print(f"{name:10} median {report[name]['median']:7} ms, quickest {report[name]['quickest']:7} ms")
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"written: {output}")
    return 0
