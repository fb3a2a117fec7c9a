"""`rate`: what a price comes to for a quantity or for usage, in whole minor units, with every step on the way.

A period may be billed in slices. A slice is what is due up to its end less what was due up to its beginning, each
rounded, so that slices sum to the amount of the whole period (docs/adr/0019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from billing.rating.decimals import SCALE, NotADecimal, ratio_from, ratio_text, scaled_text
from billing.rating.errors import CurrencyDoesNotFit, InvalidUsage
from billing.rating.prices import OF_TRANSACTIONS, Price, PricingModel, price_data
from billing.rating.reading import decimals_from
from billing.rating.steps import Step, steps_data
from billing.rating.transaction_models import graduated_percentage, percentage
from billing.rating.unit_models import Exact, flat, graduated, package, per_unit, volume
from common.errors import Problem
from common.money import round_ratio

DERIVATION_VERSION: Final = 2
"""Of the format of derivations and of the rules in it. Derivations of every version stay replayable.

Version 1 bounds a coupon beside credits by the sum of the lines before tax; all else is the same in both.
"""

WHOLE: Final = Fraction(1)
NOT_YET: Final = Fraction(0)
Number = int | str | Decimal

_BY_UNITS: Final = {
    PricingModel.FLAT: flat,
    PricingModel.PER_UNIT: per_unit,
    PricingModel.PACKAGE: package,
    PricingModel.GRADUATED: graduated,
    PricingModel.VOLUME: volume,
}
_BY_TRANSACTIONS: Final = {
    PricingModel.PERCENTAGE: percentage,
    PricingModel.GRADUATED_PERCENTAGE: graduated_percentage,
}


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a period was billed before a slice: usage (scaled parts, in order) and the share of the period."""

    usage: tuple[int, ...] = ()
    share: Fraction = NOT_YET


NOTHING_BEFORE: Final = Progress()


class Rated(NamedTuple):
    """The amount of a line in minor units, and how it came about.

    `top_up` is the part of `amount` that only a minimum spend brings in (on an invoice an item of type `minimum`).
    Both may be negative in a slice: a volume price has fallen, or usage has caught up with an earlier minimum.
    """

    price: Price
    usage: tuple[int, ...]
    share: Fraction
    before: Progress
    amount: int
    top_up: int
    steps: Sequence[Step]

    @property
    def derivation(self) -> dict[str, Any]:
        """The canonical derivation; made when it is asked for."""
        return self.derived(price_data(self.price))

    def derived(self, price: dict[str, Any]) -> dict[str, Any]:
        """The same with the JSON of the price given, which many lines of an invoice may share."""
        return {
            "version": DERIVATION_VERSION,
            "kind": "rate",
            "currency": self.price.currency,
            "inputs": {
                "price": price,
                "usage": [scaled_text(part) for part in self.usage],
                "share": _share_text(self.share),
                "before": {
                    "usage": [scaled_text(part) for part in self.before.usage],
                    "share": _share_text(self.before.share),
                },
            },
            "steps": steps_data(self.steps),
            "amounts": {"amount": self.amount, "topUp": self.top_up},
        }


def rate(
    price: Price, usage: Number | Sequence[Number], *, share: object = WHOLE, before: Progress = NOTHING_BEFORE,
    currency: str | None = None, path: str = "",
) -> Rated:  # fmt: skip
    """The amount of `price` for `usage`.

    `usage` is a quantity or a list of parts that are added up exactly; of a percentage each part is a transaction in
    minor units. `share` is the part of the period that is billed, such as `Fraction(14, 31)`: it scales the amount of a
    price that is not metered, and the minimum spend of one that is. `before` is what was billed of the same period:
    usage and share of a metered price, the share alone of another.

    Raises `InvalidUsage` with paths below `path`, and `CurrencyDoesNotFit` when `currency` is another than the price's.
    """
    if currency is not None and currency != price.currency:
        raise CurrencyDoesNotFit(price.currency, currency, path=_at(path, "price.currency"))
    parts, part_of_period = _checked(price, usage, share, before, path)
    steps: list[Step] = []
    compute = _metered if price.metered else _recurring
    if before is NOTHING_BEFORE:
        amount, used = compute(price, parts, part_of_period, steps)
        return Rated(price, parts, part_of_period, before, amount, amount - used, steps)
    until = before.usage + parts if price.metered else parts
    since = before.usage if price.metered else parts
    amount, used = compute(price, until, before.share + part_of_period, steps)
    amount_before, used_before = compute(price, since, before.share, [])
    steps.append(Step("already_billed", (amount, amount_before), amount - amount_before))
    amount, used = amount - amount_before, used - used_before
    return Rated(price, parts, part_of_period, before, amount, amount - used, steps)


def progress(usage: Number | Sequence[Number] = (), share: object = NOT_YET, *, path: str = "before") -> Progress:
    """What was billed before, from plain values. Raises `InvalidUsage`."""
    problems: list[Problem] = []
    parts = decimals_from(_as_list(usage), _at(path, "usage"), problems)
    part_of_period = _share(share, _at(path, "share"), problems)
    if problems:
        raise InvalidUsage(problems)
    return Progress(parts, part_of_period) if parts or part_of_period else NOTHING_BEFORE


def _metered(price: Price, parts: tuple[int, ...], share: Fraction, steps: list[Step]) -> tuple[int, int]:
    """Amount with and without the minimum: usage rounded once, capped by the maximum, then raised to the minimum."""
    exact = _exact(price, parts, steps)
    used = round_ratio(*exact)
    steps.append(Step("rounding", (), *exact, used))
    if price.maximum_spend is not None:
        capped = min(used, price.maximum_spend)
        steps.append(Step("maximum_spend", ((used, 1), price.maximum_spend), capped, 1, capped))
        used = capped
    if price.minimum_spend is None:
        return used, used
    of_minimum = price.minimum_spend * share.numerator, share.denominator
    minimum = round_ratio(*of_minimum)
    steps.append(Step("minimum_share", (price.minimum_spend, share), *of_minimum, minimum))
    amount = max(used, minimum)
    steps.append(Step("minimum", (used, minimum), amount, 1, amount))
    return amount, used


def _recurring(price: Price, parts: tuple[int, ...], share: Fraction, steps: list[Step]) -> tuple[int, int]:
    """Amount with and without the minimum: that of a whole period within its bounds, times the share, rounded once."""
    exact = _exact(price, parts, steps)
    if share is WHOLE and price.minimum_spend is None and price.maximum_spend is None:
        amount = round_ratio(*exact)
        steps.append(Step("rounding", (), *exact, amount))
        return amount, amount
    if price.maximum_spend is not None:
        most = price.maximum_spend
        value, exact = exact, (exact if exact[0] <= most * exact[1] else (most, 1))
        steps.append(Step("maximum_spend", (value, most), *exact))
    used = exact
    if price.minimum_spend is not None:
        least = price.minimum_spend
        value, exact = exact, (exact if exact[0] >= least * exact[1] else (least, 1))
        steps.append(Step("minimum_spend", (value, least), *exact))
    shared = exact[0] * share.numerator, exact[1] * share.denominator
    if share != 1:
        steps.append(Step("share", (exact, share), *shared))
    amount = round_ratio(*shared)
    steps.append(Step("rounding", (), *shared, amount))
    return amount, round_ratio(used[0] * share.numerator, used[1] * share.denominator)


def _exact(price: Price, parts: tuple[int, ...], steps: list[Step]) -> Exact:
    """The exact amount by the model."""
    by_units = _BY_UNITS.get(price.model)
    if by_units is None:
        return _BY_TRANSACTIONS[price.model](price, parts, steps)
    quantity = sum(parts)
    if len(parts) > 1:
        steps.append(Step("usage", (len(parts),), quantity, SCALE))
    return by_units(price, quantity, steps)


def _checked(
    price: Price, usage: Number | Sequence[Number], share: object, before: Progress, path: str
) -> tuple[tuple[int, ...], Fraction]:
    """Usage and share as numbers that fit the price."""
    problems: list[Problem] = []
    where = _at(path, "usage")
    of_money = price.model in OF_TRANSACTIONS
    parts = decimals_from(_as_list(usage), where, problems, least=0 if of_money else None)
    if not problems and sum(parts) + (sum(before.usage) if price.metered else 0) < 0:
        problems.append(Problem(where, "too_small", "All usage together is not negative."))
    if before.usage and not price.metered:
        message = "A price that is not metered has a quantity, and no usage of earlier slices."
        problems.append(Problem(_at(path, "before.usage"), "not_applicable", message))
    elif before.usage and (sum(before.usage) < 0 or (of_money and min(before.usage) < 0)):
        problems.append(Problem(_at(path, "before.usage"), "too_small", "Usage is not negative."))
    part_of_period = _share(share, _at(path, "share"), problems)
    if problems:
        raise InvalidUsage(problems)
    return parts, part_of_period


def _share(share: object, path: str, problems: list[Problem]) -> Fraction:
    if share is WHOLE:
        return WHOLE
    try:
        found = ratio_from(share)
        return WHOLE if found == 1 else found
    except NotADecimal as wrong:
        problems.append(Problem(path, wrong.code, str(wrong)))
        return WHOLE


def _as_list(usage: Number | Sequence[Number]) -> Sequence[Number]:
    return usage if isinstance(usage, list | tuple) else (usage,)


def _share_text(share: Fraction) -> str:
    return ratio_text(share.numerator, share.denominator)


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
