"""Money: whole minor units with their currency, the one rounding rule, and splitting without loss.

Nothing here accepts a float, and nothing depends on the precision of the current decimal context: products are
computed as exact ratios of integers and rounded once.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, Self

from common.currencies import EXPONENTS
from common.errors import RuleViolation

MAX_AMOUNT: Final = 10**15
"""The largest absolute amount, in minor units, that an interface accepts. `Money` itself has no bound."""

_UNIT_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{2,15}")


class CurrencyMismatch(RuleViolation):
    """Two amounts in different currencies were added, subtracted or compared."""

    code = "currency_mismatch"
    message = "Amounts in different currencies cannot be combined."

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"Amounts in {left} and {right} cannot be combined.")
        self.left = left
        self.right = right


class UnknownCurrency(ValueError):
    """The code is not an active ISO 4217 currency with a minor unit."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in whole minor units of one currency: `Money(1999, "EUR")` is 19.99 EUR.

    `currency` is an upper-case ISO 4217 code, or the code of a tenant's own unit such as `CREDITS`. Amounts of
    different currencies are never equal; adding, subtracting or ordering them raises `CurrencyMismatch`.
    Raises TypeError for an amount that is not an `int` (floats and bools included) and ValueError for a code that
    cannot be one.
    """

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"An amount of money is an int of minor units, not {type(self.amount).__name__}.")
        if not isinstance(self.currency, str):
            raise TypeError(f"A currency is a str, not {type(self.currency).__name__}.")
        if self.currency not in EXPONENTS and _UNIT_CODE.fullmatch(self.currency) is None:
            raise ValueError(f"{self.currency!r} is not a currency code.")

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in `currency`; the start value for `sum()`."""
        return cls(0, currency)

    def __add__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount + self._amount_of(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.amount - self._amount_of(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __lt__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount < self._amount_of(other)

    def __le__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount <= self._amount_of(other)

    def __gt__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount > self._amount_of(other)

    def __ge__(self, other: "Money") -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount >= self._amount_of(other)

    def times(self, quantity: Decimal | int) -> "Money":
        """This amount for `quantity` pieces, rounded once, half away from zero, to the minor unit.

        Raises TypeError for other kinds of number and ValueError for NaN and infinity.
        """
        if type(quantity) is not int and not isinstance(quantity, Decimal):
            raise TypeError(f"A quantity is a Decimal or an int, not {type(quantity).__name__}.")
        return self._times(quantity)

    def times_rate(self, rate: Decimal | Fraction) -> "Money":
        """The share `rate` of this amount (0.19 is 19 %), rounded once, half away from zero, to the minor unit.

        A rate that has no finite decimal form, such as days used over days of a period, is a Fraction.
        Raises TypeError for other kinds of number and ValueError for NaN and infinity.
        """
        if not isinstance(rate, Decimal | Fraction):
            raise TypeError(f"A rate is a Decimal or a Fraction, not {type(rate).__name__}.")
        return self._times(rate)

    def _times(self, factor: Decimal | Fraction | int) -> "Money":
        numerator, denominator = _ratio(factor)
        return Money(round_ratio(self.amount * numerator, denominator), self.currency)

    def _amount_of(self, other: "Money") -> int:
        if self.currency != other.currency:
            raise CurrencyMismatch(self.currency, other.currency)
        return other.amount


def exponent(currency: str) -> int:
    """How many decimals the minor unit of an ISO 4217 currency has. Raises UnknownCurrency for any other code."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not a currency of ISO 4217.") from None


def is_currency(code: object) -> bool:
    """Whether `code` is the upper-case code of an active ISO 4217 currency with a minor unit."""
    return isinstance(code, str) and code in EXPONENTS


def round_half_away(value: Decimal | Fraction | int) -> int:
    """The nearest integer; a half goes away from zero (232.5 becomes 233, -232.5 becomes -233).

    This is the only way in which amounts are rounded. It is exact for values of any size.
    Raises TypeError for floats and bools, ValueError for NaN and infinity.
    """
    return round_ratio(*_ratio(value))


def round_ratio(numerator: int, denominator: int) -> int:
    """`round_half_away(Fraction(numerator, denominator))` for a denominator above zero, without making the fraction."""
    nearest = (2 * abs(numerator) + denominator) // (2 * denominator)
    return nearest if numerator >= 0 else -nearest


def allocate(total: int, weights: Sequence[int | Decimal | Fraction]) -> list[int]:
    """Split `total` minor units in proportion to `weights`; the parts always sum to `total`.

    Each part is its exact share rounded towards zero; the units that remain go one each to the largest remainders,
    and among equal remainders to the earlier position. A weight of zero always gets nothing, and the parts of a
    negative total are the negated parts of its opposite. A total of zero gives zeros, whatever the weights.
    Raises TypeError for floats and bools; ValueError for a negative or non-finite weight, and for a total other than
    zero with no weight above zero.
    """
    if type(total) is not int:
        raise TypeError(f"A total is an int of minor units, not {type(total).__name__}.")
    shares = _whole_weights(weights)
    if total == 0:
        return [0] * len(shares)
    sum_of_shares = sum(shares)
    if sum_of_shares == 0:
        raise ValueError("A total other than zero cannot be split without a weight above zero.")
    divided = [divmod(abs(total) * share, sum_of_shares) for share in shares]
    parts = [part for part, _ in divided]
    remaining = abs(total) - sum(parts)
    by_remainder = sorted(range(len(divided)), key=lambda position: -divided[position][1])
    for position in by_remainder[:remaining]:
        parts[position] += 1
    return parts if total > 0 else [-part for part in parts]


def format_plain(money: Money) -> str:
    """The amount for logs and commands, the same in every locale: `1234.50 EUR`, `-5 JPY`.

    The amount of a tenant's own unit is shown in its smallest units, because only its tenant knows the exponent.
    """
    digits = EXPONENTS.get(money.currency, 0)
    if digits == 0:
        return f"{money.amount} {money.currency}"
    whole, part = divmod(abs(money.amount), 10**digits)
    sign = "-" if money.amount < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d} {money.currency}"


def _ratio(value: Decimal | Fraction | int) -> tuple[int, int]:
    if type(value) is not int and not isinstance(value, Decimal | Fraction):
        raise TypeError(f"A Decimal, a Fraction or an int is needed, not {type(value).__name__}.")
    try:
        return value.as_integer_ratio()
    except (ValueError, OverflowError):
        raise ValueError(f"{value} is not a finite number.") from None


def _whole_weights(weights: Sequence[int | Decimal | Fraction]) -> list[int]:
    ratios = [_ratio(weight) for weight in weights]
    if any(numerator < 0 for numerator, _ in ratios):
        raise ValueError("A weight cannot be negative.")
    common = math.lcm(*(denominator for _, denominator in ratios))
    return [numerator * (common // denominator) for numerator, denominator in ratios]
