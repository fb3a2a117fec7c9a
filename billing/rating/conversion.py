"""`convert`: an amount in another currency, by a rate that is given, rounded once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from billing.rating.decimals import SCALE, NotADecimal, scaled, scaled_text
from billing.rating.errors import InvalidConversion
from billing.rating.rating import DERIVATION_VERSION
from billing.rating.steps import Step, steps_data
from common.errors import Problem
from common.money import exponent, is_currency, round_ratio


@dataclass(frozen=True, slots=True)
class Converted:
    """What `original` minor units of `source` come to in minor units of `target`. `rate` is a scaled decimal."""

    original: int
    rate: int
    source: str
    target: str
    amount: int
    steps: Sequence[Step] = field(repr=False, compare=False)

    @property
    def derivation(self) -> dict[str, Any]:
        """The canonical derivation; made when it is asked for."""
        return {
            "version": DERIVATION_VERSION,
            "kind": "conversion",
            "currency": self.target,
            "inputs": {
                "amount": self.original,
                "from": self.source,
                "to": self.target,
                "rate": scaled_text(self.rate),
            },
            "steps": steps_data(self.steps),
            "amounts": {"amount": self.amount},
        }


def convert(amount: int, rate: object, *, source: str, target: str) -> Converted:
    """`amount` minor units of `source` in minor units of `target`.

    `rate` says how many units of `target` one unit of `source` is, in major units: of `"0.9"` from USD to EUR 10.00 USD
    are 9.00 EUR, and of `"150"` from USD to JPY they are 1500 JPY. It is above 0, with up to 12 places. The exact
    amount is rounded once, a half away from zero. It has no bound: whoever writes it down asks whether it fits.

    Raises `InvalidConversion` with the paths `amount`, `rate`, `from` and `to`.
    """
    problems: list[Problem] = []
    if type(amount) is not int:
        problems.append(Problem("amount", "invalid", "Expected an integer of minor units."))
    try:
        factor = scaled(rate)
        if factor <= 0:
            problems.append(Problem("rate", "too_small", "A rate is above 0."))
    except NotADecimal as wrong:
        problems.append(Problem("rate", wrong.code, str(wrong)))
    for path, currency in (("from", source), ("to", target)):
        if not is_currency(currency):
            problems.append(Problem(path, "invalid_currency", "Expected an ISO 4217 code such as EUR."))
    if not problems and source == target:
        problems.append(Problem("to", "invalid", "A conversion is between two currencies."))
    if problems:
        raise InvalidConversion(problems)
    units_of_source, units_of_target = 10 ** exponent(source), 10 ** exponent(target)
    exact = amount * factor * units_of_target, SCALE * units_of_source
    found = round_ratio(*exact)
    values = (amount, source, target, factor, units_of_source, units_of_target)
    return Converted(amount, factor, source, target, found, [Step("conversion", values, *exact, found)])
