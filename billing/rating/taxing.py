"""`tax`: a rate times the sum of its lines, rounded once per rate, half away from zero (EN 16931, BR-CO-17).

Lines whose prices contain their tax have a fixed gross: the tax is taken out of the sum of their gross amounts, what
is left is net, and the net amounts of the lines are split from it. Exclusive and inclusive lines of one rate share a
row of the breakdown; each of the two sums is rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from billing.rating.decimals import HUNDRED
from billing.rating.errors import InvalidLine
from billing.rating.lines import Line, TaxRate, check_lines, line_data, tax_rate_data
from billing.rating.rating import DERIVATION_VERSION
from billing.rating.steps import Step, steps_data
from common.errors import Problem
from common.money import allocate, round_ratio


@dataclass(frozen=True, slots=True)
class TaxRow:
    """A row of the breakdown: the tax, the net amount that it is taken of, and its amount in minor units."""

    rate: TaxRate
    taxable: int
    tax: int


@dataclass(slots=True)
class Kind:
    """Lines that are computed alike: the same taxes, all exclusive or all inclusive. Indexes, and their sum."""

    taxes: tuple[TaxRate, ...]
    inclusive: bool
    indexes: list[int]
    total: int = 0  # after discount; gross where inclusive
    net: int = 0

    @property
    def all_rates(self) -> int:
        """The sum of the rates, a scaled percentage."""
        return sum(one.rate for one in self.taxes)


@dataclass(frozen=True, slots=True)
class Taxed:
    """`rows` in the order in which lines first name them; `nets` per line after discount, without tax.

    The sum of the nets plus `amount` is what is to be paid. A line with two taxes counts in two rows.
    """

    currency: str
    lines: Sequence[Line]
    discounts: Sequence[int]
    rows: Sequence[TaxRow]
    nets: Sequence[int]
    kinds: Sequence[Kind] = field(repr=False, compare=False)
    steps: Sequence[Step] = field(repr=False, compare=False)

    @property
    def amount(self) -> int:
        """All taxes together."""
        return sum(row.tax for row in self.rows)

    @property
    def derivation(self) -> dict[str, Any]:
        """The canonical derivation; made when it is asked for."""
        pairs = list(zip(self.lines, self.discounts, self.nets, strict=True))
        return {
            "version": DERIVATION_VERSION,
            "kind": "tax",
            "currency": self.currency,
            "inputs": {
                "lines": [line_data(line) for line in self.lines],
                "discounts": {line.key: share for line, share, _ in pairs if share},
            },
            "steps": steps_data(self.steps),
            "amounts": {
                "tax": self.amount,
                "rows": rows_data(self.rows),
                "nets": {line.key: net for line, _, net in pairs},
            },
        }


def rows_data(rows: Sequence[TaxRow]) -> list[dict[str, Any]]:
    """The breakdown as JSON."""
    return [{**tax_rate_data(row.rate), "taxable": row.taxable, "tax": row.tax} for row in rows]


def tax(lines: Sequence[Line], *, currency: str, discounts: Sequence[int] | None = None) -> Taxed:
    """The taxes of `lines`, each less its share of `discounts` (whole minor units, in the order of the lines).

    Credits (negative lines) reduce the sums of their rates. Raises `InvalidLine`: see `check_lines`; also for
    discounts that are no integers, or not as many as lines.
    """
    check_lines(lines)
    if discounts is not None and (len(discounts) != len(lines) or any(type(one) is not int for one in discounts)):
        raise InvalidLine([Problem("discounts", "invalid", "Expected an integer of minor units for each line.")])
    shares = [0] * len(lines) if discounts is None else discounts
    amounts = [line.amount - share for line, share in zip(lines, shares, strict=True)]
    kinds = _kinds(lines, amounts)
    steps: list[Step] = []
    added: dict[TaxRate, int] = {}
    contained: dict[TaxRate, list[int]] = {}
    for rate in dict.fromkeys(one for kind in kinds for one in kind.taxes):
        having = [kind for kind in kinds if rate in kind.taxes]
        added[rate] = _added(rate, [kind for kind in having if not kind.inclusive], steps)
        contained[rate] = _contained(rate, [kind for kind in having if kind.inclusive], steps)
    nets = list(amounts)
    _take_out(kinds, contained, lines, amounts, nets, steps)
    rows = [
        TaxRow(rate, sum(kind.net for kind in kinds if rate in kind.taxes), added[rate] + sum(contained[rate]))
        for rate in added
    ]
    return Taxed(currency, lines, shares, rows, nets, kinds, steps)


def _kinds(lines: Sequence[Line], amounts: Sequence[int]) -> list[Kind]:
    found: dict[tuple[tuple[TaxRate, ...], bool], Kind] = {}
    for index, line in enumerate(lines):
        key = (line.taxes, line.inclusive)
        kind = found.get(key)
        if kind is None:
            kind = found[key] = Kind(line.taxes, line.inclusive, [])
        kind.indexes.append(index)
        kind.total += amounts[index]
    for kind in found.values():
        kind.net = kind.total
    return list(found.values())


def _added(rate: TaxRate, kinds: Sequence[Kind], steps: list[Step]) -> int:
    """The tax on top of exclusive lines."""
    if not kinds:
        return 0
    base = sum(kind.total for kind in kinds)
    exact = base * rate.rate
    amount = round_ratio(exact, HUNDRED)
    steps.append(Step("tax_exclusive", (rate.label, str(rate.category), rate.rate, base), exact, HUNDRED, amount))
    return amount


def _contained(rate: TaxRate, kinds: Sequence[Kind], steps: list[Step]) -> list[int]:
    """The tax within inclusive lines, of each kind; together they are rounded once."""
    if not kinds:
        return []
    exact = [(kind.total * rate.rate, HUNDRED + kind.all_rates) for kind in kinds]
    alone = len(kinds) == 1
    for kind, (numerator, denominator) in zip(kinds, exact, strict=True):
        rounded = round_ratio(numerator, denominator) if alone else None
        values = (rate.label, str(rate.category), rate.rate, kind.total, kind.all_rates)
        steps.append(Step("tax_inclusive", values, numerator, denominator, rounded))
    if alone:
        return [round_ratio(*exact[0])]
    fractions = [Fraction(*one) for one in exact]
    whole = sum(fractions, Fraction(0))
    amount = round_ratio(whole.numerator, whole.denominator)
    summary = (rate.label, str(rate.category), rate.rate, len(kinds))
    steps.append(Step("tax_inclusive_sum", summary, whole.numerator, whole.denominator, amount))
    parts = split(amount, fractions)
    shares = {str(number): part for number, part in enumerate(parts, start=1)}
    steps.append(Step("tax_split", (rate.label, amount), amount, 1, amount, shares))
    return parts


def _take_out(
    kinds: Sequence[Kind], contained: dict[TaxRate, list[int]], lines: Sequence[Line], amounts: Sequence[int],
    nets: list[int], steps: list[Step],
) -> None:  # fmt: skip
    """Inclusive kinds lose their taxes, and so do their lines."""
    rest = {rate: iter(parts) for rate, parts in contained.items()}
    for kind in kinds:
        if not kind.inclusive:
            continue
        taxes = sum(next(rest[one]) for one in kind.taxes)
        kind.net = kind.total - taxes
        steps.append(Step("net_of_gross", (kind.total, taxes), kind.net, 1, kind.net))
        parts = split(kind.net, [amounts[index] for index in kind.indexes], (HUNDRED, HUNDRED + kind.all_rates))
        for index, part in zip(kind.indexes, parts, strict=True):
            nets[index] = part
        shares = {lines[index].key: part for index, part in zip(kind.indexes, parts, strict=True)}
        steps.append(Step("net_shares", (kind.net,), kind.net, 1, kind.net, shares))


def split(total: int, weights: Sequence[int | Fraction], ratio: tuple[int, int] = (1, 1)) -> list[int]:
    """`allocate(total, weights)`, also for weights of both signs.

    The exact parts are the weights times `ratio`. The negative ones are rounded together, then each side is split.
    """
    if all(weight >= 0 for weight in weights):
        return allocate(total, weights)
    if all(weight <= 0 for weight in weights):
        return [-part for part in allocate(-total, [-weight for weight in weights])]
    below = sum(weight for weight in weights if weight < 0) * Fraction(*ratio)
    negative = round_ratio(below.numerator, below.denominator)
    ups = allocate(total - negative, [max(weight, 0) for weight in weights])
    downs = allocate(-negative, [max(-weight, 0) for weight in weights])
    return [up - down for up, down in zip(ups, downs, strict=True)]
