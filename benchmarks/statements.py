"""Balances and statements of an account with a million lines, beside one with ten: what each answer takes.

`python -m benchmarks.statements 1000000` seeds the instance of `LEDGER_HOME` by SQL, seals everything, asks through the
whole middleware stack but without a web server, and prints JSON; `python -m benchmarks statements` starts one first.
The digests of the seeded entries are not theirs, so that `verify_books` would name them.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
import sys
import time
from typing import Any
from uuid import UUID

import django

REPEATS = 21
BATCH = 50_000
DAYS = 1_095
UNSEALED = 1_200  # what a second of transfers leaves for the sealer
_SEED = """
WITH fresh AS MATERIALIZED (
    SELECT uuidv7() AS id, n, %(first)s::timestamptz + n * (%(span)s / %(count)s) AS at,
        (%(others)s::uuid[])[1 + n %% 100] AS other
    FROM generate_series(%(from)s::int, %(to)s::int) AS n
), entries AS (
    INSERT INTO accounting_journalentry (id, tenant_id, kind, line_count, digest, created_at)
    SELECT id, %(tenant)s, 'manual', 2, sha256(id::text::bytea), at FROM fresh
)
INSERT INTO accounting_journalline (id, tenant_id, entry_id, position, account_id, side, amount, created_at)
SELECT uuidv7(), %(tenant)s, f.id, l.position, CASE l.position WHEN 0 THEN f.other ELSE %(account)s END,
    CASE WHEN (l.position = 0) = (f.n %% 3 > 0) THEN 'debit' ELSE 'credit' END, 1 + f.n %% 1000, f.at
FROM fresh f, (VALUES (0), (1)) AS l (position)
"""


def post(tenant_id: UUID, account_id: UUID, others: list[UUID], *, count: int, first: dt.datetime, days: int) -> None:
    """So many entries between the account and the others, evenly over the days."""
    from django.db import connection

    from tenants.scope import tenant_scope

    for start in range(0, count, BATCH):
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            values: dict[str, Any] = {
                "first": first, "span": dt.timedelta(days=days), "count": count, "from": start,
                "to": min(start + BATCH, count) - 1, "others": others, "tenant": tenant_id, "account": account_id,
            }  # fmt: skip
            cursor.execute(_SEED, values)


def seal_all(tenant_id: UUID) -> int:
    """How many entries were sealed."""
    from accounting.services.sealing import BATCH as MOST
    from accounting.services.sealing import seal_tenant
    from common.clock import SystemClock

    total = done = MOST
    while done == MOST:
        done = seal_tenant(tenant_id=tenant_id, now=SystemClock().now())
        total += done
    return total - MOST


def ask(api: Any, path: str, **headers: str) -> dict[str, int]:
    """Median and slowest of some answers after a first one, in microseconds."""
    times = []
    for number in range(REPEATS + 1):
        began = time.perf_counter()
        answer = api.get(path, **headers)
        if number:
            times.append(round((time.perf_counter() - began) * 1_000_000))
        assert answer.status_code == 200, (path, answer.status_code, answer.content[:200])
    return {"median": round(statistics.median(times)), "slowest": max(times)}


def paths(api: Any, account: str, *, pages: int) -> dict[str, str]:
    """What is asked, by name. The deep page is the last of so many that are walked through."""
    base, cursor = f"/api/accounts/{account}", ""
    for _ in range(pages):
        cursor = api.get(f"{base}/statements?limit=100{cursor}").json()["nextCursor"] or ""
        cursor = f"&cursor={cursor}" if cursor else ""
    middle = "2024-07-01T00:00:00Z"
    newest = api.get(f"/api/seals?accountId={account}&limit=1").json()["data"][0]["id"]
    return {
        "balance": f"{base}/balance",
        "balance at an instant in the middle": f"{base}/balance?at={middle}",
        "balance at an early instant": f"{base}/balance?at=2023-01-03T00:00:00Z",
        "statement, first page of 100": f"{base}/statements?limit=100",
        "statement, deep page of 100": f"{base}/statements?limit=100{cursor}",
        "statement up to the middle": f"{base}/statements?limit=100&to={middle}",
        "statement of a month": f"{base}/statements?limit=100&from=2024-06-01T00:00:00Z&to={middle}",
        "seals of the account": f"/api/seals?accountId={account}",
        "proofs of the account in a seal": f"/api/seals/{newest}?accountId={account}&limit=100",
    }


def main(count: int) -> None:
    """Seed, seal, ask."""
    from django.conf import settings
    from django.db import connection

    from accounting.models import Account
    from common.clock import SystemClock
    from common.ids import encode_id, new_id
    from common.prefixes import ACCOUNT
    from tenants.scope import tenant_scope
    from tenants.services.service_keys import create_service_key
    from tenants.services.tenants import create_tenant
    from tests.clients import Api

    settings.ALLOWED_HOSTS = ["*"]
    now, first = SystemClock().now(), dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
    tenant = create_tenant(slug=f"statements-{new_id().hex}", name="Statements", at=now)
    with tenant_scope(tenant.id):
        made = [
            Account.objects.create(
                tenant_id=tenant.id, currency="EUR", overdraft_policy="unlimited", created_at=now, updated_at=now
            )
            for _ in range(102)
        ]
        _, secret = create_service_key(tenant_id=tenant.id, name="benchmark", scopes=["*"], at=now)
    large, small, *rest = (account.id for account in made)
    api = Api.with_key(secret)
    began = time.monotonic()
    post(tenant.id, small, rest, count=10, first=first, days=DAYS)
    post(tenant.id, large, rest, count=count, first=first, days=DAYS)
    seeded = time.monotonic() - began
    began = time.monotonic()
    sealed = seal_all(tenant.id)
    sealing = time.monotonic() - began
    with connection.cursor() as cursor, tenant_scope(tenant.id):
        cursor.execute("SELECT count(*) FROM accounting_checkpoint")
        checkpoints = (cursor.fetchone() or (0,))[0]
    report: dict[str, Any] = {
        "lines": count, "seeded per s": round(count / seeded), "sealed per s": round(sealed / sealing),
        "checkpoints": checkpoints,
    }  # fmt: skip
    for name, account, pages in (("ten lines", small, 0), ("all lines", large, min(200, count // 200))):
        asked = paths(api, encode_id(ACCOUNT, account), pages=pages)
        report[name] = {what: ask(api, path) for what, path in asked.items()}
    post(tenant.id, large, rest, count=UNSEALED // 2, first=first + dt.timedelta(days=10), days=DAYS)
    post(tenant.id, large, rest, count=UNSEALED // 2, first=first + dt.timedelta(days=DAYS), days=1)
    asked = paths(api, encode_id(ACCOUNT, large), pages=0)
    report["with 1,200 unsealed, half of them late"] = {what: ask(api, path) for what, path in asked.items()}
    json.dump(report, sys.stdout, indent=1)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
