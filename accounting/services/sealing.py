"""The sealer: entries whose transactions have ended become the leaves of a seal, and balances are fixed on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.sealing import FIRST, chain_head, merkle_root
from accounting.sql_seals import ENDED, HORIZON_LAG, LAST_CHECKPOINT, NO_LINE, POSITION, SIGNED, UNSEALED
from common.ids import new_id
from tenants.scope import tenant_scope

BATCH: Final = 2_000
CHECKPOINT_EVERY: Final = 512
"""Lines of an account between two checkpoints, on average; a power of two."""

SEALER_LOCK: Final = 7412
"""First key of the advisory lock of a tenant's sealer; the second is `hashtext` of the tenant's id as text."""

LOCK: Final = "SELECT pg_advisory_xact_lock(%s, hashtext(%s::uuid::text))"
_LEAVES: Final = f"""
WITH position AS MATERIALIZED ({POSITION.format(tenant="%(tenant)s")})
SELECT position.xmin, position.cluster, position.swept, position.horizon, e.id, e.xid, e.digest
FROM position LEFT JOIN LATERAL (
    SELECT e.id, e.xid, e.digest FROM accounting_journalentry e
    WHERE {UNSEALED.format(tenant="%(tenant)s")} AND {ENDED}
    ORDER BY e.xid, e.id LIMIT %(batch)s
) AS e ON true
ORDER BY e.xid, e.id
"""  # noqa: S608 - constants of this module
_LAST: Final = "SELECT number, head FROM accounting_seal WHERE tenant_id = %s ORDER BY number DESC LIMIT 1"
_SEAL: Final = """
WITH seal AS (
    INSERT INTO accounting_seal (
        id, tenant_id, number, entry_count, root, previous_head, head, horizon, sealed_at
    ) VALUES (
        %(seal)s, %(tenant)s, %(number)s, %(count)s, %(root)s, %(previous)s, %(head)s, %(horizon)s, %(now)s
    )
)
INSERT INTO accounting_sealedentry (id, tenant_id, seal_id, position)
SELECT e.id, %(tenant)s, %(seal)s, e.position - 1
FROM unnest(%(entries)s::uuid[]) WITH ORDINALITY AS e (id, position)
"""
_PROGRESS: Final = """
INSERT INTO accounting_sealprogress (id, tenant_id, horizon, through, cluster, swept) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id) DO UPDATE
SET horizon = EXCLUDED.horizon, through = EXCLUDED.through, cluster = EXCLUDED.cluster, swept = EXCLUDED.swept
"""
# A balance that no column holds is not fixed: readers sum from the checkpoint before.
HOLDABLE: Final = "BETWEEN -9223372036854775807 AND 9223372036854775807"

# Each late line is added to the checkpoint that comes next, and the sum of these to that one and all later ones.
_LATE: Final = f"""
WITH late AS (
    SELECT l.account_id, after.line_at, after.line_id, sum({SIGNED}) AS amount
    FROM accounting_journalline l CROSS JOIN LATERAL (
        SELECT c.line_at, c.line_id FROM accounting_checkpoint c
        WHERE c.tenant_id = l.tenant_id AND c.account_id = l.account_id
            AND (c.line_at, c.line_id) > (l.created_at, l.id)
        ORDER BY c.line_at, c.line_id LIMIT 1
    ) AS after
    WHERE l.tenant_id = %(tenant)s AND l.entry_id = ANY(%(entries)s::uuid[])
    GROUP BY l.account_id, after.line_at, after.line_id
), changed AS (
    SELECT c.id, c.balance + sum(late.amount) OVER (
        PARTITION BY c.account_id ORDER BY c.line_at, c.line_id
    ) AS balance
    FROM accounting_checkpoint c LEFT JOIN late USING (account_id, line_at, line_id)
    WHERE c.tenant_id = %(tenant)s AND c.account_id IN (SELECT account_id FROM late)
), gone AS (
    DELETE FROM accounting_checkpoint c USING changed
    WHERE c.tenant_id = %(tenant)s AND c.id = changed.id AND NOT changed.balance {HOLDABLE}
)
UPDATE accounting_checkpoint c SET balance = changed.balance FROM changed
WHERE c.tenant_id = %(tenant)s AND c.id = changed.id AND changed.balance {HOLDABLE} AND c.balance <> changed.balance
"""  # noqa: S608 - constants of this module
# Chosen by chance, which needs no count of an account's lines and fits late lines as well.
_CHOSEN: Final = """
SELECT l.account_id, l.created_at, l.id FROM accounting_journalline l
WHERE l.tenant_id = %(tenant)s AND l.entry_id = ANY(%(entries)s::uuid[]) AND uuid_hash(l.id) & %(mask)s = 0
ORDER BY l.account_id, l.created_at, l.id
"""
_CHECKPOINT: Final = f"""
INSERT INTO accounting_checkpoint (id, tenant_id, account_id, line_at, line_id, balance)
SELECT %(id)s, %(tenant)s, %(account)s, %(line_at)s, %(line)s, through.balance
FROM (
    SELECT before.balance + COALESCE((
        SELECT sum({SIGNED}) FROM accounting_journalline l
        WHERE l.tenant_id = %(tenant)s AND l.account_id = %(account)s
            AND (l.created_at, l.id) > (before.line_at, before.line_id)
            AND (l.created_at, l.id) <= (%(line_at)s, %(line)s::uuid)
            AND (SELECT s.id FROM accounting_sealedentry s WHERE s.id = l.entry_id) IS NOT NULL
    ), 0) AS balance
    FROM {LAST_CHECKPOINT.format(account="%(account)s", at="%(line_at)s", line="%(line)s::uuid")} AS before
) AS through
WHERE through.balance {HOLDABLE}
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class _Leaf:
    id: UUID
    xid: int
    digest: bytes


def tenants_with_unsealed() -> list[UUID]:
    """Tenants that have something to seal, or have rested for so long that their horizon should move; all tenants."""
    return [row[0] for row in _rows("SELECT id FROM accounting_tenants_with_unsealed()")]


def seal_tenant(
    *, tenant_id: UUID, now: dt.datetime, batch: int = BATCH, checkpoint_every: int = CHECKPOINT_EVERY
) -> int:
    """Seal the next entries of a tenant, at most `batch`, in a transaction of its own; how many.

    Fewer than `batch`: nothing is left whose transaction has ended. Two at once take turns. `now` is real time.
    """
    with tenant_scope(tenant_id):
        _rows(LOCK, [SEALER_LOCK, tenant_id])
        found = _rows(_LEAVES, {"tenant": tenant_id, "batch": batch})
        xmin, cluster, swept, horizon = found[0][:4]
        leaves = [_Leaf(row[4], row[5], bytes(row[6])) for row in found if row[4] is not None]
        full = len(leaves) == batch
        reached = min(leaves[-1].xid, xmin) if full else xmin
        if leaves:
            _write_seal(tenant_id=tenant_id, leaves=leaves, horizon=reached, now=now)
            _fix_balances(tenant_id=tenant_id, entries=[leaf.id for leaf in leaves], mask=checkpoint_every - 1)
        # Beyond the last leaf lie entries from another cluster only when everything below was sealed: no horizon.
        if full and leaves[-1].xid < xmin:
            _execute(_PROGRESS, [new_id(), tenant_id, reached, leaves[-1].id, cluster, swept])
        elif not full and (leaves or not swept or horizon < xmin - HORIZON_LAG):
            _execute(_PROGRESS, [new_id(), tenant_id, reached, NO_LINE, cluster, True])
    return len(leaves)


def _write_seal(*, tenant_id: UUID, leaves: Sequence[_Leaf], horizon: int, now: dt.datetime) -> None:
    last = _rows(_LAST, [tenant_id])
    number, previous = (last[0][0] + 1, bytes(last[0][1])) if last else (1, FIRST)
    root = merkle_root([leaf.digest for leaf in leaves])
    _execute(
        _SEAL,
        {
            "seal": new_id(), "tenant": tenant_id, "number": number, "count": len(leaves), "root": root,
            "previous": previous, "head": chain_head(previous, number=number, count=len(leaves), root=root),
            "horizon": horizon, "now": now, "entries": [leaf.id for leaf in leaves],
        },
    )  # fmt: skip


def _fix_balances(*, tenant_id: UUID, entries: Sequence[UUID], mask: int) -> None:
    """Bring the checkpoints up to what is sealed now."""
    batch = {"tenant": tenant_id, "entries": list(entries), "mask": mask}
    _execute(_LATE, batch)
    # One after the other: each goes on from the one before.
    for account_id, line_at, line_id in _rows(_CHOSEN, batch):
        _execute(
            _CHECKPOINT,
            {"id": new_id(), "tenant": tenant_id, "account": account_id, "line_at": line_at, "line": line_id},
        )


def _rows(sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]


def _execute(sql: str, parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
