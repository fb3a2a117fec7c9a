"""Which part of an invoice is earned in which month. Pure: no database, no clock."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from common.clock import start_of_day
from common.ids import new_id
from common.money import allocate
from invoicing.content import Content, Item

LONGEST: Final = dt.timedelta(days=36_525)
"""A longer service period, such as that of a licence for ever, is earned at once."""
_LAST_YEAR: Final = 9990
_MILLISECOND: Final = dt.timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Month:
    """What is earned in the calendar month that begins on `month`, in minor units net of tax."""

    id: UUID
    month: dt.date
    effective_at: dt.datetime
    amount: int


def schedule(content: Content, *, issued_at: dt.datetime, time_zone: str) -> list[Month]:
    """The months in which items are earned whose service period ends after the issue date; empty where there are none.

    An item without a period of its own has that of the invoice. Its net amount is split by exact days (of the tenant's
    zone; a part of a day counts as that part), so that the parts sum to it. A month is due when it has ended, and never
    before the issue date.
    """
    amounts: dict[dt.date, int] = defaultdict(int)
    for item in content.items:
        period = _period(item, content)
        if period is None or period[1] <= issued_at or not (net := item.total - item.discount):
            continue
        months, weights = _months(*period, time_zone)
        for month, part in zip(months, allocate(net, weights), strict=True):
            amounts[month] += part
    return [
        Month(new_id(), month, max(start_of_day(_following(month), time_zone) - _MILLISECOND, issued_at), amount)
        for month, amount in sorted(amounts.items())
        if amount
    ]


def deferred(months: Sequence[Month]) -> int:
    """What of an invoice is not earned yet when it is issued."""
    return sum(one.amount for one in months)


def _period(item: Item, content: Content) -> tuple[dt.datetime, dt.datetime] | None:
    for start, end in ((item.period_start, item.period_end), (content.period_start, content.period_end)):
        if start is not None and end is not None:
            bounded = dt.timedelta() < end - start <= LONGEST and end.year < _LAST_YEAR
            return (start, end) if bounded else None
    return None


def _months(start: dt.datetime, end: dt.datetime, time_zone: str) -> tuple[list[dt.date], list[int]]:
    """The months that a period touches, and how much of its days it has in each, in microseconds."""
    zone = ZoneInfo(time_zone)
    first, last = (at.astimezone(zone).replace(tzinfo=None) for at in (start, end))
    if last <= first:
        return [first.date().replace(day=1)], [1]  # within the hour that the clocks repeat
    months, weights = [], []
    month = first.date().replace(day=1)
    while (begins := dt.datetime.combine(month, dt.time())) < last:
        following = _following(month)
        ends = dt.datetime.combine(following, dt.time())
        months.append(month)
        weights.append((min(ends, last) - max(begins, first)) // dt.timedelta.resolution)
        month = following
    return months, weights


def _following(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=31)).replace(day=1)
