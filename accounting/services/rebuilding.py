"""Replaying the balances from the journal: beside them first, and in their place where they differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.services.sealing import HOLDABLE, LOCK, SEALER_LOCK
from accounting.sql_seals import SIGNED

BATCH: Final = 500

# What is replayed and what is kept, of one moment: one statement.
_SHADOW: Final = """
WITH chosen AS MATERIALIZED (
    SELECT a.id, a.tenant_id, a.type, a.overdraft_policy <> 'unlimited' AS bounded,
        -COALESCE(a.overdraft_limit, 0) AS floor
    FROM accounting_account a WHERE a.tenant_id = %s AND a.id > %s ORDER BY a.id LIMIT %s
), shadow AS MATERIALIZED (
    SELECT c.id, summed.posted, summed.held, c.floor
    FROM chosen c CROSS JOIN LATERAL accounting_summed(c.tenant_id, c.id, c.type) AS summed WHERE c.bounded
)
SELECT c.id, b.posted, b.held, b.floor, s.posted, s.held, s.floor
FROM chosen c LEFT JOIN shadow s ON s.id = c.id
LEFT JOIN accounting_balance b ON b.tenant_id = c.tenant_id AND b.id = c.id
ORDER BY c.id
"""

_WITH_CHECKPOINTS: Final = """
SELECT DISTINCT account_id FROM accounting_checkpoint WHERE tenant_id = %s ORDER BY account_id
"""
_REPLAYED: Final = f"""(
    SELECT l.id, l.created_at, sum({SIGNED}) OVER (ORDER BY l.created_at, l.id) AS balance
    FROM accounting_journalline l JOIN accounting_sealedentry s ON s.id = l.entry_id
    WHERE l.tenant_id = %(tenant)s AND l.account_id = %(account)s
)"""  # noqa: S608 - constants of this module
_CHECKPOINTS: Final = f"""
SELECT c.line_at, c.balance, r.balance
FROM accounting_checkpoint c LEFT JOIN {_REPLAYED} AS r ON (r.created_at, r.id) = (c.line_at, c.line_id)
WHERE c.tenant_id = %(tenant)s AND c.account_id = %(account)s AND c.balance IS DISTINCT FROM r.balance
ORDER BY c.line_at, c.line_id
"""  # noqa: S608 - constants of this module
_RIGHT: Final = f"""
UPDATE accounting_checkpoint c SET balance = r.balance
FROM {_REPLAYED} AS r
WHERE c.tenant_id = %(tenant)s AND c.account_id = %(account)s AND (c.line_at, c.line_id) = (r.created_at, r.id)
    AND c.balance <> r.balance AND r.balance {HOLDABLE}
"""  # noqa: S608 - constants of this module
# What is still wrong then: the line is not there or not sealed, or the sum is more than a row holds. Nobody needs it.
_GONE: Final = f"""
DELETE FROM accounting_checkpoint c
WHERE c.tenant_id = %(tenant)s AND c.account_id = %(account)s AND NOT EXISTS (
    SELECT FROM {_REPLAYED} AS r WHERE (r.created_at, r.id, r.balance) = (c.line_at, c.line_id, c.balance)
)
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Amounts:
    """A balance row, in minor units."""

    posted: int
    held: int
    floor: int

    @property
    def allowed(self) -> bool:
        """Whether the account may stand so: not below its limit."""
        return self.posted - self.held >= self.floor and self.held >= 0


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that is not what the journal gives. None: there is no row, or there should be none."""

    account_id: UUID
    kept: Amounts | None
    replayed: Amounts | None

    @property
    def can_be_swapped(self) -> bool:
        """False when the journal itself overdraws the account: then not the balance is wrong."""
        return self.replayed is None or self.replayed.allowed


@dataclass(frozen=True, slots=True)
class WrongCheckpoint:
    """A checkpoint that is not the sum of its lines, credit − debit. `replayed` is None when its line is not there."""

    account_id: UUID
    line_at: dt.datetime
    kept: int
    replayed: int | None


@dataclass(slots=True)
class Rebuilt:
    """How many accounts were looked at, and what differed."""

    accounts: int
    differences: list[Difference]
    checkpoints: list[WrongCheckpoint] = field(default_factory=list)


def compare_balances(*, tenant_id: UUID, progress: Callable[[int], None] = lambda _: None) -> Rebuilt:
    """Replay every balance and checkpoint of the tenant, and compare them with those that are kept.

    Changes nothing, locks nothing.
    """
    rebuilt = Rebuilt(0, [])
    with connection.cursor() as cursor:
        # It reads every line there is; the bound of a request is not for it. It ends with the transaction.
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    for rows in _batches(tenant_id):
        for account_id, *amounts in rows:
            kept, replayed = _amounts(amounts[:3]), _amounts(amounts[3:])
            if kept != replayed:
                rebuilt.differences.append(Difference(account_id, kept, replayed))
        rebuilt.accounts += len(rows)
        progress(rebuilt.accounts)
    for (account_id,) in _rows(_WITH_CHECKPOINTS, [tenant_id]):
        found = _rows(_CHECKPOINTS, {"tenant": tenant_id, "account": account_id})
        rebuilt.checkpoints += [
            WrongCheckpoint(account_id, at, kept, None if replayed is None else int(replayed))
            for at, kept, replayed in found
        ]
    return rebuilt


def swap_balances(*, tenant_id: UUID, differences: list[Difference]) -> None:
    """Put what the journal gives in the place of these balances, while nobody posts. Needs the tenant's scope.

    They are replayed once more under the lock of the books, so that what was posted since they were compared counts.
    """
    wanted = [one.account_id for one in differences if one.can_be_swapped]
    if wanted:
        with connection.cursor() as cursor:
            cursor.execute("SELECT accounting_rebuild_balances(%s::uuid[])", [wanted])


def swap_checkpoints(*, tenant_id: UUID, wrong: list[WrongCheckpoint]) -> None:
    """Put the checkpoints of these accounts right, or away, while nothing is sealed. Needs the tenant's scope.

    Balances of accounts without a row of their own begin at them.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [SEALER_LOCK, tenant_id])
        for account_id in sorted({one.account_id for one in wrong}):
            for statement in (_RIGHT, _GONE):
                cursor.execute(statement, {"tenant": tenant_id, "account": account_id})


def _batches(tenant_id: UUID) -> Iterator[list[tuple[Any, ...]]]:
    last = UUID(int=0)
    while True:
        rows = _rows(_SHADOW, [tenant_id, last, BATCH])
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def _rows(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]


def _amounts(values: list[Any]) -> Amounts | None:
    return None if values[0] is None else Amounts(*values)
