"""Coupons: what they take off, from which lines, and for how many periods."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from billing.rating.decimals import HUNDRED, scaled_text
from billing.rating.errors import InvalidCoupon
from billing.rating.lines import Line
from billing.rating.reading import Fields
from common.errors import Problem


class CouponType(StrEnum):
    """Whether a coupon takes off a share or an amount."""

    PERCENTAGE = "percentage"
    AMOUNT = "amount"


class Duration(StrEnum):
    """For how many periods a coupon counts."""

    ONCE = "once"
    REPEATING = "repeating"
    FOREVER = "forever"


@dataclass(frozen=True, slots=True)
class Coupon:
    """A checked coupon as one customer has it: its terms, and how much of it is used.

    Without restrictions it counts for every line, else for a line that one of the three lists names. `periods_used`
    counts the periods that it was given before; `amount_left` is what earlier invoices left of a kept amount.
    """

    code: str
    type: CouponType
    percentage: int = 0  # scaled
    amount: int = 0  # whole minor units
    currency: str | None = None
    duration: Duration = Duration.ONCE
    duration_periods: int | None = None
    plan_ids: tuple[str, ...] = ()
    product_ids: tuple[str, ...] = ()
    price_ids: tuple[str, ...] = ()
    stacking_order: int = 100
    keep_remainder: bool = False
    periods_used: int = 0
    amount_left: int | None = None

    @property
    def restricted(self) -> bool:
        """Whether it counts only for certain lines: it is then a line discount, taken before those of the invoice."""
        return bool(self.plan_ids or self.product_ids or self.price_ids)

    @property
    def available(self) -> int:
        """What an amount coupon may still take off."""
        return self.amount if self.amount_left is None else self.amount_left

    @property
    def ended(self) -> bool:
        """Whether it counts no more: its periods are over, and nothing of a kept amount is left."""
        if self.duration is Duration.ONCE:
            return self.periods_used > 0 and not (self.keep_remainder and bool(self.amount_left))
        if self.duration is Duration.REPEATING:
            return self.periods_used >= (self.duration_periods or 0)
        return False

    def counts_for(self, line: Line) -> bool:
        """Whether the line is one that the coupon may reduce: it is no credit, and no restriction excludes it."""
        return line.amount > 0 and self.names(line)

    def names(self, line: Line) -> bool:
        """Whether the line is what the coupon is restricted to; without restrictions any line is."""
        if not self.restricted:
            return True
        return line.price_id in self.price_ids or line.product_id in self.product_ids or line.plan_id in self.plan_ids


_FIELDS: Final = (
    "code", "type", "percentage", "amount", "currency", "duration", "durationPeriods", "planIds", "productIds",
    "priceIds", "stackingOrder", "keepRemainder", "periodsUsed", "amountLeft",
)  # fmt: skip


def coupon_from(data: object, path: str = "") -> Coupon:
    """The coupon that `data` defines, in the fields of `POST /api/coupons`, with `periodsUsed` and `amountLeft`.

    Raises `InvalidCoupon` with every problem below `path`: a percentage outside of 0 < x ≤ 100, an amount without its
    currency, a number of periods where none is meant, a remainder that nothing could leave.
    """
    problems: list[Problem] = []
    fields = Fields(data, path, problems, known=_FIELDS)
    for name in ("code", "type"):
        fields.require(name)
    kind = fields.choice("type", CouponType, CouponType.PERCENTAGE)
    of_amount = kind is CouponType.AMOUNT
    for name in ("amount", "currency") if of_amount else ("percentage",):
        fields.require(name)
    for name in ("percentage",) if of_amount else ("amount", "currency", "amountLeft"):
        if fields.given(name):
            fields.problem(name, "not_applicable", f"A coupon of the type {kind} has no such field.")
    duration = fields.choice("duration", Duration, Duration.ONCE)
    periods = fields.integer("durationPeriods", least=1)
    if (duration is Duration.REPEATING) != fields.given("durationPeriods"):
        code = "required" if duration is Duration.REPEATING else "not_applicable"
        fields.problem("durationPeriods", code, "A repeating coupon, and no other, has a number of periods.")
    keep = fields.flag("keepRemainder")
    if keep and not (kind is CouponType.AMOUNT and duration is Duration.ONCE):
        fields.problem("keepRemainder", "not_applicable", "Only of an amount that counts once something can be left.")
    percentage = fields.decimal("percentage", least=1, most=HUNDRED)
    amount = fields.integer("amount", least=1)
    left = fields.integer("amountLeft")
    if left is not None and amount is not None and left > amount:
        fields.problem("amountLeft", "too_large", "At most amount.")
    order = fields.integer("stackingOrder", least=None)
    found = Coupon(
        code=fields.text("code"),
        type=kind,
        percentage=percentage or 0,
        amount=amount or 0,
        currency=fields.currency() if of_amount and fields.given("currency") else None,
        duration=duration,
        duration_periods=periods,
        plan_ids=fields.texts("planIds"),
        product_ids=fields.texts("productIds"),
        price_ids=fields.texts("priceIds"),
        stacking_order=100 if order is None else order,
        keep_remainder=keep,
        periods_used=fields.integer("periodsUsed") or 0,
        amount_left=left,
    )
    if problems:
        raise InvalidCoupon(problems)
    return found


def coupon_data(coupon: Coupon) -> dict[str, Any]:
    """The coupon as JSON that `coupon_from` reads as the same coupon."""
    percentage = scaled_text(coupon.percentage) if coupon.type is CouponType.PERCENTAGE else None
    data: dict[str, Any] = {
        "code": coupon.code,
        "type": str(coupon.type),
        "percentage": percentage,
        "amount": coupon.amount or None,
        "currency": coupon.currency,
        "duration": str(coupon.duration),
        "durationPeriods": coupon.duration_periods,
        "planIds": list(coupon.plan_ids) or None,
        "productIds": list(coupon.product_ids) or None,
        "priceIds": list(coupon.price_ids) or None,
        "stackingOrder": coupon.stacking_order,
        "keepRemainder": coupon.keep_remainder,
        "periodsUsed": coupon.periods_used,
        "amountLeft": coupon.amount_left,
    }
    return {name: value for name, value in data.items() if value is not None}
