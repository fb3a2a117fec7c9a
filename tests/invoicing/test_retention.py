"""Which day a finished document is due on, whatever the clocks of the tenant do in between."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import local_date
from invoicing.retention import cutoff

# Zones that skip or repeat midnight, have half hours, or left out a whole day.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "America/Sao_Paulo", "Asia/Beirut", "Asia/Kolkata",
    "Africa/Cairo", "Pacific/Apia", "Pacific/Kiritimati", "Australia/Lord_Howe", "Atlantic/Azores",
)  # fmt: skip
instants = st.datetimes(
    dt.datetime(2000, 1, 1), dt.datetime(2060, 1, 1), timezones=st.just(dt.UTC)  # noqa: DTZ001
)  # fmt: skip


@given(finished=instants, now=instants, days=st.integers(1, 5000), zone=st.sampled_from(ZONES))
def test_a_document_is_kept_through_its_last_day_and_due_on_the_next(finished, now, days, zone):
    before = cutoff(now, days=days, time_zone=zone)
    assert before is not None
    age = (local_date(now, zone) - local_date(finished, zone)).days
    assert (finished < before) == (age > days)


@given(finished=instants, days=st.integers(1, 400), zone=st.sampled_from(ZONES), second=st.integers(0, 86_399))
def test_what_is_due_stays_due(finished, days, zone, second):
    now = finished + dt.timedelta(days=days + 2, seconds=second)
    before = cutoff(now, days=days, time_zone=zone)
    assert before is not None
    assert finished < before
    later = cutoff(now + dt.timedelta(days=1), days=days, time_zone=zone)
    assert later is not None
    assert later >= before


@pytest.mark.parametrize(
    ("now", "zone", "due"),
    [
        ("2026-03-11T22:59:59Z", "Europe/Berlin", False),  # the tenth day is not over in Berlin
        ("2026-03-11T23:00:00Z", "Europe/Berlin", True),
        ("2026-03-11T23:59:59Z", "UTC", False),
        ("2026-03-12T00:00:00Z", "UTC", True),
    ],
)
def test_the_midnight_that_counts_is_the_tenants(now, zone, due):
    finished = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    before = cutoff(dt.datetime.fromisoformat(now), days=10, time_zone=zone)
    assert before is not None
    assert (finished < before) == due


def test_days_before_all_calendars_make_nothing_due():
    assert cutoff(dt.datetime(2026, 3, 1, tzinfo=dt.UTC), days=1_000_000, time_zone="UTC") is None
