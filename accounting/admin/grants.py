"""The page of grants: credit with a priority and an end, and what it was spent on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounting.admin.showing import SHOWN, account_text, amount_of_row, amount_text, found_by_id
from accounting.enums import GrantSource, GrantStatus
from accounting.models import Grant, GrantUse
from accounting.selectors import with_exponents
from accounting.services.grants import revoke_grant
from common.prefixes import GRANT
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
)
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.filters import among_newest
from tenants.backoffice.references import link_to
from tenants.backoffice.subjects import Subject

STATUS = choice_filter(
    "Status, among the newest 20,000", "status", GrantStatus.choices,
    lambda value: among_newest(Grant) & Q(status=value),
)  # fmt: skip


@backoffice_page(Grant)
class GrantPage(BackofficeAdmin):
    """Credit that was granted. A new one is granted at the account that gets it."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "redeem"
    nav_order = 35
    sortable_by = ()
    optional = ("until", "carried")
    list_display = ("amount_shown", "left", "state", "on_account", "origin", "rank", "since", "until")
    list_filter = (STATUS,)
    list_filter_submit = True
    list_select_related = ("account",)
    search_fields = ("id",)
    search_help_text = "Id of a grant or of an account"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "amount_shown", "left", "own_id", "state", "on_account", "origin", "rank", "since", "until",
                    "carried",
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
        """By id, or by its account."""
        return found_by_id(queryset, search_term, account=("account_id",))

    def name_of(self, row: Grant) -> str:
        """How much."""
        return amount_text(row)

    def panels(self, request: HttpRequest, row: Any) -> Sequence[Panel]:
        """What it was spent on, newest first."""
        uses = GrantUse.objects.filter(tenant_id=access_of(request).tenant_id, grant_id=row.id).select_related("entry")
        lines = [
            (
                link_to(Subject("journalEntry", use.entry_id), display.instant(use.entry.created_at)),
                use.entry.description or use.entry.kind, amount_of_row(row, use.amount),
            )
            for use in uses.order_by("-id")[:SHOWN]
        ]  # fmt: skip
        return [Table("Uses", ("Posted", "What", "Amount"), lines, numeric=(2,), empty="Nothing has been spent.")]

    @action_button(
        "Revoke", "accounts:write", reason="required", tone="danger", icon="undo",
        shown=lambda row: row.status in (GrantStatus.SCHEDULED, GrantStatus.ACTIVE),
        confirm="What is left of it is taken back.",
    )  # fmt: skip
    def revoke(self, press: Press) -> Outcome:
        """`revoke_grant`."""
        revoke_grant(tenant_id=press.tenant_id, grant_id=press.object.id, reason=press.reason, at=press.at)
        return "The grant has been revoked."

    @column("Amount")
    def amount_shown(self, row: Grant) -> Any:
        """As money."""
        return amount_of_row(row, row.amount)

    @column("Left")
    def left(self, row: Grant) -> Any:
        """What may still be spent of it."""
        return amount_of_row(row, row.remaining)

    @column("Id")
    def own_id(self, row: Grant) -> Any:
        """As the API shows it."""
        return display.type_id(GRANT, row.id)

    @column("Status")
    def state(self, row: Grant) -> Any:
        """As a badge."""
        return display.badge(row.status)

    @column("Account")
    def on_account(self, row: Grant) -> Any:
        """Where it is spent."""
        return link_to(Subject("account", row.account_id), account_text(row.account))

    @column("Source")
    def origin(self, row: Grant) -> Any:
        """Bought, given or included."""
        return GrantSource(row.source).label

    @column("Priority")
    def rank(self, row: Grant) -> Any:
        """Lower is spent first."""
        return row.priority

    @column("From")
    def since(self, row: Grant) -> Any:
        """When it begins."""
        return display.instant(row.effective_at)

    @column("Expires")
    def until(self, row: Grant) -> Any:
        """When it ends."""
        return display.instant(row.expires_at) if row.expires_at else display.EMPTY

    @column("Rolled over from")
    def carried(self, row: Grant) -> Any:
        """The grant whose rest it is."""
        return link_to(Subject("grant", row.rolled_from_id)) if row.rolled_from_id else display.EMPTY
