"""`discount`: coupons taken off lines, one after the other, each on what the former left.

Order (design, section 4): coupons that are restricted to plans, products or prices are line discounts and come first;
then those of the whole invoice; within each by stacking order, then as given. A coupon never takes more than what is
left of its lines, nor more than what is left of the invoice; beside credits `credits` says how much that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from billing.rating.coupons import Coupon, CouponType, coupon_data
from billing.rating.credits import Cut, cut_beside_credits
from billing.rating.decimals import HUNDRED
from billing.rating.errors import CurrencyDoesNotFit, DuplicateCoupon
from billing.rating.lines import Line, check_lines, line_data
from billing.rating.rating import DERIVATION_VERSION
from billing.rating.steps import Step, steps_data
from common.money import allocate, round_ratio


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of one coupon: `amount` in minor units, and the coupon as the next invoice should be given it.

    `after.ended` says whether there is a next time. A coupon that counts once and took nothing is not used up.
    """

    coupon: Coupon
    amount: int
    after: Coupon


@dataclass(frozen=True, slots=True)
class Discounted:
    """`shares` is what each line loses, in the order of the lines; it sums to `amount`, the sum of all coupons."""

    currency: str
    lines: Sequence[Line]
    coupons: Sequence[Coupon]
    shares: Sequence[int]
    taken: Sequence[Taken]
    steps: Sequence[Step] = field(repr=False, compare=False)

    @property
    def amount(self) -> int:
        """All discounts together."""
        return sum(self.shares)

    @property
    def derivation(self) -> dict[str, Any]:
        """The canonical derivation; made when it is asked for."""
        return {
            "version": DERIVATION_VERSION,
            "kind": "discount",
            "currency": self.currency,
            "inputs": {
                "lines": [line_data(line) for line in self.lines],
                "coupons": [coupon_data(coupon) for coupon in self.coupons],
            },
            "steps": steps_data(self.steps),
            "amounts": {
                "discount": self.amount,
                "coupons": [{"code": one.coupon.code, "amount": one.amount} for one in self.taken],
                "lines": {line.key: share for line, share in zip(self.lines, self.shares, strict=True) if share},
            },
        }


def discount(
    lines: Sequence[Line], coupons: Sequence[Coupon], *, currency: str, version: int = DERIVATION_VERSION
) -> Discounted:
    """What `coupons` take off `lines`, in whole minor units per line; of inclusive lines it is taken from the gross.

    `version` 1 is the rule of older derivations, which bounds a coupon beside credits by the sum before tax. Raises
    `InvalidLine` (`check_lines`), `CurrencyDoesNotFit` for an amount in another currency, `DuplicateCoupon`.
    """
    check_lines(lines)
    _check_coupons(coupons, currency)
    steps: list[Step] = []
    left = [line.amount for line in lines]
    taken = []
    for coupon in sorted(coupons, key=lambda one: (not one.restricted, one.stacking_order)):
        taken.append(_take(coupon, lines, left, steps, version))
    shares = [line.amount - rest for line, rest in zip(lines, left, strict=True)]
    return Discounted(currency, lines, coupons, shares, taken, steps)


def _take(coupon: Coupon, lines: Sequence[Line], left: list[int], steps: list[Step], version: int) -> Taken:
    """One coupon: takes its steps down and what it takes from `left`."""
    if coupon.ended:
        steps.append(Step("coupon_ended", (coupon.code, coupon.periods_used), 0))
        return Taken(coupon, 0, coupon)
    chosen = [index for index, line in enumerate(lines) if coupon.counts_for(line)]
    base = sum(left[index] for index in chosen)
    exact, divisor, wanted = coupon.available, 1, coupon.available
    if coupon.type is CouponType.PERCENTAGE:
        exact, divisor = base * coupon.percentage, HUNDRED
        wanted = round_ratio(exact, divisor)
    cut = _cut(lines, left, chosen, wanted, version)
    amount = cut.amount
    if coupon.type is CouponType.PERCENTAGE:
        values: tuple[Any, ...] = (coupon.code, base, coupon.percentage, cut.most)
        steps.append(Step("coupon_percentage", values, exact, divisor, amount))
    else:
        steps.append(Step("coupon_amount", (coupon.code, base, wanted, cut.most), amount, 1, amount))
    left[:] = [rest - part for rest, part in zip(left, cut.parts, strict=True)]
    shares = {line.key: part for line, part in zip(lines, cut.parts, strict=True) if part}
    steps.append(Step(cut.rule, (coupon.code, amount), amount, 1, amount, shares))
    return Taken(coupon, amount, _after(coupon, amount, steps))


def _cut(lines: Sequence[Line], left: Sequence[int], chosen: Sequence[int], wanted: int, version: int) -> Cut:
    """What a coupon takes from each line: of what is left of its lines, by value."""
    if version > 1 and any(line.amount < 0 for line in lines):
        return cut_beside_credits(lines, left, chosen, wanted)
    values = [left[index] for index in chosen]
    most = max(0, sum(left))
    parts = [0] * len(left)
    for index, part in zip(chosen, allocate(min(wanted, most, sum(values)), values), strict=True):
        parts[index] = part
    return Cut(parts, most)


def _after(coupon: Coupon, amount: int, steps: list[Step]) -> Coupon:
    """The coupon as it stands after an invoice on which it took `amount`."""
    if coupon.type is CouponType.AMOUNT and coupon.duration == "once":
        kept = coupon.available - amount if coupon.keep_remainder else 0
        values = (coupon.code, coupon.available, amount, coupon.keep_remainder)
        steps.append(Step("coupon_left", values, kept, 1, kept))
    if coupon.duration == "once" and amount == 0:
        return coupon
    left = coupon.available - amount if coupon.keep_remainder else coupon.amount_left
    return replace(coupon, periods_used=coupon.periods_used + 1, amount_left=left)


def _check_coupons(coupons: Sequence[Coupon], currency: str) -> None:
    seen: set[str] = set()
    for index, coupon in enumerate(coupons):
        if coupon.currency is not None and coupon.currency != currency:
            raise CurrencyDoesNotFit(coupon.currency, currency, path=f"coupons[{index}].currency")
        if coupon.code in seen:
            raise DuplicateCoupon(f"coupons[{index}].code")
        seen.add(coupon.code)
