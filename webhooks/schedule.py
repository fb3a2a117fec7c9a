"""When an attempt is repeated, and when a subscriber is given up. No database, no clock."""

from __future__ import annotations

import datetime as dt
from email.utils import parsedate_to_datetime
from typing import Final

PAUSES: Final = (
    dt.timedelta(seconds=5),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=30),
    dt.timedelta(hours=2),
    dt.timedelta(hours=5),
    dt.timedelta(hours=10),
    dt.timedelta(hours=14),
    dt.timedelta(hours=20),
    dt.timedelta(hours=24),
)
"""The pause after the first failure, the second, and so on: the example of Standard Webhooks. The tenth is the last."""
MAX_FAILURES: Final = len(PAUSES) + 1
MAX_ABANDONED: Final = 20
"""Attempts whose worker died say nothing about the subscriber; so many of them say that the delivery kills workers."""
LONGEST_RETRY_AFTER: Final = dt.timedelta(hours=24)
JITTER: Final = 0.2
"""A pause is up to a fifth longer than planned, so that what failed together is not tried again together."""
DISABLED_AFTER: Final = dt.timedelta(days=5)
"""A subscriber that has only failed for so long is switched off."""


def next_attempt(
    *, failures: int, at: dt.datetime, chance: float, retry_after: dt.timedelta | None = None
) -> dt.datetime | None:
    """When to try again after the `failures`-th failure at `at`, or None to give up.

    `chance` in [0, 1) picks the jitter. `retry_after`, what the subscriber asked for, only ever makes the pause longer,
    up to 24 hours.
    """
    if failures >= MAX_FAILURES:
        return None
    planned = PAUSES[max(failures, 1) - 1] * (1 + JITTER * chance)
    asked = min(retry_after or dt.timedelta(0), LONGEST_RETRY_AFTER)
    return at + max(planned, asked)


def read_retry_after(value: str, *, at: dt.datetime) -> dt.timedelta | None:
    """The header `Retry-After` (seconds or a date) as a pause, or None for what is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(dt.timedelta(seconds=int(value[:9])), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return min(max(moment - at, dt.timedelta(0)), LONGEST_RETRY_AFTER)
