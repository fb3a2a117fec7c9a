"""Files of the books, for the API and the back office: what they hold, which bytes, which name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounting.books import BookLine, journal_lines, trial_balance
from accounting.errors import ExportTooLong
from accounting.exports import CHARTS, datev_csv, journal_csv, trial_balance_csv
from accounting.selectors import exponents
from common.clock import local_date, start_of_day
from common.errors import InvalidRequest, Problem
from common.files import CSV, CSV_UTF_8, File

FORMATS: Final = ("csv", "datev")
_INSTANT: Final = dt.timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Export:
    """What a file of the journal will hold. Writing it asks nobody any more. `first` and `last` are its days."""

    lines: Sequence[BookLine]
    units: Mapping[str, int]
    first: dt.date
    last: dt.date
    time_zone: str
    at: dt.datetime
    chart: str | None
    """That of a file for DATEV; None for CSV."""

    def file(self) -> File:
        """The file."""
        if self.chart is None:
            content = journal_csv(self.lines, exponents=self.units)
            return File(content, CSV_UTF_8, f"journal_{self.last:%Y-%m-%d}.csv")
        content = datev_csv(
            self.lines, chart=self.chart, start=self.first, end=self.last, time_zone=self.time_zone, made_at=self.at
        )
        name = f"EXTF_Buchungsstapel_{self.first:%Y%m%d}_{self.last:%Y%m%d}.csv"
        return File(content, f"{CSV}; charset=windows-1252", name)


def read_export(
    *, tenant_id: UUID, start: dt.datetime | None, end: dt.datetime | None, at: dt.datetime, time_zone: str,
    format: str = FORMATS[0], chart: str = CHARTS[0],  # noqa: A002
) -> Export:  # fmt: skip
    """The lines of the half-open period; by default from the beginning, for DATEV of the year, until now (`at`).

    Raises `InvalidRequest` for a period that ends before it begins, `ExportTooLong` for more than a file holds: too
    many lines, or for DATEV more than one calendar year of the tenant's zone.
    """
    datev = format == "datev"
    # Until now includes what was posted in this very millisecond.
    end = end or at + _INSTANT
    last = local_date(end - _INSTANT, time_zone)
    if start is None and datev:
        start = start_of_day(dt.date(last.year, 1, 1), time_zone)
    if start is not None and start >= end:
        raise InvalidRequest([Problem("to", "too_small", "The period ends before it begins.")])
    first = local_date(start, time_zone) if start is not None else last
    if datev and first.year != last.year:
        raise ExportTooLong("A file for DATEV lies inside one calendar year.")
    return Export(
        lines=journal_lines(tenant_id=tenant_id, start=start, end=end), units=exponents(tenant_id=tenant_id),
        first=first, last=last, time_zone=time_zone, at=at, chart=chart if datev else None,
    )  # fmt: skip


def trial_balance_file(*, tenant_id: UUID, at: dt.datetime | None, now: dt.datetime, time_zone: str) -> File:
    """The trial balance of the instant `at`, or of `now`; its name is the day that ends there."""
    rows = trial_balance(tenant_id=tenant_id, at=at)
    day = local_date(at - _INSTANT if at else now, time_zone)
    content = trial_balance_csv(rows, exponents=exponents(tenant_id=tenant_id))
    return File(content, CSV_UTF_8, f"trial_balance_{day:%Y-%m-%d}.csv")
