"""Time: instants survive being written and read, and days begin where the people of a zone say they do."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.clock import (
    Clock,
    FixedClock,
    SystemClock,
    format_instant,
    is_time_zone,
    local_date,
    parse_instant,
    start_of_day,
)

instants = st.datetimes(timezones=st.just(UTC))
aware = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
zones = st.sampled_from(sorted(zoneinfo.available_timezones() - {"localtime", "Factory"}))
days = st.dates(date(1900, 1, 2), date(2100, 1, 1))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


# --- clocks -------------------------------------------------------------------------------------------------------


def test_the_system_clock_gives_the_real_time_in_utc_to_the_millisecond():
    clock: Clock = SystemClock()
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC
    assert now.microsecond % 1000 == 0


def test_a_fixed_clock_stands_still_until_it_is_advanced():
    clock = FixedClock(datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    same: Clock = clock
    assert same.now() == clock.now() == utc(2026, 3, 1)
    assert clock.now().tzinfo is UTC
    assert clock.advance(timedelta(days=1)) == clock.now() == utc(2026, 3, 2)


def test_a_fixed_clock_neither_goes_back_nor_begins_without_an_offset():
    with pytest.raises(ValueError):
        FixedClock(utc(2026, 3, 1)).advance(timedelta(microseconds=-1))
    with pytest.raises(ValueError):
        FixedClock(datetime(2026, 3, 1))  # noqa: DTZ001


# --- written and read ---------------------------------------------------------------------------------------------


@given(instants)
def test_an_instant_survives_being_written_and_read(at):
    text = format_instant(at)
    assert text == at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert parse_instant(text) == at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert format_instant(parse_instant(text)) == text


@given(aware)
def test_any_offset_is_read_as_the_same_instant(at):
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert parse_instant(at.isoformat()) == at
    assert parse_instant(at.isoformat()).tzinfo is UTC
    assert parse_instant(format_instant(at)) == at


def test_instants_are_written_in_utc_with_milliseconds():
    assert format_instant(utc(2026, 1, 31, 9, 30)) == "2026-01-31T09:30:00.000Z"
    assert format_instant(utc(2026, 1, 31, 9, 30, 0, 1999)) == "2026-01-31T09:30:00.001Z"
    assert format_instant(utc(2026, 1, 31, 9, 30, 0, 999)) == "2026-01-31T09:30:00.000Z"
    assert format_instant(utc(1, 1, 1)) == "0001-01-01T00:00:00.000Z"
    berlin = datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    assert format_instant(berlin) == "2026-06-30T22:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-01-31T09:30:00Z", utc(2026, 1, 31, 9, 30)),
        ("2026-01-31t09:30:00z", utc(2026, 1, 31, 9, 30)),
        ("2026-01-31T09:30:00.5Z", utc(2026, 1, 31, 9, 30, 0, 500000)),
        ("2026-01-31T09:30:00.123999999999Z", utc(2026, 1, 31, 9, 30, 0, 123000)),
        ("1969-12-31T23:59:59.9999Z", utc(1969, 12, 31, 23, 59, 59, 999000)),
        ("2026-01-31T09:30:00+05:45", utc(2026, 1, 31, 3, 45)),
        ("2026-01-31T09:30:00-00:00", utc(2026, 1, 31, 9, 30)),
        ("2024-02-29T00:00:00+14:00", utc(2024, 2, 28, 10)),
        ("9999-12-31T23:59:59.999Z", utc(9999, 12, 31, 23, 59, 59, 999000)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
    ],
)
def test_rfc_3339_is_read(text, at):
    assert parse_instant(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T09:30:00",
        "2026-01-31T09:30Z",
        "2026-01-31 09:30:00Z",
        "2026-01-31T09:30:60Z",
        "2016-12-31T23:59:60Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T09:60:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",
        "2026-01-31T09:30:00.Z",
        "2026-01-31T09:30:00,5Z",
        "2026-01-31T09:30:00+0100",
        "2026-01-31T09:30:00+01",
        "2026-01-31T09:30:00+24:00",
        "2026-01-31T09:30:00+01:60",
        "2026-01-31T09:30:00+01:00:00",
        "2026-01-31T09:30:00ZZ",
        "2026-01-31T09:30:00Z\n",
        " 2026-01-31T09:30:00Z",
        "2026-W05-6T09:30:00Z",
        "20260131T093000Z",
        "٢٠٢٦-01-31T09:30:00Z",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):
        parse_instant(text)


def test_the_refusal_of_a_naive_time_says_what_is_missing():
    with pytest.raises(ValueError, match="offset"):
        parse_instant("2026-01-31T09:30:00")


@given(st.text(alphabet="0123456789-:+.TZtz "))
def test_arbitrary_text_never_raises_anything_but_a_value_error(text):
    try:
        parse_instant(text)
    except ValueError:
        pass


def test_a_naive_time_is_never_written_or_placed():
    naive = datetime(2026, 1, 31)  # noqa: DTZ001
    with pytest.raises(ValueError):
        format_instant(naive)
    with pytest.raises(ValueError):
        local_date(naive, "UTC")


# --- days ---------------------------------------------------------------------------------------------------------


def test_a_day_begins_at_local_midnight_in_winter_and_in_summer():
    assert start_of_day(date(2026, 1, 15), "Europe/Berlin") == utc(2026, 1, 14, 23)
    assert start_of_day(date(2026, 7, 15), "Europe/Berlin") == utc(2026, 7, 14, 22)
    assert start_of_day(date(2026, 7, 15), "UTC") == utc(2026, 7, 15)


def test_days_on_which_the_clocks_change_have_23_or_25_hours():
    def hours(day: date, tz: str) -> float:
        return (start_of_day(day + timedelta(days=1), tz) - start_of_day(day, tz)).total_seconds() / 3600

    assert hours(date(2026, 3, 29), "Europe/Berlin") == 23
    assert hours(date(2026, 10, 25), "Europe/Berlin") == 25
    assert hours(date(2026, 3, 28), "Europe/Berlin") == 24
    assert hours(date(2018, 11, 4), "America/Sao_Paulo") == 23
    assert hours(date(2018, 2, 17), "America/Sao_Paulo") == 25


def test_where_midnight_is_skipped_the_day_begins_after_the_gap():
    start = start_of_day(date(2018, 11, 4), "America/Sao_Paulo")
    assert start == utc(2018, 11, 4, 3)
    assert start.astimezone(ZoneInfo("America/Sao_Paulo")).hour == 1
    assert local_date(start, "America/Sao_Paulo") == date(2018, 11, 4)
    assert local_date(start - timedelta(milliseconds=1), "America/Sao_Paulo") == date(2018, 11, 3)


def test_where_a_gap_begins_before_midnight_the_day_still_begins_after_it():
    # In Toronto the clocks went from 23:30 on 30 March 1919 to 00:30 on 31 March.
    assert start_of_day(date(1919, 3, 31), "America/Toronto") == utc(1919, 3, 31, 4, 30)


def test_a_day_that_was_left_out_begins_where_the_next_one_does():
    # Samoa crossed the date line: 30 December 2011 did not exist.
    skipped = start_of_day(date(2011, 12, 30), "Pacific/Apia")
    assert skipped == start_of_day(date(2011, 12, 31), "Pacific/Apia") == utc(2011, 12, 30, 10)


def test_where_midnight_comes_twice_the_day_begins_at_the_first():
    assert start_of_day(date(2026, 11, 1), "America/Havana") == utc(2026, 11, 1, 4)


@given(zones, days)
def test_in_every_zone_the_first_instant_of_a_day_is_in_it_or_after_it_and_days_follow_one_another(tz, day):
    start = start_of_day(day, tz)
    assert start.tzinfo is UTC
    assert local_date(start, tz) >= day
    assert start <= start_of_day(day + timedelta(days=1), tz)


@given(zones, instants.filter(lambda at: 1 < at.year < 9999))
def test_the_local_date_is_that_of_the_wall_clock(tz, at):
    assert local_date(at, tz) == at.astimezone(ZoneInfo(tz)).date()


def test_the_local_date_may_differ_from_that_of_utc():
    assert local_date(utc(2026, 1, 31, 23), "Europe/Berlin") == date(2026, 2, 1)
    assert local_date(utc(2026, 2, 1, 1), "America/New_York") == date(2026, 1, 31)


def test_the_ends_of_the_calendar_are_refused_not_wrong():
    with pytest.raises(ValueError):
        start_of_day(date(1, 1, 1), "Asia/Tokyo")
    with pytest.raises(ValueError):
        local_date(utc(9999, 12, 31, 23), "Asia/Tokyo")


names: list[Any] = [
    "",
    "berlin",
    "europe/berlin",
    "../UTC",
    "/etc/passwd",
    "localtime",
    "Factory",
    "posix/UTC",
    None,
    1,
]


@pytest.mark.parametrize("name", names)
def test_what_is_not_a_time_zone_is_refused(name):
    assert not is_time_zone(name)
    with pytest.raises(ValueError):
        start_of_day(date(2026, 1, 1), name)


def test_iana_names_are_time_zones():
    assert all(is_time_zone(name) for name in ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"))
