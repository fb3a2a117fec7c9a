"""Time: who says what time it is, how instants are written and read, and where days begin.

An instant is an aware datetime in UTC. Milliseconds are the finest unit, because that is what the API shows: a value
that was written and read again is the same value.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final, Protocol
from zoneinfo import ZoneInfo, available_timezones

import orjson

_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-](?:[01][0-9]|2[0-3]):[0-5][0-9]))?"
)
# The machine's own choice and the placeholder of tzdata load like zones, but mean nothing to anybody else.
_NOT_ZONES: Final = frozenset({"localtime", "Factory", "posixrules"})


class Clock(Protocol):
    """Says what time it is: the system's clock, or one that stands still until it is advanced."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC, to the millisecond."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The real time, in UTC, truncated to the millisecond."""
        return _to_milliseconds(datetime.now(UTC))


class FixedClock:
    """A clock that stands at `at` until it is advanced; for tests. Raises ValueError for a naive time."""

    def __init__(self, at: datetime) -> None:
        self._at = _to_milliseconds(_to_utc(at))

    def now(self) -> datetime:
        """The instant at which the clock stands."""
        return self._at

    def advance(self, delta: timedelta) -> datetime:
        """Move the clock forward and say the new time. Raises ValueError for a negative step."""
        if delta < timedelta(0):
            raise ValueError("A clock only goes forward.")
        self._at = _to_milliseconds(self._at + delta)
        return self._at


def format_instant(dt: datetime) -> str:
    """The instant as the API writes it: UTC, milliseconds (truncated), `Z`. Raises ValueError for a naive time."""
    if dt.tzinfo is not UTC:
        dt = _to_utc(dt)
    # An answer holds many instants, and orjson writes one in a quarter of the time of isoformat(). It writes the
    # quote, 19 characters to the second, and six digits of fraction unless they are all zero.
    text = orjson.dumps(dt).decode()
    return f"{text[1:20]}.{text[21:24]}Z" if dt.microsecond else f"{text[1:20]}.000Z"


def parse_instant(text: str) -> datetime:
    """The instant that an RFC 3339 text names, in UTC, truncated to the millisecond.

    `T` and `Z` may be in lower case. Raises ValueError for anything else: a time without an offset, a date alone, a
    leap second, an instant outside the years 0001 to 9999 in UTC.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError("An instant is written like 2026-01-31T09:30:00Z or 2026-01-31T10:30:00+01:00.")
    day, clock, fraction, offset = match.groups()
    if offset is None and text[-1] not in "Zz":
        raise ValueError("The time has no offset: end it with Z, or with an offset such as +01:00.")
    milliseconds = (fraction or "")[:3].ljust(3, "0")
    return _to_utc(datetime.fromisoformat(f"{day}T{clock}.{milliseconds}{offset or '+00:00'}"))


def is_time_zone(name: object) -> bool:
    """Whether `name` is a time zone of the IANA database, such as `Europe/Berlin` or `UTC`."""
    return isinstance(name, str) and name in _zone_names()


def local_date(at: datetime, tz: str) -> date:
    """The calendar day of the instant `at` in the zone `tz`. Raises ValueError for a naive time or unknown zone."""
    return _in_zone(_to_utc(at), _zone(tz)).date()


def start_of_day(day: date, tz: str) -> datetime:
    """The instant, in UTC, at which the calendar day begins in the zone `tz`.

    Where the clocks skip midnight it is the first instant after the gap; where midnight comes twice, the earlier.
    A day that a zone left out altogether begins where the next one does. Raises ValueError for an unknown zone.
    """
    zone = _zone(tz)
    midnight = datetime.combine(day, time.min)
    start = _to_utc(midnight.replace(tzinfo=zone))
    if _wall_clock(start, zone) == midnight:
        return start
    # Midnight lies in a gap. Read with the offset after the gap it is an instant before the change, read with the
    # offset before the gap one at or after it; the change itself, to the second, is between the two.
    before = _to_utc(midnight.replace(tzinfo=zone, fold=1))
    seconds = int((start - before).total_seconds())
    low, high = 0, seconds
    while low < high:
        middle = (low + high) // 2
        if _wall_clock(before + timedelta(seconds=middle), zone) >= midnight:
            high = middle
        else:
            low = middle + 1
    return before + timedelta(seconds=low)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NOT_ZONES


def _zone(name: str) -> ZoneInfo:
    if not is_time_zone(name):
        raise ValueError(f"{name!r} is not a time zone.")
    return ZoneInfo(name)


def _to_utc(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError("A time without an offset does not name an instant.")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("The instant is outside the years 0001 to 9999.") from None


def _in_zone(at: datetime, zone: ZoneInfo) -> datetime:
    try:
        return at.astimezone(zone)
    except OverflowError:
        raise ValueError("The local time is outside the years 0001 to 9999.") from None


def _wall_clock(at: datetime, zone: ZoneInfo) -> datetime:
    return _in_zone(at, zone).replace(tzinfo=None)


def _to_milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
