"""Reads for the books of billing: what is owed and for how long, and what is still to be earned."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from common.clock import local_date

_DUE: Final = "total - amount_paid - amount_credited"
_AGEING: Final = f"""
WITH owed AS (
    SELECT customer_id, currency, {_DUE} AS due, %(today)s::date - (due_date AT TIME ZONE %(zone)s::text)::date AS days
    FROM invoicing_invoice
    WHERE tenant_id = %(tenant)s AND status IN ('pending', 'failed', 'past_due') AND {_DUE} > 0
)
SELECT customer_id, currency, count(*), sum(due),
    COALESCE(sum(due) FILTER (WHERE days <= 0), 0), COALESCE(sum(due) FILTER (WHERE days BETWEEN 1 AND 30), 0),
    COALESCE(sum(due) FILTER (WHERE days BETWEEN 31 AND 60), 0),
    COALESCE(sum(due) FILTER (WHERE days BETWEEN 61 AND 90), 0), COALESCE(sum(due) FILTER (WHERE days > 90), 0)
FROM owed
GROUP BY GROUPING SETS ((customer_id, currency), (currency))
ORDER BY currency, customer_id NULLS LAST
"""  # noqa: S608 - constants of this module
_DEFERRED: Final = """
SELECT month, currency, sum(amount) FROM invoicing_recognition
WHERE tenant_id = %(tenant)s AND status = 'scheduled' GROUP BY month, currency ORDER BY month, currency
"""


@dataclass(frozen=True, slots=True)
class Age:
    """What is due, in minor units, by the days since the due date; without a customer the total of a currency."""

    customer_id: UUID | None
    currency: str
    invoices: int
    total: int
    current: int
    days_1_to_30: int
    days_31_to_60: int
    days_61_to_90: int
    over_90: int

    @property
    def buckets(self) -> tuple[int, ...]:
        """The five parts of the total, the youngest first."""
        return self.current, self.days_1_to_30, self.days_31_to_60, self.days_61_to_90, self.over_90


@dataclass(frozen=True, slots=True)
class Deferred:
    """What is to be earned in the month that begins on `month`, in minor units net of tax."""

    month: dt.date
    currency: str
    amount: int


def receivables_ageing(*, tenant_id: UUID, at: dt.datetime, time_zone: str) -> list[Age]:
    """What every customer owes on the day of `at` in the tenant's zone, per currency, and each currency's total."""
    rows = _rows(_AGEING, {"tenant": tenant_id, "today": local_date(at, time_zone), "zone": time_zone})
    return [Age(customer_id, currency, *map(int, figures)) for customer_id, currency, *figures in rows]


def deferred_revenue(*, tenant_id: UUID) -> list[Deferred]:
    """What is still to be recognised, by month and currency; a month that has ended waits for the sweep."""
    rows = _rows(_DEFERRED, {"tenant": tenant_id})
    return [Deferred(month, currency, int(amount)) for month, currency, amount in rows]


def deferred_totals(rows: Iterable[Deferred]) -> dict[str, int]:
    """What is to be earned in each currency, in the order of their codes."""
    totals: dict[str, int] = defaultdict(int)
    for row in rows:
        totals[row.currency] += row.amount
    return dict(sorted(totals.items()))


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
