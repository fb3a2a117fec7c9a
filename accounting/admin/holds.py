"""The page of holds."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounting.admin.forms import CaptureForm
from accounting.admin.showing import account_text, amount_of_row, amount_text, found_by_id
from accounting.enums import HoldStatus
from accounting.models import Hold
from accounting.selectors import with_exponents
from accounting.services.holds import capture_hold, release_hold
from common.prefixes import HOLD
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Press, action_button, backoffice_page, choice_filter, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.filters import among_newest
from tenants.backoffice.references import link_to
from tenants.backoffice.subjects import Subject

STATUS = choice_filter(
    "Status, among the newest 20,000", "status", HoldStatus.choices,
    lambda value: among_newest(Hold) & Q(status=value),
)  # fmt: skip


def is_active(row: Hold) -> bool:
    """Whether it still reserves anything."""
    return row.status == HoldStatus.ACTIVE


@backoffice_page(Hold)
class HoldPage(BackofficeAdmin):
    """Amounts that are reserved. Programs place them; people may end them."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "lock_clock"
    nav_order = 40
    sortable_by = ()
    optional = ("taken", "moved_by")
    list_display = ("amount_shown", "state", "on_account", "since", "until")
    list_filter = (STATUS,)
    list_filter_submit = True
    list_select_related = ("account",)
    search_fields = ("id",)
    search_help_text = "Id of a hold or of an account"
    fieldsets = (
        (
            None,
            {"fields": ("amount_shown", "own_id", "state", "on_account", "taken", "moved_by", "since", "until")},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the decimals of their units."""
        return with_exponents(super().get_queryset(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id, or by its account."""
        return found_by_id(queryset, search_term, account=("account_id",))

    def name_of(self, row: Hold) -> str:
        """How much."""
        return amount_text(row)

    @action_button(
        "Capture", "accounts:write", fields=CaptureForm, shown=is_active, icon="check",
        help="The amount moves to the other account; what is left of the hold is free again.",
    )  # fmt: skip
    def capture(self, press: Press) -> Outcome:
        """`capture_hold`."""
        capture_hold(
            tenant_id=press.tenant_id, hold_id=press.object.id, to_account_id=press.data["to_account"].id, at=press.at,
            amount=press.data["amount"],
        )  # fmt: skip
        return "The hold has been captured."

    @action_button(
        "Release", "accounts:write", reason="required", shown=is_active, icon="lock_open",
        confirm="The amount is free again.",
    )  # fmt: skip
    def release(self, press: Press) -> Outcome:
        """`release_hold`."""
        release_hold(tenant_id=press.tenant_id, hold_id=press.object.id, at=press.at)
        return "The hold has been released."

    @column("Amount")
    def amount_shown(self, row: Hold) -> Any:
        """As money."""
        return amount_of_row(row, row.amount)

    @column("Id")
    def own_id(self, row: Hold) -> Any:
        """As the API shows it."""
        return display.type_id(HOLD, row.id)

    @column("Status")
    def state(self, row: Hold) -> Any:
        """As a badge."""
        return display.badge(row.status)

    @column("Account")
    def on_account(self, row: Hold) -> Any:
        """Where it is held."""
        return link_to(Subject("account", row.account_id), account_text(row.account))

    @column("Captured")
    def taken(self, row: Hold) -> Any:
        """How much of it moved."""
        return display.EMPTY if row.captured is None else amount_of_row(row, row.captured)

    @column("Transfer")
    def moved_by(self, row: Hold) -> Any:
        """What moved it."""
        return link_to(Subject("transfer", row.transfer_id)) if row.transfer_id else display.EMPTY

    @column("Since")
    def since(self, row: Hold) -> Any:
        """When it was placed."""
        return display.instant(row.created_at)

    @column("Expires")
    def until(self, row: Hold) -> Any:
        """When it ends by itself."""
        return display.instant(row.expires_at)
