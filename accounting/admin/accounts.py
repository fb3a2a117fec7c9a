"""The page of accounts: what stands on each, what moved it, and what may be done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from accounting.admin.forms import GrantForm, NewAccountForm, OverdraftForm, TransferForm
from accounting.admin.showing import SHOWN, account_text, amount_of, digits_of
from accounting.admin.statement import COLUMNS, movement_rows, statement_path
from accounting.balances import balance_of
from accounting.enums import AccountStatus, AccountType, HoldStatus, OverdraftPolicy, OwnerType
from accounting.judging import TransferRequest
from accounting.models import Account, Hold
from accounting.selectors import with_exponents
from accounting.services.accounts import (
    activate_account,
    change_account,
    close_account,
    open_account,
    suspend_account,
)
from accounting.services.grants import make_grant
from accounting.services.transfers import make_transfer
from accounting.statements import Period, statement_of
from common.errors import InvalidRequest, Problem
from common.prefixes import ACCOUNT
from tenants.backoffice import display
from tenants.backoffice.access import access_of
from tenants.backoffice.api import (
    BackofficeAdmin,
    Panel,
    Press,
    Table,
    action_button,
    backoffice_page,
    choice_filter,
    column,
    text_filter,
)
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import amount_out
from tenants.backoffice.filters import among_newest
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject
from tenants.backoffice.timelines import panels_of

STATUS = choice_filter(
    "Status, among the newest 20,000", "status", AccountStatus.choices,
    lambda value: among_newest(Account) & Q(status=value),
)  # fmt: skip
OWNER = choice_filter(
    "Whose, among the newest 20,000", "owner_type", OwnerType.choices,
    lambda value: among_newest(Account) & Q(owner_type=value),
)  # fmt: skip
KIND = choice_filter(
    "Type, among the newest 20,000", "type", AccountType.choices,
    lambda value: among_newest(Account) & Q(type=value),
)  # fmt: skip
UNIT = text_filter(
    "Currency or unit, among the newest 20,000", "unit",
    lambda text: among_newest(Account) & Q(currency=text.upper()),
)  # fmt: skip


def may_change(row: Account) -> bool:
    """Whether people may do anything with it: not the books, and nothing that is closed."""
    return row.owner_type != OwnerType.SYSTEM and row.status != AccountStatus.CLOSED


def may_get_grants(row: Account) -> bool:
    """Whether credit can be granted on it: it must owe it, and must not be overdrawn."""
    wallet = row.type == AccountType.LIABILITY and row.overdraft_policy == OverdraftPolicy.NONE
    return may_change(row) and wallet and row.status == AccountStatus.ACTIVE


@backoffice_page(Account)
class AccountPage(BackofficeAdmin):
    """Everything that has a balance."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "account_balance_wallet"
    nav_order = 10
    sortable_by = ()
    optional = ("owner",)
    list_display = ("named", "kind", "whose", "unit", "standing", "state", "since")
    list_filter = (STATUS, OWNER, KIND, UNIT)
    list_filter_submit = True
    list_select_related = ("balance",)
    search_fields = ("id",)
    search_help_text = "Id of an account or of its owner, or code"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "named", "own_id", "kind", "whose", "owner", "posted", "held", "available", "overdraft", "state",
                    "since",
                )
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the decimals of their units."""
        return with_exponents(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id, owner, code."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is None:
            return queryset.filter(code=term), False
        return queryset.filter(**{"id" if subject.type == "account" else "owner_id": subject.id}), False

    def name_of(self, row: Account) -> str:
        """Its code, or whose it is."""
        return account_text(row)

    def panels(self, request: HttpRequest, row: Account) -> Sequence[Panel]:
        """The newest movements, and what is held."""
        access = access_of(request)
        held = Hold.objects.filter(tenant_id=access.tenant_id, account_id=row.id, status=HoldStatus.ACTIVE)
        return [
            self._movements(access.tenant_id, row),
            *_holds_panel(row, list(held.order_by("-id")[:SHOWN])),
            *panels_of(access, Subject("account", row.id)),
        ]

    def _movements(self, tenant_id: Any, row: Account) -> Panel:
        page = statement_of(tenant_id=tenant_id, account_id=row.id, period=Period(), limit=SHOWN)
        more = ("Statement", statement_path(row.id)) if page.movements else None
        return Table(
            "Movements", COLUMNS, movement_rows(row, page.movements), numeric=(3, 4, 5), note="Newest first", more=more,
            empty="Nothing has been posted.",
        )  # fmt: skip

    @action_button("New account", "accounts:write", on="list", fields=NewAccountForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`open_account`."""
        data = press.data
        made = open_account(
            tenant_id=press.tenant_id, currency=data["unit"], at=press.at, type=data["type"], code=data["code"] or None,
            overdraft=data["overdraft"], metadata=data["metadata"],
        )  # fmt: skip
        return f"{account_text(made)} has been opened."

    @action_button("Transfer", "accounts:write", fields=TransferForm, shown=may_change, icon="swap_horiz",
                   help="The amount is debited here and credited there.")  # fmt: skip
    def transfer(self, press: Press) -> Outcome:
        """`make_transfer`."""
        data = press.data
        make_transfer(
            tenant_id=press.tenant_id, at=press.at,
            request=TransferRequest(
                press.object.id, data["to_account"].id, amount=data["amount"], currency=press.object.currency,
                description=data["description"] or None,
            ),
        )  # fmt: skip
        return "The transfer has been posted."

    @action_button(
        "Grant credit", "accounts:write", fields=GrantForm, shown=may_get_grants, icon="redeem",
        help="Credit that is spent before other money of the account, until it expires.",
    )  # fmt: skip
    def grant(self, press: Press) -> Outcome:
        """`make_grant`."""
        data = press.data
        if data["expires_at"] is not None and data["expires_at"] <= press.at:
            raise InvalidRequest([Problem("expiresAt", "invalid", "This must be later than now.")])
        make_grant(
            tenant_id=press.tenant_id, account_id=press.object.id, amount=data["amount"],
            currency=press.object.currency, at=press.at, source=data["source"], priority=data["priority"],
            expires_at=data["expires_at"],
        )  # fmt: skip
        return "The credit has been granted."

    def values(self, request: HttpRequest, row: Account) -> Mapping[str, Any]:
        """What the form of the overdraft begins with."""
        limit = amount_out(row.overdraft_limit, row.currency, digits=digits_of(row))
        return {"policy": row.overdraft_policy, "limit": limit}

    @action_button(
        "Overdraft", "accounts:write", fields=OverdraftForm, initial=values, shown=may_change, reason="required",
        icon="trending_down",
    )  # fmt: skip
    def change_overdraft(self, press: Press) -> Outcome:
        """`change_account`."""
        change_account(
            tenant_id=press.tenant_id, account_id=press.object.id, at=press.at, overdraft=press.data["overdraft"]
        )
        return "The overdraft has been changed."

    @action_button(
        "Suspend", "accounts:write", reason="required", icon="pause",
        shown=lambda row: may_change(row) and row.status == AccountStatus.ACTIVE,
        confirm="Nothing is posted to it or held on it until it is activated again.",
    )  # fmt: skip
    def suspend(self, press: Press) -> Outcome:
        """`suspend_account`."""
        suspend_account(tenant_id=press.tenant_id, account_id=press.object.id, reason=press.reason, at=press.at)
        return "The account is suspended."

    @action_button(
        "Activate", "accounts:write", reason="required", icon="play_arrow",
        shown=lambda row: may_change(row) and row.status == AccountStatus.SUSPENDED,
        confirm="It takes part again.",
    )  # fmt: skip
    def activate(self, press: Press) -> Outcome:
        """`activate_account`."""
        activate_account(tenant_id=press.tenant_id, account_id=press.object.id, reason=press.reason, at=press.at)
        return "The account is active."

    @action_button(
        "Close", "accounts:write", reason="required", icon="block", tone="danger", shown=may_change,
        confirm="A closed account is never opened again. It must be empty.",
    )  # fmt: skip
    def close(self, press: Press) -> Outcome:
        """`close_account`."""
        close_account(tenant_id=press.tenant_id, account_id=press.object.id, reason=press.reason, at=press.at)
        return "The account is closed."

    @column("Account")
    def named(self, row: Account) -> Any:
        """Code, or whose it is."""
        return account_text(row)

    @column("Id")
    def own_id(self, row: Account) -> Any:
        """As the API shows it."""
        return display.type_id(ACCOUNT, row.id)

    @column("Type")
    def kind(self, row: Account) -> Any:
        """One of the five."""
        return AccountType(row.type).label

    @column("Whose")
    def whose(self, row: Account) -> Any:
        """Customer, tenant, or the books."""
        return {"system": "The books", "tenant": "Tenant"}.get(row.owner_type, OwnerType(row.owner_type).label)

    @column("Owner")
    def owner(self, row: Account) -> Any:
        """The customer."""
        if row.owner_id is None or row.owner_type != OwnerType.CUSTOMER:
            return display.EMPTY
        return link_to(Subject("customer", row.owner_id))

    @column("Unit")
    def unit(self, row: Account) -> Any:
        """What is counted."""
        return row.currency

    @column("Balance")
    def standing(self, row: Account) -> Any:
        """In the list: what stands on accounts that keep a balance; the books are summed on their own page."""
        balance = getattr(row, "balance", None)
        return amount_of(row, balance.posted) if balance else format_html('<span class="bo-subtle">{}</span>', "summed")

    @column("Posted")
    def posted(self, row: Account) -> Any:
        """Now."""
        return amount_of(row, balance_of(tenant_id=row.tenant_id, account_id=row.id).posted)

    @column("Held")
    def held(self, row: Account) -> Any:
        """Reserved by holds."""
        return amount_of(row, balance_of(tenant_id=row.tenant_id, account_id=row.id).held)

    @column("Available")
    def available(self, row: Account) -> Any:
        """What may be spent, with the overdraft."""
        amount = balance_of(tenant_id=row.tenant_id, account_id=row.id).available
        return "Without a bound" if amount is None else amount_of(row, amount)

    @column("Overdraft")
    def overdraft(self, row: Account) -> Any:
        """How far it may fall."""
        if row.overdraft_policy == OverdraftPolicy.LIMIT:
            return amount_of(row, row.overdraft_limit)
        return "Without a bound" if row.overdraft_policy == OverdraftPolicy.UNLIMITED else "Not allowed"

    @column("Status")
    def state(self, row: Account) -> Any:
        """As a badge."""
        return display.badge(row.status)

    @column("Since")
    def since(self, row: Account) -> Any:
        """When it was opened."""
        return display.instant(row.created_at)


def _holds_panel(account: Account, rows: Sequence[Hold]) -> list[Panel]:
    if not rows:
        return []
    lines = [
        (
            link_to(Subject("hold", row.id), display.instant(row.created_at)), display.instant(row.expires_at),
            amount_of(account, row.amount),
        )
        for row in rows
    ]  # fmt: skip
    return [Table("Active holds", ("Since", "Expires", "Amount"), lines, numeric=(2,))]
