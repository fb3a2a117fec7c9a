"""Amounts, numbers and days as people of a language read them. How many digits a currency has is for ISO to say."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from functools import cache
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval
from babel.numbers import NumberPattern

from common.clock import local_date
from common.currencies import EXPONENTS

_DIGITS: Final = 100  # more than any number has: the default context would round
_BETWEEN_CODE_AND_DIGIT: Final = re.compile(r"(?<=[^\W\d_])(?=\d)")
_NO_BREAK: Final = "\u00a0"
# Countries that write the postal code behind the city.
_CITY_FIRST: Final = frozenset(["AU", "BR", "CA", "GB", "IE", "IN", "NZ", "SG", "US", "ZA"])


def chosen_locale(wanted: Iterable[str | None], languages: Iterable[str]) -> Locale:
    """The first of `wanted` (`de`, `de-AT`) whose language is one of `languages`; English when none is."""
    known = set(languages)
    for text in wanted:
        language = (text or "").partition("-")[0]
        if language in known:
            return _parse(text or "", language)
    return _parse("en", "en")


@cache
def _parse(text: str, language: str) -> Locale:
    try:
        return Locale.parse(text, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(language)


def money(amount: int, currency: str, locale: Locale) -> str:
    """An amount of minor units with its currency: `1.234,50 €`."""
    digits = EXPONENTS.get(currency, 0)
    text = _apply(_pattern(locale, "currency", digits, digits), Decimal(amount).scaleb(-digits), locale, currency)
    return _BETWEEN_CODE_AND_DIGIT.sub(_NO_BREAK, text)


def amount(value: int | Decimal, currency: str, locale: Locale) -> str:
    """The same without the currency. A price below the minor unit shows all its digits: `0.000125`."""
    digits = EXPONENTS.get(currency, 0)
    with localcontext(prec=_DIGITS):
        major = Decimal(value).scaleb(-digits)
    return _apply(_pattern(locale, "decimal", digits, digits + 12), major, locale)


def number(value: Decimal, locale: Locale) -> str:
    """A quantity: `1,250.5`."""
    return _apply(_pattern(locale, "decimal", 0, 12), value, locale)


def percent(basis_points: Decimal, locale: Locale) -> str:
    """A rate in basis points: `19 %`."""
    with localcontext(prec=_DIGITS):
        share = basis_points.scaleb(-4)
    return _apply(_pattern(locale, "percent", 0, 6), share, locale)


def day(at: dt.datetime | None, zone: str, locale: Locale, *, style: Any = "long") -> str:
    """The calendar day of an instant where the seller is; empty for none."""
    return "" if at is None else date(local_date(at, zone), locale, style=style)


def date(of: dt.date, locale: Locale, *, style: Any = "medium") -> str:
    """A day of the calendar."""
    return str(format_date(of, format=style, locale=locale))


def period(start: dt.datetime | None, end: dt.datetime | None, zone: str, locale: Locale) -> str:
    """The days of a half-open period: its last day is the one before an end at midnight. Empty for none."""
    if start is not None and end is not None:
        first, last = local_date(start, zone), local_date(end - dt.timedelta(milliseconds=1), zone)
        return str(format_interval(first, max(first, last), "yMMMd", locale=locale))
    return day(start, zone, locale, style="medium") or "– " * (end is not None) + day(end, zone, locale, style="medium")


def address_lines(address: Mapping[str, Any] | None, locale: Locale, *, country: bool = True) -> list[str]:
    """The lines of a postal address, the country last and in the language of the document."""
    if not address:
        return []
    code, city, region = (address.get(name) or "" for name in ("country", "city", "region"))
    postal = address.get("postalCode") or ""
    if code in _CITY_FIRST:
        tail = " ".join(part for part in (region, postal) if part)
        town = [", ".join(part for part in (city, tail) if part)]
    else:
        town = [" ".join(part for part in (postal, city) if part), region]
    named = str(locale.territories.get(code, code)) if country else ""
    lines = [address.get("line1") or "", address.get("line2") or "", *town, named]
    return [line for line in lines if line]


@cache
def _pattern(locale: Locale, kind: str, least: int, most: int) -> NumberPattern:
    """The locale's pattern with our number of decimals."""
    patterns: Mapping[str, NumberPattern] = {
        "currency": locale.currency_formats["standard"],
        "decimal": locale.decimal_formats[None],
        "percent": locale.percent_formats[None],
    }
    own = copy.copy(patterns[kind])
    own.frac_prec = (least, most)
    return own


def _apply(pattern: NumberPattern, value: Decimal, locale: Locale, currency: str | None = None) -> str:
    with localcontext(prec=_DIGITS):
        return str(pattern.apply(value, locale, currency=currency, currency_digits=False))
