"""How long a finished document keeps the data of its buyer. Pure: no database, no clock."""

from __future__ import annotations

import datetime as dt

from common.clock import local_date, start_of_day


def cutoff(now: dt.datetime, *, days: int, time_zone: str) -> dt.datetime | None:
    """The instant before which a document must have been finished to be due for erasure at `now`.

    Days are counted on the tenant's calendar: what was finished on day D is kept through day D + `days` and is due from
    the next midnight on, whatever the clocks did in between. None when that lies before all calendars.
    """
    try:
        day = local_date(now, time_zone) - dt.timedelta(days=days)
        return start_of_day(day, time_zone)
    except (OverflowError, ValueError):
        return None
