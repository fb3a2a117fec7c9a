"""Reads of the whole journal: the trial balance, and the lines of a period."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.balances import THROUGH, WITH_UNSEALED
from accounting.enums import DEBIT_TYPES
from accounting.errors import ExportTooLong
from accounting.sql_seals import LAST_CHECKPOINT, NO_LINE, SIGNED

MAX_EXPORTED: Final = 100_000
"""Lines that an export may have."""

# An account counts from its first line on, even when it holds nothing any more. A subquery, not a join or EXISTS: those
# the planner may answer by reading all lines.
_FIRST_LINE: Final = """(
    SELECT l.id FROM accounting_journalline l
    WHERE l.tenant_id = %(tenant)s::uuid AND l.account_id = a.id AND l.created_at < before.at
    ORDER BY l.created_at, l.id LIMIT 1
)"""
# Where many entries are late, looking for each of them in each account, as `NET` does, would take their product: here
# they are read once and joined. OFFSET 0 keeps the planner from reading all lines for the few of them.
TRIAL_BALANCE: Final = f"""
WITH {WITH_UNSEALED}, before AS MATERIALIZED (
    SELECT COALESCE(%(at)s::timestamptz, 'infinity') AS at, %(at)s::timestamptz IS NULL AS now
), standing AS MATERIALIZED (
    SELECT a.id, a.code, a.type, a.currency, s.line_at, s.line_id, s.net
    FROM before, accounting_account a
    LEFT JOIN accounting_balance b ON b.tenant_id = a.tenant_id AND b.id = a.id
    CROSS JOIN LATERAL (
        SELECT '-infinity'::timestamptz, '{NO_LINE}'::uuid,
            CASE WHEN a.type = ANY(%(debit_types)s) THEN -b.posted ELSE b.posted END
        WHERE before.now AND b.id IS NOT NULL
        UNION ALL
        SELECT c.line_at, c.line_id, {THROUGH.format(account="a.id", at="before.at", line=f"'{NO_LINE}'::uuid")}
        FROM {LAST_CHECKPOINT.format(account="a.id", at="before.at", line=f"'{NO_LINE}'::uuid")} AS c
        WHERE NOT before.now OR b.id IS NULL
    ) AS s (line_at, line_id, net)
    WHERE a.tenant_id = %(tenant)s::uuid AND {_FIRST_LINE} IS NOT NULL
), late AS MATERIALIZED (
    SELECT l.account_id, l.created_at, l.id, l.amount FROM unsealed u CROSS JOIN LATERAL (
        SELECT l.account_id, l.created_at, l.id, {SIGNED} AS amount FROM accounting_journalline l
        WHERE l.tenant_id = %(tenant)s::uuid AND l.entry_id = u.id OFFSET 0
    ) AS l
), missed AS (
    SELECT s.id, sum(l.amount) AS amount FROM standing s JOIN late l ON l.account_id = s.id
    WHERE (l.created_at, l.id) <= (s.line_at, s.line_id) GROUP BY s.id
), held AS (
    SELECT s.id, s.code, s.type, s.currency, s.net + COALESCE(m.amount, 0) AS net
    FROM standing s LEFT JOIN missed m ON m.id = s.id
)
SELECT code, type, currency, sum(greatest(-net, 0)), sum(greatest(net, 0)), count(*),
    CASE WHEN count(*) = 1 THEN (array_agg(id))[1] END
FROM held GROUP BY code, type, currency ORDER BY currency, code NULLS LAST, type
"""  # noqa: S608 - constants of this module
_LINES: Final = """
SELECT e.id, e.created_at, e.kind, e.source_type, e.source_id, e.description, l.position, a.id, a.code, a.type, l.side,
    l.amount, a.currency
FROM accounting_journalentry e
JOIN accounting_journalline l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id
JOIN accounting_account a ON a.tenant_id = l.tenant_id AND a.id = l.account_id
WHERE e.tenant_id = %(tenant)s AND e.created_at >= COALESCE(%(start)s, '-infinity'::timestamptz)
    AND e.created_at < COALESCE(%(end)s, 'infinity'::timestamptz)
ORDER BY e.created_at, e.id, l.position LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """What accounts of one code, type and unit hold: the sum of those in debit, and the sum of those in credit.

    `accounts` is how many they are; `account_id` names the account where there is only one.
    """

    code: str | None
    type: str
    currency: str
    debit: int
    credit: int
    accounts: int = 1
    account_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TrialTotal:
    """The sums of both sides in one unit."""

    currency: str
    debit: int
    credit: int


@dataclass(frozen=True, slots=True)
class BookLine:
    """One line of the journal with its entry and its account. `amount` is in minor units."""

    entry_id: UUID
    at: dt.datetime
    kind: str
    source_type: str | None
    source_id: UUID | None
    description: str | None
    position: int
    account_id: UUID
    code: str | None
    type: str
    side: str
    amount: int
    currency: str


def trial_balance(*, tenant_id: UUID, at: dt.datetime | None = None) -> list[TrialRow]:
    """What stands on all accounts now, or stood there at the instant `at`, by code, type and unit.

    Lines strictly before `at` count. An account stands on the side on which it has more. In every unit both sides come
    to the same. One statement, which reads of each account what came after its last checkpoint and no more.
    """
    return [
        TrialRow(code, kind, unit, int(debit), int(credit), accounts, account_id)
        for code, kind, unit, debit, credit, accounts, account_id in _rows(TRIAL_BALANCE, trial_values(tenant_id, at))
    ]


def trial_values(tenant_id: UUID, at: dt.datetime | None) -> dict[str, Any]:
    """The parameters of `TRIAL_BALANCE`."""
    return {"tenant": tenant_id, "at": at, "debit_types": [str(one) for one in DEBIT_TYPES]}


def trial_totals(rows: Iterable[TrialRow]) -> list[TrialTotal]:
    """Both sides of every unit, in the order of the units."""
    return [
        TrialTotal(unit, sum(row.debit for row in group), sum(row.credit for row in group))
        for unit, found in groupby(rows, key=lambda row: row.currency)
        for group in [list(found)]
    ]


def journal_lines(
    *, tenant_id: UUID, start: dt.datetime | None, end: dt.datetime | None
) -> list[BookLine]:  # fmt: skip
    """All lines of the half-open period, in the order of their entries. Raises `ExportTooLong`."""
    rows = _rows(_LINES, {"tenant": tenant_id, "start": start, "end": end, "limit": MAX_EXPORTED + 1})
    if len(rows) > MAX_EXPORTED:
        raise ExportTooLong()
    return [BookLine(*row) for row in rows]


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
