"""Views of grants and of the credit of customers."""

from __future__ import annotations

from accounting.api.serializers.transfers import TransferOutput
from accounting.enums import GrantStatus
from accounting.granting import Rollover
from accounting.representations import grant_body, transfer_body
from accounting.selectors import grants
from accounting.services.grants import revoke_grant
from accounting.services.settling_grants import settle_before_reading
from billing.api.credit import CreditInput, GrantInput, GrantOutput
from billing.services.credit import credit_customer, grant_credit
from common.api.filters import choice_filter, id_filter
from common.api.operation import operation
from common.api.reasons import ReasonInput
from common.ids import encode_id
from common.prefixes import ACCOUNT, CUSTOMER, GRANT, TRANSFER
from tenants.api.view import Answer, Call, TenantView, path_id


class GrantsView(TenantView):
    """`/api/grants`."""

    @operation(
        "accounts:read",
        "List grants",
        answers={200: GrantOutput},
        filters=[
            id_filter("customerId", CUSTOMER, "account__owner_id"), id_filter("accountId", ACCOUNT),
            choice_filter("status", GrantStatus.values),
        ],
        paged=True,
    )  # fmt: skip
    def get(self, call: Call) -> Answer:
        """Grants, newest first."""
        settle_before_reading(tenant_id=call.tenant_id, at=call.at)
        return call.listing(grants(tenant_id=call.tenant_id, condition=call.filters()), grant_body)

    @operation(
        "accounts:write",
        "Grant credit",
        answers={201: GrantOutput},
        body=GrantInput,
        refusals={
            409: ["customer_erased"],
            422: [
                "unknown_unit", "currency_mismatch", "account_suspended", "account_closed", "account_reserved",
                "account_not_a_wallet", "amount_too_large",
            ],
        },
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """Credit with a priority and, if wanted, an end."""
        rollover = call.data.get("rollover")
        data = call.data if rollover is None else {**call.data, "rollover": Rollover(**rollover)}
        grant = grant_credit(tenant_id=call.tenant_id, at=call.at, **data)
        account = encode_id(ACCOUNT, grant.account_id)
        return Answer(201, grant_body(grant), location=f"/api/grants?accountId={account}")


class GrantRevokeView(TenantView):
    """`/api/grants/{id}/revoke`."""

    @operation(
        "accounts:write",
        "Revoke a grant",
        answers={200: GrantOutput},
        body=ReasonInput,
        refusals={409: ["grant_not_active"], 422: ["insufficient_funds", "account_suspended"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Take back what is left; again, nothing changes."""
        grant = revoke_grant(
            tenant_id=call.tenant_id, grant_id=path_id(GRANT, id), reason=call.data["reason"], at=call.at
        )
        return Answer(200, grant_body(grant))


class CustomerCreditView(TenantView):
    """`/api/customers/{id}/credit`."""

    @operation(
        "accounts:write",
        "Credit a customer",
        answers={201: TransferOutput},
        body=CreditInput,
        refusals={
            409: ["customer_erased"],
            422: ["insufficient_funds", "unknown_unit", "account_suspended", "amount_too_large"],
        },
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Put credit on the balance of a customer, or take it back with a negative amount."""
        transfer = credit_customer(
            tenant_id=call.tenant_id, customer_id=path_id(CUSTOMER, id), at=call.at, **call.data
        )  # fmt: skip
        return Answer(201, transfer_body(transfer), location=f"/api/transfers/{encode_id(TRANSFER, transfer.id)}")
