"""The page of the journal: every entry with its lines, and what reverses it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from accounting.admin.showing import account_link, accounts_by_id, amount_of, kind_text
from accounting.enums import EntryKind
from accounting.models import JournalEntry, JournalLine, SealedEntry
from accounting.services.entries import reverse_entry
from common.prefixes import JOURNAL_ENTRY
from tenants.backoffice import display
from tenants.backoffice.access import access_of
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, Table, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject


def may_reverse(row: JournalEntry) -> bool:
    """Whether people may: what billing has posted is corrected by documents."""
    return row.kind in (EntryKind.MANUAL, EntryKind.TRANSFER)


@backoffice_page(JournalEntry)
class JournalPage(BackofficeAdmin):
    """What has been posted, entry by entry."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "menu_book"
    nav_order = 20
    title = "Journal"
    sortable_by = ()
    show_audit = False
    optional = ("text", "batch", "correction", "about")
    list_display = ("posted", "kind_shown", "about", "text", "lines_shown")
    search_fields = ("id",)
    search_help_text = "Id of an entry, or of the object that it is about, or your batch id"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "posted", "own_id", "kind_shown", "about", "text", "batch", "correction", "sealed_in", "fingerprint"
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id, source, batch id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is None:
            return queryset.filter(batch_id=term), False
        return queryset.filter(**{"id" if subject.type == "journalEntry" else "source_id": subject.id}), False

    def name_of(self, row: JournalEntry) -> str:
        """Which fact."""
        return kind_text(row.kind)

    def panels(self, request: HttpRequest, row: JournalEntry) -> Sequence[Panel]:
        """Its lines, and the entry that reverses it."""
        tenant_id = access_of(request).tenant_id
        lines = list(JournalLine.objects.filter(tenant_id=tenant_id, entry_id=row.id).order_by("position"))
        known = accounts_by_id(tenant_id, (line.account_id for line in lines))
        shown = [
            (
                account_link(known.get(line.account_id), line.account_id),
                amount_of(known.get(line.account_id), line.amount) if line.side == "debit" else "",
                amount_of(known.get(line.account_id), line.amount) if line.side == "credit" else "",
            )
            for line in lines
        ]
        reversing = JournalEntry.objects.filter(tenant_id=tenant_id, reverses_id=row.id).first()
        panels: list[Panel] = [Table("Lines", ("Account", "Debit", "Credit"), shown, numeric=(1, 2))]
        if reversing is not None:
            link = link_to(Subject("journalEntry", reversing.id), display.instant(reversing.created_at))
            panels.append(Table("Reversed by", ("Posted", "Why"), [(link, reversing.description or display.EMPTY)]))
        return panels

    @action_button(
        "Reverse", "accounts:write", reason="required", tone="danger", icon="undo", shown=may_reverse,
        confirm="An entry with the sides exchanged is posted. This one stays.",
    )  # fmt: skip
    def reverse(self, press: Press) -> Outcome:
        """`reverse_entry`."""
        reverse_entry(tenant_id=press.tenant_id, entry_id=press.object.id, reason=press.reason, at=press.at)
        return "The entry has been reversed."

    @column("Posted")
    def posted(self, row: JournalEntry) -> Any:
        """Business time."""
        return display.instant(row.created_at)

    @column("Id")
    def own_id(self, row: JournalEntry) -> Any:
        """As the API shows it."""
        return display.type_id(JOURNAL_ENTRY, row.id)

    @column("Fact")
    def kind_shown(self, row: JournalEntry) -> Any:
        """What happened."""
        return kind_text(row.kind)

    @column("About")
    def about(self, row: JournalEntry) -> Any:
        """The object that it is about."""
        if row.source_id is None or row.source_type is None:
            return display.EMPTY
        return link_to(Subject(row.source_type, row.source_id))

    @column("Text")
    def text(self, row: JournalEntry) -> Any:
        """What people wrote."""
        return row.description or display.EMPTY

    @column("Your batch id")
    def batch(self, row: JournalEntry) -> Any:
        """As the caller named it."""
        return display.code(row.batch_id) if row.batch_id else display.EMPTY

    @column("Reverses")
    def correction(self, row: JournalEntry) -> Any:
        """The entry that this one takes back."""
        return link_to(Subject("journalEntry", row.reverses_id)) if row.reverses_id else display.EMPTY

    @column("Lines")
    def lines_shown(self, row: JournalEntry) -> Any:
        """How many."""
        return row.line_count

    @column("Seal")
    def sealed_in(self, row: JournalEntry) -> Any:
        """The block that covers it."""
        leaf = SealedEntry.objects.filter(tenant_id=row.tenant_id, entry_id=row.id).select_related("seal").first()
        return f"Number {leaf.seal.number}, leaf {leaf.position}" if leaf else "Not sealed yet"

    @column("Digest")
    def fingerprint(self, row: JournalEntry) -> Any:
        """What the seal covers."""
        return display.code(bytes(row.digest).hex())
