"""A plan's minimum commitment: what its prices come to at least in a period, and the amount that is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from billing.rating.decimals import NotADecimal, ratio_from, ratio_text
from billing.rating.errors import InvalidUsage
from billing.rating.rating import DERIVATION_VERSION, NOT_YET, WHOLE
from billing.rating.steps import Step, steps_data
from common.errors import Problem
from common.money import round_ratio


@dataclass(frozen=True, slots=True)
class Commitment:
    """The line of type `minimum` that a plan adds. `top_up` is in minor units; in a later slice it may be negative."""

    currency: str
    minimum: int
    amounts: tuple[int, ...]
    share: Fraction
    before_amount: int
    before_share: Fraction
    top_up: int
    steps: Sequence[Step] = field(repr=False, compare=False)

    @property
    def derivation(self) -> dict[str, Any]:
        """The canonical derivation; made when it is asked for."""
        return {
            "version": DERIVATION_VERSION,
            "kind": "commitment",
            "currency": self.currency,
            "inputs": {
                "minimum": self.minimum,
                "amounts": list(self.amounts),
                "share": _text(self.share),
                "before": {"amount": self.before_amount, "share": _text(self.before_share)},
            },
            "steps": steps_data(self.steps),
            "amounts": {"amount": self.top_up},
        }


def top_up(
    minimum: int, amounts: Sequence[int], *, currency: str, share: object = WHOLE, before_amount: int = 0,
    before_share: object = NOT_YET,
) -> Commitment:  # fmt: skip
    """What is missing from `amounts` (of all lines of the plan, before coupons) to `minimum` × `share`.

    `share` is the part of the period that is billed. Of a period in slices, `before_amount` is the sum of the plan's
    lines in earlier slices without their top-ups, and `before_share` the part of the period that they covered: lines
    and top-ups of all slices then sum to those of the whole period. Raises `InvalidUsage` for a minimum or a share
    that is negative.
    """
    problems: list[Problem] = []
    shares = [_share(value, path, problems) for value, path in ((share, "share"), (before_share, "before.share"))]
    if type(minimum) is not int or minimum < 0:
        problems.append(Problem("minimum", "invalid", "Expected minor units, 0 or more."))
    for index, amount in enumerate([*amounts, before_amount]):
        if type(amount) is not int:
            path = f"amounts[{index}]" if index < len(amounts) else "before.amount"
            problems.append(Problem(path, "invalid", "Expected an integer of minor units."))
    if problems:
        raise InvalidUsage(problems)
    steps: list[Step] = []
    until, since = shares[0] + shares[1], shares[1]
    least_before = round_ratio(minimum * since.numerator, since.denominator)
    exact = minimum * until.numerator, until.denominator
    least = round_ratio(*exact)
    steps.append(Step("commitment_share", (minimum, until), *exact, least))
    billed = before_amount + sum(amounts)
    missing = max(billed, least) - max(before_amount, least_before) - sum(amounts)
    steps.append(Step("commitment", (billed, least, before_amount, least_before), missing, 1, missing))
    return Commitment(currency, minimum, tuple(amounts), shares[0], before_amount, since, missing, steps)


def _share(value: object, path: str, problems: list[Problem]) -> Fraction:
    try:
        return ratio_from(value)
    except NotADecimal as wrong:
        problems.append(Problem(path, wrong.code, str(wrong)))
        return WHOLE


def _text(share: Fraction) -> str:
    return ratio_text(share.numerator, share.denominator)
