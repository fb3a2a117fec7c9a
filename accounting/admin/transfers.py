"""The page of transfers."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest

from accounting.admin.showing import amount_of_row, amount_text, found_by_id, name_of_account
from accounting.enums import TransferStatus
from accounting.models import Account, Transfer
from accounting.selectors import with_exponents
from accounting.services.transfers import void_transfer
from common.prefixes import TRANSFER
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Press, action_button, backoffice_page, choice_filter, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.filters import among_newest
from tenants.backoffice.references import link_to
from tenants.backoffice.subjects import Subject

STATUS = choice_filter(
    "Status, among the newest 20,000", "status", TransferStatus.choices,
    lambda value: among_newest(Transfer) & Q(status=value),
)  # fmt: skip


@backoffice_page(Transfer)
class TransferPage(BackofficeAdmin):
    """Amounts that moved from one account to another. A new one is made at the account that it leaves."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "swap_horiz"
    nav_order = 30
    sortable_by = ()
    optional = ("text", "key", "taken_back", "why")
    list_display = ("amount_shown", "state", "source", "target", "text", "posted")
    list_filter = (STATUS,)
    list_filter_submit = True
    list_select_related = ("entry",)
    search_fields = ("id",)
    search_help_text = "Id of a transfer or of an account"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "amount_shown", "own_id", "state", "source", "target", "text", "posted", "booked", "taken_back",
                    "why", "key",
                )
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what is shown of both accounts, in the same query."""
        account = {
            side: Account.objects.filter(tenant_id=OuterRef("tenant_id"), id=OuterRef(f"{side}_account_id"))
            for side in ("from", "to")
        }
        annotated: QuerySet[Any] = with_exponents(super().get_queryset(request)).annotate(
            **{f"{side}_code": Subquery(rows.values("code")) for side, rows in account.items()},
            **{f"{side}_owner": Subquery(rows.values("owner_type")) for side, rows in account.items()},
        )
        return annotated

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id, or by one of the two accounts."""
        return found_by_id(queryset, search_term, account=("from_account_id", "to_account_id"))

    def name_of(self, row: Transfer) -> str:
        """How much."""
        return amount_text(row)

    @action_button(
        "Void", "accounts:write", reason="required", tone="danger", icon="undo",
        shown=lambda row: row.status == TransferStatus.POSTED,
        confirm="The amount goes back; the account that got it must still have it.",
    )  # fmt: skip
    def void(self, press: Press) -> Outcome:
        """`void_transfer`."""
        void_transfer(tenant_id=press.tenant_id, transfer_id=press.object.id, reason=press.reason, at=press.at)
        return "The transfer is void."

    @column("Amount")
    def amount_shown(self, row: Any) -> Any:
        """As money."""
        return amount_of_row(row, row.amount)

    @column("Id")
    def own_id(self, row: Transfer) -> Any:
        """As the API shows it."""
        return display.type_id(TRANSFER, row.id)

    @column("Status")
    def state(self, row: Transfer) -> Any:
        """As a badge."""
        return display.badge(row.status)

    @column("From")
    def source(self, row: Transfer) -> Any:
        """The account that is debited."""
        return _side(row, "from")

    @column("To")
    def target(self, row: Transfer) -> Any:
        """The account that is credited."""
        return _side(row, "to")

    @column("Text")
    def text(self, row: Transfer) -> Any:
        """What people wrote."""
        return row.entry.description or display.EMPTY

    @column("Posted")
    def posted(self, row: Transfer) -> Any:
        """Business time."""
        return display.instant(row.created_at)

    @column("Entry")
    def booked(self, row: Transfer) -> Any:
        """In the journal."""
        return link_to(Subject("journalEntry", row.entry_id))

    @column("Voided by")
    def taken_back(self, row: Transfer) -> Any:
        """The reversing entry."""
        return link_to(Subject("journalEntry", row.void_entry_id)) if row.void_entry_id else display.EMPTY

    @column("Reason")
    def why(self, row: Transfer) -> Any:
        """Of the voiding."""
        return row.void_reason or display.EMPTY

    @column("Idempotency key")
    def key(self, row: Transfer) -> Any:
        """As the caller chose it."""
        return display.code(row.idempotency_key) if row.idempotency_key else display.EMPTY


def _side(row: Any, side: str) -> Any:
    """A link to one of the two accounts."""
    code, owner = getattr(row, f"{side}_code"), getattr(row, f"{side}_owner")
    return link_to(Subject("account", getattr(row, f"{side}_account_id")), name_of_account(code, owner, row.currency))
