"""Whether a coupon can be had: its application, its window and its limits. Pure."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from billing.errors import CouponExhausted, CouponExpired, CouponNotApplicable, CouponNotStarted
from billing.models import Coupon


def require_application_of(coupon: Coupon, *, application_id: UUID | None, path: str | None = None) -> None:
    """Raises `CouponNotApplicable` for a coupon of an application that is not the caller's."""
    if coupon.application_id is not None and coupon.application_id != application_id:
        raise CouponNotApplicable(path, "The coupon belongs to another application.")


def require_redeemable(coupon: Coupon, *, at: dt.datetime, times_of_customer: int, path: str | None = None) -> None:
    """Whether one more redemption may be made at this instant; the end is exclusive.

    Raises `CouponNotApplicable` when the coupon is not active, `CouponNotStarted`, `CouponExpired`, `CouponExhausted`.
    """
    if not coupon.active:
        raise CouponNotApplicable(path, "The coupon is not active.")
    if coupon.valid_from is not None and at < coupon.valid_from:
        raise CouponNotStarted(path)
    if coupon.valid_until is not None and at >= coupon.valid_until:
        raise CouponExpired(path)
    if coupon.max_redemptions is not None and coupon.times_redeemed >= coupon.max_redemptions:
        raise CouponExhausted(path)
    if times_of_customer >= coupon.times_for_each:
        raise CouponExhausted(path, "The customer has redeemed the coupon as often as they may.")
