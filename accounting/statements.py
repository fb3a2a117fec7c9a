"""Statements: the movements of an account, newest first, with the balance after each, in one statement per page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.balances import NET, WITH_UNSEALED, bounded, natural_sign
from accounting.models import Account
from accounting.sql_seals import NO_LINE, SIGNED
from common.errors import NotFound

# Everything is read at the cursor, not carried in it: a page is right for its own moment, whatever was posted since
# the page before.
_PAGE: Final = f"""
WITH {WITH_UNSEALED}, bounds AS MATERIALIZED (
    SELECT COALESCE(%(from)s::timestamptz, '-infinity') AS first, COALESCE(%(to)s::timestamptz, 'infinity') AS last,
        COALESCE(%(before_at)s::timestamptz, %(to)s::timestamptz, 'infinity') AS at,
        COALESCE(%(before_line)s::uuid, '{NO_LINE}') AS line
), page AS MATERIALIZED (
    SELECT l.id, l.entry_id, l.side, l.amount, l.created_at,
        {SIGNED} AS signed
    FROM accounting_journalline l
    WHERE l.tenant_id = %(tenant)s::uuid AND l.account_id = %(account)s::uuid
        AND l.created_at >= (SELECT first FROM bounds)
        AND (l.created_at, l.id) < ((SELECT at FROM bounds), (SELECT line FROM bounds))
    ORDER BY l.created_at DESC, l.id DESC LIMIT %(limit)s
), ends AS MATERIALIZED (
    SELECT {NET.format(account="%(account)s::uuid", at="bounds.first", line=f"'{NO_LINE}'::uuid")} AS opening,
        {NET.format(account="%(account)s::uuid", at="bounds.last", line=f"'{NO_LINE}'::uuid")} AS closing,
        CASE WHEN %(before_at)s::timestamptz IS NOT NULL THEN
            {NET.format(account="%(account)s::uuid", at="bounds.at", line="bounds.line")}
        END AS reached
    FROM bounds
)
SELECT ends.opening, ends.closing, COALESCE(ends.reached, ends.closing) - COALESCE(sum(p.signed) OVER (
        ORDER BY p.created_at DESC, p.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0),
    p.id, p.entry_id, p.side, p.amount, p.created_at, e.kind, e.description, t.id, others.ids
FROM ends LEFT JOIN page p ON true
LEFT JOIN accounting_journalentry e ON e.tenant_id = %(tenant)s::uuid AND e.id = p.entry_id
LEFT JOIN accounting_transfer t ON t.tenant_id = %(tenant)s::uuid AND t.entry_id = COALESCE(e.reverses_id, e.id)
    AND (t.entry_id = e.id OR t.void_entry_id = e.id)
LEFT JOIN LATERAL (
    SELECT array_agg(o.account_id ORDER BY o.position) AS ids FROM accounting_journalline o
    WHERE o.tenant_id = %(tenant)s::uuid AND o.entry_id = p.entry_id AND o.side <> p.side
        AND o.account_id <> %(account)s::uuid
) AS others ON true
ORDER BY p.created_at DESC, p.id DESC
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open period of business time; None: without a beginning, or without an end."""

    start: dt.datetime | None = None
    end: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the line that it shows last."""

    at: dt.datetime
    line: UUID


@dataclass(frozen=True, slots=True)
class Movement:
    """A line of the account. `running` is the balance after it, from the account's own point of view.

    `kind` is the fact that its entry stands for, `counter_accounts` are those of the entry's other side, `transfer_id`
    is the transfer that made it or whose voiding did.
    """

    id: UUID
    entry_id: UUID
    side: str
    amount: int
    running: int
    created_at: dt.datetime
    kind: str
    description: str | None
    transfer_id: UUID | None
    counter_accounts: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of an account's movements, and the balances at both ends of the whole period, in minor units."""

    account: Account
    period: Period
    opening: int
    closing: int
    movements: Sequence[Movement]
    next: Place | None


def statement_of(
    *, tenant_id: UUID, account_id: UUID, period: Period, limit: int, after: Place | None = None
) -> Statement:
    """The newest `limit` movements of the period, or those that come after a page that ended at `after`.

    Everything on a page is of one moment. Raises `NotFound`, and `AmountTooLarge` for a sum that no client could read.
    Needs the tenant's scope.
    """
    account = Account.objects.filter(tenant_id=tenant_id, id=account_id).first()
    if account is None:
        raise NotFound()
    values = {
        "tenant": tenant_id, "account": account_id, "from": period.start, "to": period.end, "limit": limit + 1,
        "before_at": after.at if after else None, "before_line": after.line if after else None,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, values)
        rows = cursor.fetchall()
    sign = natural_sign(account.type)
    movements = [_movement(row, sign) for row in rows if row[3] is not None]
    shown = movements[:limit]
    return Statement(
        account=account,
        period=period,
        opening=bounded(sign * int(rows[0][0])),
        closing=bounded(sign * int(rows[0][1])),
        movements=shown,
        next=Place(shown[-1].created_at, shown[-1].id) if len(movements) > limit else None,
    )


def _movement(row: tuple[Any, ...], sign: int) -> Movement:
    _, _, running, line_id, entry_id, side, amount, created_at, kind, description, transfer_id, others = row
    return Movement(
        id=line_id, entry_id=entry_id, side=side, amount=amount, running=bounded(sign * int(running)),
        created_at=created_at, kind=kind, description=description, transfer_id=transfer_id,
        counter_accounts=list(dict.fromkeys(others or ())),
    )  # fmt: skip
