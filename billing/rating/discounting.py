"""`discount`: coupons taken off lines, one after the other, each on what the former left.

Order (design, section 4): coupons that are restricted to plans, products or prices are line discounts and come first;
then those of the whole invoice; within each by stacking order, then as given. A coupon never takes more than what is
left of its lines, nor more than what is left of the invoice, credits included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from billing.rating.coupons import Coupon, CouponType, coupon_data
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


def discount(lines: Sequence[Line], coupons: Sequence[Coupon], *, currency: str) -> Discounted:
    """What `coupons` take off `lines`, in whole minor units per line; of inclusive lines it is taken from the gross.

    Raises `InvalidLine` (`check_lines`), `CurrencyDoesNotFit` for an amount in another currency, `DuplicateCoupon`.
    """
    check_lines(lines)
    _check_coupons(coupons, currency)
    steps: list[Step] = []
    left = [line.amount for line in lines]
    taken = []
    for coupon in sorted(coupons, key=lambda one: (not one.restricted, one.stacking_order)):
        taken.append(_take(coupon, lines, left, steps))
    shares = [line.amount - rest for line, rest in zip(lines, left, strict=True)]
    return Discounted(currency, lines, coupons, shares, taken, steps)


def _take(coupon: Coupon, lines: Sequence[Line], left: list[int], steps: list[Step]) -> Taken:
    """One coupon: takes its steps down and what it takes from `left`."""
    if coupon.ended:
        steps.append(Step("coupon_ended", (coupon.code, coupon.periods_used), 0))
        return Taken(coupon, 0, coupon)
    chosen = [index for index, line in enumerate(lines) if coupon.counts_for(line)]
    values = [left[index] for index in chosen]
    base, most = sum(values), max(0, sum(left))
    if coupon.type is CouponType.PERCENTAGE:
        exact = base * coupon.percentage
        amount = min(most, round_ratio(exact, HUNDRED))
        steps.append(
            Step("coupon_percentage", (coupon.code, base, coupon.percentage, most), exact, HUNDRED, amount)
        )  # fmt: skip
    else:
        amount = min(most, base, coupon.available)
        steps.append(Step("coupon_amount", (coupon.code, base, coupon.available, most), amount, 1, amount))
    parts = allocate(amount, values)
    for index, part in zip(chosen, parts, strict=True):
        left[index] -= part
    shares = {lines[index].key: part for index, part in zip(chosen, parts, strict=True) if part}
    steps.append(Step("coupon_shares", (coupon.code, amount), amount, 1, amount, shares))
    return Taken(coupon, amount, _after(coupon, amount, steps))


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
