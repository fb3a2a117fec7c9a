"""Decimals as integers: what is written with up to twelve places is computed as a multiple of 10^-12.

Prices, quantities and percentages become integers once, when they are read. Everything after that is integer
arithmetic, exact at any size, until an amount is rounded.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

PLACES: Final = 12
SCALE: Final = 10**PLACES
"""One, as a scaled decimal."""
HUNDRED: Final = 100 * SCALE
"""A hundred percent, as a scaled decimal."""
MAX_DIGITS: Final = 24
"""Digits before the point of what is read: room for 10^15 minor units times anything sensible."""

_DECIMAL: Final = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_RATIO: Final = re.compile(r"([0-9]{1,40})/([1-9][0-9]{0,39})")


class NotADecimal(ValueError):
    """The value is no decimal that the engine takes. `code` is that of a problem with a field."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def scaled(value: object) -> int:
    """`value` × 10^12: of an int, a Decimal or a plain decimal string such as `"0.0035"`.

    Raises `NotADecimal` for floats, bools, exponents, text that is no number, more than twelve places (zeros at the end
    do not count) and more than 24 digits before the point.
    """
    if type(value) is int:
        if abs(value) >= 10**MAX_DIGITS:
            raise NotADecimal("too_large", f"At most {MAX_DIGITS} digits before the point.")
        return value * SCALE
    text = format(value, "f") if isinstance(value, Decimal) and value.is_finite() else value
    match = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise NotADecimal("invalid", 'Expected an integer or a decimal string such as "12.5".')
    sign, whole, places = match[1], match[2].lstrip("0"), (match[3] or "").rstrip("0")
    if len(whole) > MAX_DIGITS:
        raise NotADecimal("too_large", f"At most {MAX_DIGITS} digits before the point.")
    if len(places) > PLACES:
        raise NotADecimal("too_long", f"At most {PLACES} decimal places.")
    number = int((whole + places.ljust(PLACES, "0")) or "0")
    return -number if sign else number


@lru_cache(maxsize=16_384)  # the bounds and amounts of tiers come back on each line of an invoice
def scaled_text(number: int) -> str:
    """A scaled decimal as text, without zeros at the end: `1500000000000` is `1.5`."""
    whole, part = divmod(abs(number), SCALE)
    text = f"{whole}.{part:0{PLACES}d}".rstrip("0") if part else str(whole)
    return f"-{text}" if number < 0 else text


def decimal_text(number: int, places: int) -> str:
    """`number` × 10^-places as text, without zeros at the end."""
    whole, part = divmod(abs(number), 10**places)
    sign = "-" if number < 0 else ""
    digits = f"{part:0{places}d}".rstrip("0") if places else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


@lru_cache(maxsize=16_384)
def ratio_text(numerator: int, denominator: int) -> str:
    """An exact value as text: a plain decimal where it has one, else a reduced ratio such as `100/3`."""
    if denominator == 1:
        return str(numerator)
    if denominator == SCALE:
        return scaled_text(numerator)
    divisor = math.gcd(numerator, denominator)
    numerator, denominator = numerator // divisor, denominator // divisor
    places = finite_places(denominator)
    if places is None:
        return f"{numerator}/{denominator}"
    return decimal_text(numerator * 10**places // denominator, places)


@lru_cache(maxsize=256)
def finite_places(denominator: int) -> int | None:
    """How many decimal places 1/denominator has; None when they never end."""
    twos = (denominator & -denominator).bit_length() - 1
    rest, fives = denominator >> twos, 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def ratio_from(value: object) -> Fraction:
    """A share that is not negative: a Fraction, an int, a Decimal, `"0.5"` or `"1/3"`. Raises `NotADecimal`."""
    if isinstance(value, str) and (match := _RATIO.fullmatch(value)):
        found = Fraction(int(match[1]), int(match[2]))
    elif isinstance(value, Fraction):
        found = value
    else:
        found = Fraction(scaled(value), SCALE)
    if found < 0:
        raise NotADecimal("too_small", "A share is not negative.")
    return found
