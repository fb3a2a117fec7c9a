"""Views of accounts and units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounting.api.fields import unit_filter
from accounting.api.serializers.accounts import (
    AccountChange,
    AccountInput,
    AccountOutput,
    NewAccountOutput,
    UnitInput,
    UnitOutput,
)
from accounting.enums import AccountStatus, AccountType
from accounting.models import Account
from accounting.representations import account_body, unit_body
from accounting.selectors import accounts, get_account, units
from accounting.services.accounts import (
    Overdraft,
    activate_account,
    change_account,
    close_account,
    open_account,
    suspend_account,
)
from accounting.services.units import create_unit
from common.api.filters import choice_filter, id_filter
from common.api.operation import operation
from common.api.reasons import ReasonInput
from common.ids import encode_id
from common.prefixes import ACCOUNT, CUSTOMER
from tenants.api.view import Answer, Call, TenantView, path_id


class AccountsView(TenantView):
    """`/api/accounts`."""

    @operation(
        "accounts:read",
        "List accounts",
        answers={200: AccountOutput},
        filters=[
            unit_filter(), choice_filter("status", AccountStatus.values), id_filter("ownerId", CUSTOMER),
            choice_filter("type", AccountType.values),
        ],
        paged=True,
    )  # fmt: skip
    def get(self, call: Call) -> Answer:
        """Accounts, newest first."""
        return call.listing(accounts(tenant_id=call.tenant_id, condition=call.filters()), account_body)

    @operation(
        "accounts:write",
        "Open an account",
        answers={201: NewAccountOutput},
        body=AccountInput,
        refusals={409: ["already_exists"], 422: ["unknown_unit", "account_reserved"]},
    )
    def post(self, call: Call) -> Answer:
        """A new account."""
        account = open_account(tenant_id=call.tenant_id, at=call.at, **_with_overdraft(call.data))
        identity = encode_id(ACCOUNT, account.id)
        return Answer(201, {**account_body(account), "accountId": identity}, location=f"/api/accounts/{identity}")


class AccountView(TenantView):
    """`/api/accounts/{id}`."""

    @operation("accounts:read", "Get an account", answers={200: AccountOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One account."""
        return Answer(200, account_body(get_account(tenant_id=call.tenant_id, account_id=path_id(ACCOUNT, id))))

    @operation(
        "accounts:write",
        "Update an account",
        answers={200: AccountOutput},
        body=AccountChange,
        partial=True,
        refusals={409: ["account_closed", "account_bounded"], 422: ["insufficient_funds", "account_reserved"]},
    )
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given."""
        account = change_account(
            tenant_id=call.tenant_id, account_id=path_id(ACCOUNT, id), at=call.at, **_with_overdraft(call.data)
        )
        return Answer(200, account_body(account))


class AccountSuspendView(TenantView):
    """`/api/accounts/{id}/suspend`."""

    @operation(
        "accounts:write",
        "Suspend an account",
        answers={200: AccountOutput},
        body=ReasonInput,
        refusals={409: ["account_closed"], 422: ["account_reserved"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Nobody posts to it any more, until it is activated."""
        return _act(suspend_account, call, id)


class AccountActivateView(TenantView):
    """`/api/accounts/{id}/activate`."""

    @operation(
        "accounts:write",
        "Activate an account",
        answers={200: AccountOutput},
        body=ReasonInput,
        refusals={409: ["account_closed"], 422: ["account_reserved"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """A suspended account takes part again."""
        return _act(activate_account, call, id)


class AccountCloseView(TenantView):
    """`/api/accounts/{id}/close`."""

    @operation(
        "accounts:write",
        "Close an account",
        answers={200: AccountOutput},
        body=ReasonInput,
        refusals={409: ["account_closed", "account_not_empty"], 422: ["account_reserved"]},
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """End it for ever; it must be empty."""
        return _act(close_account, call, id)


class UnitsView(TenantView):
    """`/api/units`."""

    @operation("accounts:read", "List units", answers={200: UnitOutput}, paged=True)
    def get(self, call: Call) -> Answer:
        """The tenant's own units, newest first."""
        return call.listing(units(tenant_id=call.tenant_id), unit_body)

    @operation(
        "accounts:write",
        "Create a unit",
        answers={201: UnitOutput},
        body=UnitInput,
        refusals={409: ["already_exists"]},
    )
    def post(self, call: Call) -> Answer:
        """A new unit, such as CREDITS."""
        unit = create_unit(tenant_id=call.tenant_id, at=call.at, **call.data)
        return Answer(201, unit_body(unit), location="/api/units")


def _with_overdraft(data: dict[str, Any]) -> dict[str, Any]:
    given = data.get("overdraft")
    return data if given is None else {**data, "overdraft": Overdraft(given["policy"], given.get("limit"))}


def _act(service: Callable[..., Account], call: Call, identity: str) -> Answer:
    account = service(
        tenant_id=call.tenant_id, account_id=path_id(ACCOUNT, identity), reason=call.data["reason"], at=call.at
    )
    return Answer(200, account_body(account))
