"""Views of coupons. They are named by their id or by their code, in any case."""

from __future__ import annotations

from billing.api.coupons import OFFERED, CouponChange, CouponInput, CouponOutput, RedeemInput, RedemptionOutput
from billing.models import Coupon
from billing.representations import coupon_body, redemption_body
from billing.selectors import coupons_with_offer, get_coupon
from billing.services.coupon_use import redeem_coupon
from billing.services.coupons import create_coupon, delete_coupon, update_coupon
from common.api.operation import operation
from common.ids import encode_id
from common.prefixes import COUPON
from tenants.api.view import Answer, Call, TenantView


class CouponsView(TenantView):
    """`/api/coupons`."""

    @operation("catalogue:read", "List coupons", answers={200: CouponOutput}, filters=[OFFERED], paged=True)
    def get(self, call: Call) -> Answer:
        """Coupons, newest first."""
        rows = coupons_with_offer(tenant_id=call.tenant_id, at=call.at).filter(call.filters())
        return call.listing(rows, coupon_body)

    @operation(
        "catalogue:write", "Create a coupon", answers={201: CouponOutput}, body=CouponInput,
        refusals={404: ["not_found"], 409: ["already_exists", "plan_archived"]},
        description="It takes off a `percentage`, or an `amount` in its `currency`.",
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """A new coupon."""
        coupon = create_coupon(tenant_id=call.tenant_id, at=call.at, **call.data)
        return Answer(201, coupon_body(coupon), location=location_of(coupon))


class CouponView(TenantView):
    """`/api/coupons/{idOrCode}`."""

    @operation("catalogue:read", "Get a coupon", answers={200: CouponOutput})
    def get(self, call: Call, idOrCode: str) -> Answer:  # noqa: N803
        """One coupon."""
        return Answer(200, coupon_body(get_coupon(tenant_id=call.tenant_id, reference=idOrCode)))

    @operation(
        "catalogue:write", "Update a coupon", answers={200: CouponOutput}, body=CouponChange, partial=True,
        refusals={409: ["coupon_in_use"]},
        description="Whoever has redeemed the coupon keeps it. `maxRedemptions` is never below `timesRedeemed`.",
    )  # fmt: skip
    def patch(self, call: Call, idOrCode: str) -> Answer:  # noqa: N803
        """Change what is given; null clears."""
        coupon = update_coupon(tenant_id=call.tenant_id, reference=idOrCode, at=call.at, changes=call.data)
        return Answer(200, coupon_body(coupon))

    @operation("catalogue:write", "Delete a coupon", answers={204: None}, refusals={409: ["coupon_in_use"]})
    def delete(self, call: Call, idOrCode: str) -> Answer:  # noqa: N803
        """Remove it, unless it was redeemed or something refers to it."""
        delete_coupon(tenant_id=call.tenant_id, reference=idOrCode)
        return Answer(204)


class CouponRedeemView(TenantView):
    """`/api/coupons/{code}/redeem`."""

    @operation(
        "catalogue:write", "Redeem a coupon", answers={201: RedemptionOutput}, body=RedeemInput,
        refusals={
            404: ["not_found"], 409: ["already_redeemed", "customer_erased"],
            422: ["coupon_not_started", "coupon_expired", "coupon_exhausted", "coupon_not_applicable"],
        },
        description="The customer has it from then on: their next invoice that names the coupon uses it.",
    )  # fmt: skip
    def post(self, call: Call, code: str) -> Answer:
        """Give it to a customer."""
        redemption = redeem_coupon(
            tenant_id=call.tenant_id, reference=code, at=call.at, application_id=call.caller.application_id, **call.data
        )
        return Answer(201, redemption_body(redemption), location=location_of(redemption.coupon))


def location_of(coupon: Coupon) -> str:
    """Where the coupon lives."""
    return f"/api/coupons/{encode_id(COUPON, coupon.id)}"
