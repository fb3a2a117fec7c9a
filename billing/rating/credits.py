"""How far a coupon goes where an invoice has credits (negative lines): no tax base and no total becomes negative by it.

Lines with the same taxes, all exclusive or all inclusive, are a kind. A credit takes off what its kind comes to, and no
coupon takes more from a kind than that. A kind that is below 0 by its credits alone stands against the others: then net
amount and total are what must not fall below 0. A coupon that takes all that the lines come to leaves nothing on any of
them, credits included, so that no tax is left either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from billing.rating.lines import Line, TaxRate
from billing.rating.taxing import tax
from common.money import allocate

Kind = tuple[tuple[TaxRate, ...], bool]


@dataclass(frozen=True, slots=True)
class Cut:
    """What a coupon takes from each line, `most` that it might have taken, and the rule of its shares."""

    parts: Sequence[int]
    most: int
    rule: str = "coupon_shares"

    @property
    def amount(self) -> int:
        """All of it; below 0 on no line but a credit that ends with the charges."""
        return sum(self.parts)


def cut_beside_credits(lines: Sequence[Line], left: Sequence[int], chosen: Sequence[int], wanted: int) -> Cut:
    """What a coupon that would take `wanted` from the lines at the indexes `chosen` takes of what is `left`.

    Minor units. It is nothing where the invoice is negative already.
    """
    nothing = [0] * len(lines)
    everything = sum(left)
    kinds = [(line.taxes, line.inclusive) for line in lines]
    of_kinds = _sums(kinds, left)
    if everything < 0 or not _stands(of_kinds):
        return Cut(nothing, 0)
    base = sum(left[index] for index in chosen)
    against = any(amount < 0 for amount in of_kinds.values())
    if against and wanted >= everything and base == sum(one for one in left if one > 0):
        return Cut(list(left), everything, "coupon_shares_all")
    values = {index: left[index] for index in chosen}
    of_chosen = _sums(kinds, [values.get(index, 0) for index in range(len(lines))])
    room = {kind: max(0, min(amount, of_chosen[kind])) for kind, amount in of_kinds.items()}
    most = min(everything, sum(room.values()))

    def cut(amount: int) -> Cut:
        shares, rule = _shares(amount, values, kinds, room)
        return Cut([shares.get(index, 0) for index in range(len(lines))], most, rule)

    def stands(amount: int) -> bool:
        parts = cut(amount).parts
        return _stands(_sums(kinds, [rest - part for rest, part in zip(left, parts, strict=True)]))

    amount = min(wanted, most)
    if against and not stands(amount):
        amount = most = _last(stands, amount)
    return cut(amount)


def _last(stands: Callable[[int], bool], beyond: int) -> int:
    """By halving: an amount with which the invoice stands, and with one more it does not. With 0 it does."""
    found = 0
    while beyond - found > 1:
        middle = (found + beyond) // 2
        if stands(middle):
            found = middle
        else:
            beyond = middle
    return found


def _shares(
    amount: int, values: dict[int, int], kinds: Sequence[Kind], room: dict[Kind, int]
) -> tuple[dict[int, int], str]:
    """`amount` by value; a kind without room for its share gets what it has room for, and the others the rest."""
    free, rest = values, amount
    fixed: dict[int, int] = {}
    while True:
        parts = dict(zip(free, allocate(rest, list(free.values())), strict=True))
        given = _sums([kinds[index] for index in parts], list(parts.values()))
        full = {kind for kind, part in given.items() if part > room[kind]}
        if not full:
            return fixed | parts, "coupon_shares_bounded" if fixed else "coupon_shares"
        for kind in full:
            mine = {index: value for index, value in free.items() if kinds[index] == kind}
            fixed |= dict(zip(mine, allocate(room[kind], list(mine.values())), strict=True))
            rest -= room[kind]
        free = {index: value for index, value in free.items() if kinds[index] not in full}


def _sums(kinds: Sequence[Kind], amounts: Sequence[int]) -> dict[Kind, int]:
    found: dict[Kind, int] = {}
    for kind, amount in zip(kinds, amounts, strict=True):
        found[kind] = found.get(kind, 0) + amount
    return found


def _stands(of_kinds: dict[Kind, int]) -> bool:
    """Whether lines that come to this have neither a negative net amount nor, with their taxes, a negative total."""
    if all(amount >= 0 for amount in of_kinds.values()):
        return True
    lines = [Line(str(number), amount, *kind) for number, (kind, amount) in enumerate(of_kinds.items())]
    taxed = tax(lines, currency="")
    net = sum(taxed.nets)
    return net >= 0 and net + taxed.amount >= 0
