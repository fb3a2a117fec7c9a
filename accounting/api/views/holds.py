"""Views of holds."""

from __future__ import annotations

from accounting.api.serializers.holds import CapturedHoldOutput, CaptureInput, HoldInput, HoldOutput
from accounting.enums import HoldStatus
from accounting.representations import hold_body, transfer_body
from accounting.selectors import get_hold, holds
from accounting.services.holds import capture_hold, place_hold, release_hold
from common.api.filters import choice_filter, id_filter
from common.api.operation import operation
from common.ids import encode_id
from common.prefixes import ACCOUNT, HOLD
from tenants.api.view import Answer, Call, TenantView, path_id


class HoldsView(TenantView):
    """`/api/holds`."""

    @operation(
        "accounts:read",
        "List holds",
        answers={200: HoldOutput},
        filters=[id_filter("accountId", ACCOUNT), choice_filter("status", HoldStatus.values)],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Holds, newest first."""
        return call.listing(holds(tenant_id=call.tenant_id, condition=call.filters()), hold_body)

    @operation(
        "accounts:write",
        "Place a hold",
        answers={201: HoldOutput},
        body=HoldInput,
        refusals={
            422: [
                "insufficient_funds", "currency_mismatch", "account_suspended", "account_closed", "account_reserved",
                "amount_too_large",
            ]
        },
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """Reserve an amount of an account."""
        hold = place_hold(tenant_id=call.tenant_id, at=call.at, **call.data)
        return Answer(201, hold_body(hold), location=f"/api/holds/{encode_id(HOLD, hold.id)}")


class HoldView(TenantView):
    """`/api/holds/{id}`."""

    @operation("accounts:read", "Get a hold", answers={200: HoldOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One hold."""
        return Answer(200, hold_body(get_hold(tenant_id=call.tenant_id, hold_id=path_id(HOLD, id))))


class HoldCaptureView(TenantView):
    """`/api/holds/{id}/capture`."""

    @operation(
        "accounts:write",
        "Capture a hold",
        answers={200: CapturedHoldOutput},
        body=CaptureInput,
        refusals={
            409: ["hold_not_active"],
            422: [
                "amount_exceeds_hold", "insufficient_funds", "currency_mismatch", "account_suspended", "account_closed",
                "account_reserved",
            ],
        },
    )  # fmt: skip
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Move all of it, or a part, to an account; the rest is free again."""
        hold, transfer = capture_hold(tenant_id=call.tenant_id, hold_id=path_id(HOLD, id), at=call.at, **call.data)
        return Answer(200, {**hold_body(hold), "transfer": transfer_body(transfer)})


class HoldReleaseView(TenantView):
    """`/api/holds/{id}/release`."""

    @operation(
        "accounts:write",
        "Release a hold",
        answers={200: HoldOutput},
        refusals={409: ["hold_not_active"], 422: ["account_reserved"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Free all of it."""
        hold = release_hold(tenant_id=call.tenant_id, hold_id=path_id(HOLD, id), at=call.at)
        return Answer(200, hold_body(hold))
