"""Forms of reports that ask for days, and the instants that the tenant's days mean."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django import forms

from common.clock import start_of_day
from tenants.backoffice.api import Asked, BackofficeForm
from tenants.backoffice.fields import BookDayField


class MomentForm(BackofficeForm):
    """The end of a day."""

    at = BookDayField(required=False, label="At the end of", help_text="Empty: now.")


FILES: Final = (("csv", "CSV, every line"), ("datev-skr03", "DATEV, SKR03"), ("datev-skr04", "DATEV, SKR04"))


def _period_fields(*, required: bool) -> dict[str, forms.Field]:
    return {
        "from": BookDayField(required=required, label="From"),
        "to": BookDayField(required=required, label="To", help_text="This day is included."),
    }


# `from` is a word of Python: such a field cannot be written as an attribute.
PeriodForm: type[BackofficeForm] = type("PeriodForm", (BackofficeForm,), _period_fields(required=False))
"""Days from and to; without one there is no bound."""

ExportForm: type[BackofficeForm] = type(
    "ExportForm",
    (BackofficeForm,),
    {**_period_fields(required=True), "wanted": forms.ChoiceField(label="File", choices=FILES)},
)
"""Days from and to, and which file."""


def begin_of(asked: Asked, name: str) -> dt.datetime | None:
    """The instant at which the day of a field begins where the tenant is, None where no day was given."""
    day: dt.date | None = asked.data.get(name)
    return None if day is None else start_of_day(day, asked.time_zone)


def end_of(asked: Asked, name: str) -> dt.datetime | None:
    """The instant at which the day of a field ends: itself outside, as periods are half-open."""
    day: dt.date | None = asked.data.get(name)
    return None if day is None else start_of_day(day + dt.timedelta(days=1), asked.time_zone)


def this_year(today: dt.date) -> dict[str, Any]:
    """What a form of a period begins with: the year until today."""
    return {"from": dt.date(today.year, 1, 1), "to": today}
