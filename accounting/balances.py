"""Balances, now and at any instant of the past, each in one statement and so of one moment.

An account with a bound keeps its balance in a row. That of any other account, and every balance of the past, is the
last checkpoint before the instant, the lines since, and the late lines that no checkpoint has taken in yet: what it
costs depends neither on the length of the history nor on the instant.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.enums import DEBIT_TYPES, OverdraftPolicy
from accounting.errors import AmountTooLarge
from accounting.selectors import GRANTS_DUE
from accounting.sql_seals import LAST_CHECKPOINT, NO_LINE, POSITION, SIGNED, UNSEALED
from common.errors import NotFound

_MOST: Final = 2**63 - 1

_TENANT: Final = "%(tenant)s::uuid"
WITH_UNSEALED: Final = f"""
position AS MATERIALIZED ({POSITION.format(tenant=_TENANT)}), unsealed AS MATERIALIZED (
    SELECT e.id, e.created_at FROM position, accounting_journalentry e WHERE {UNSEALED.format(tenant=_TENANT)}
)
"""  # noqa: S608 - constants of this module
"""What `NET` needs among the WITH clauses of its statement. `tenant` is a parameter of the statement."""

# Subqueries instead of joins: the planner cannot know that few entries are unsealed, and would begin with the account.
_LATE: Final = f"""
    SELECT sum((
        SELECT sum({SIGNED}) FROM accounting_journalline l
        WHERE l.tenant_id = %(tenant)s::uuid AND l.entry_id = u.id AND l.account_id = {{account}}
            AND (l.created_at, l.id) <= (c.line_at, c.line_id)
    )) FROM unsealed u WHERE u.created_at <= c.line_at
"""  # noqa: S608 - constants of this module

THROUGH: Final = f"""c.balance + COALESCE((
        SELECT sum({SIGNED}) FROM accounting_journalline l
        WHERE l.tenant_id = %(tenant)s::uuid AND l.account_id = {{account}}
            AND (l.created_at, l.id) > (c.line_at, c.line_id) AND (l.created_at, l.id) < ({{at}}, {{line}})
    ), 0)"""  # noqa: S608 - constants of this module
"""The checkpoint `c` and the lines of `account` after it, before (`at`, `line`): without the late ones."""

NET: Final = f"""(
    SELECT {THROUGH} + CASE WHEN c.line_at = '-infinity' THEN 0 ELSE COALESCE(({_LATE}), 0) END
    FROM {LAST_CHECKPOINT} AS c
)"""  # noqa: S608 - constants of this module
"""Credit − debit of `account` through the last line before (`at`, `line`): SQL expressions, all three."""

_HELD: Final = """(
    SELECT COALESCE(sum(h.amount), 0) FROM accounting_hold h
    WHERE h.tenant_id = a.tenant_id AND h.account_id = a.id AND h.status = 'active' AND h.created_at < before.at
) + (
    SELECT COALESCE(sum(h.amount), 0) FROM accounting_hold h
    WHERE h.tenant_id = a.tenant_id AND h.account_id = a.id AND h.status <> 'active' AND h.updated_at >= before.at
        AND h.created_at < before.at
)"""
_BALANCES: Final = f"""
WITH {WITH_UNSEALED}, before AS MATERIALIZED (
    SELECT COALESCE(%(at)s::timestamptz, 'infinity') AS at, %(at)s::timestamptz IS NULL AS now
)
SELECT a.id, a.currency, a.type, a.overdraft_policy, COALESCE(a.overdraft_limit, 0),
    CASE WHEN before.now AND b.id IS NOT NULL THEN b.posted
        ELSE CASE WHEN a.type = ANY(%(debit_types)s) THEN -1 ELSE 1 END
            * {NET.format(account="a.id", at="before.at", line=f"'{NO_LINE}'::uuid")}
    END,
    CASE WHEN before.now AND b.id IS NOT NULL THEN b.held ELSE {_HELD} END,
    {GRANTS_DUE.format(tenant="a.tenant_id", account="a.id")}
FROM before, accounting_account a
LEFT JOIN accounting_balance b ON b.tenant_id = a.tenant_id AND b.id = a.id
WHERE a.tenant_id = %(tenant)s::uuid AND a.id = ANY(%(accounts)s::uuid[])
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on an account, in minor units of its `currency`, from its own point of view.

    `available` is what may still be spent with the overdraft that the account has today; None without a bound.
    """

    account_id: UUID
    currency: str
    posted: int
    held: int
    available: int | None
    grants_due: dt.datetime | None = None
    """When the next grant begins or ends: in the past when that is not posted yet."""


def balance_of(*, tenant_id: UUID, account_id: UUID, at: dt.datetime | None = None) -> Standing:
    """What stands on an account now, or stood there at the instant `at`: lines and holds strictly before it count.

    Raises `NotFound`, and `AmountTooLarge` for a sum that no client could read. Needs the tenant's scope.
    """
    found = balances_of(tenant_id=tenant_id, account_ids=[account_id], at=at)
    if account_id not in found:
        raise NotFound()
    return found[account_id]


def balances_of(
    *, tenant_id: UUID, account_ids: Sequence[UUID], at: dt.datetime | None = None
) -> Mapping[UUID, Standing]:
    """The same of several accounts, all of one moment. One that does not exist is missing. Raises `AmountTooLarge`."""
    values: dict[str, Any] = {
        "tenant": tenant_id, "accounts": list(account_ids), "at": at, "debit_types": [str(one) for one in DEBIT_TYPES],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_BALANCES, values)
        return {row[0]: _standing(*row) for row in cursor.fetchall()}


def bounded(amount: int) -> int:
    """An amount that JSON's readers can read. Raises `AmountTooLarge`."""
    if abs(amount) > _MOST:
        raise AmountTooLarge()
    return amount


def natural_sign(account_type: str) -> int:
    """What makes credit − debit a balance from the account's own point of view: 1 or -1."""
    return -1 if account_type in DEBIT_TYPES else 1


def _standing(
    account_id: UUID, currency: str, _type: str, policy: str, limit: int, posted: int, held: int,
    grants_due: dt.datetime | None,
) -> Standing:  # fmt: skip
    posted, held = bounded(int(posted)), bounded(int(held))
    available = None if policy == OverdraftPolicy.UNLIMITED else bounded(posted - held + limit)
    return Standing(account_id, currency, posted, held, available, grants_due)
