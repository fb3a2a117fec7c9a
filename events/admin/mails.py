"""The page of the mail queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html

from common.clock import SystemClock
from events.admin.wording import short
from events.enums import MailStatus
from events.models import Mail
from events.services.mail import retry_mail
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, action_button, backoffice_page, column
from tenants.backoffice.filters import Word, among_newest, choice_filter
from tenants.backoffice.panels import Block
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject

IN_QUEUE = (MailStatus.QUEUED.value, MailStatus.SENDING.value)
STATUS = choice_filter(
    "Status", "status", [("failed", "Failed"), ("open", "Queued"), ("sent", "Sent")],
    lambda value: Q(status__in=IN_QUEUE) if value == "open" else Q(status=Word(value)),
)  # fmt: skip


@backoffice_page(Mail)
class MailAdmin(BackofficeAdmin):
    """The mail queue."""

    area = "invoices"
    nav_group = "Callbacks and mail"
    title = "Mail queue"
    nav_icon = "mail"
    nav_order = 30
    show_audit = False
    sortable_by = ()
    optional = ("next_try", "sent", "error", "files", "about")
    list_display = ("subject_line", "to", "state", "tried", "error", "queued")
    list_filter = (STATUS,)
    list_filter_submit = True
    search_fields = ("id",)
    search_help_text = "Id of a mail or an invoice, or e-mail address"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "subject_line", "to", "sent_from", "state", "about", "tried", "next_try", "sent", "error", "files",
                    "message",
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By id, by the object it is about, by address."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is not None:
            return queryset.filter(id=subject.id) if subject.type == "mail" else queryset.filter(
                object_id=subject.id
            ), False
        return queryset.filter(among_newest(Mail), recipients__icontains=term), False

    def name_of(self, row: Mail) -> str:
        """Its subject."""
        return row.subject if row.subject is not None else "Erased"

    def panels(self, request: HttpRequest, row: Mail) -> Sequence[Panel]:
        """What it says, as text: HTML that others may have shaped is not shown here."""
        if row.text is None:
            return [Block("Content", "Erased.")]
        return [Block("Content", format_html('<pre class="bo-text">{}</pre>', row.text))]

    @action_button(
        "Send again", "invoices:write", reason="optional", icon="forward_to_inbox",
        confirm="The mail is queued once more, for the same recipients.",
        shown=lambda row: row.status == MailStatus.FAILED and row.recipients is not None,
    )  # fmt: skip
    def retry(self, press: Press) -> str:
        """`retry_mail`."""
        retry_mail(tenant_id=press.tenant_id, mail_id=press.object.id, now=SystemClock().now())
        return "The mail is queued again."

    @column("Subject")
    def subject_line(self, row: Mail) -> Any:
        """Erased with the content."""
        return row.subject if row.subject is not None else "Erased"

    @column("To")
    def to(self, row: Mail) -> Any:
        """The recipients."""
        return ", ".join(row.recipients or []) or display.EMPTY

    @column("From")
    def sent_from(self, row: Mail) -> Any:
        """Empty means: as the settings say when it leaves."""
        return row.sender or "As the settings say when it is sent"

    @column("Status")
    def state(self, row: Mail) -> Any:
        """As a badge."""
        return display.badge(row.status)

    @column("About")
    def about(self, row: Mail) -> Any:
        """The object it is about."""
        return link_to(Subject(row.object_type, row.object_id)) if row.object_id else display.EMPTY

    @column("Attempts")
    def tried(self, row: Mail) -> Any:
        """How many."""
        return row.attempts

    @column("Next attempt")
    def next_try(self, row: Mail) -> Any:
        """When it is due."""
        return display.instant(row.next_attempt_at)

    @column("Queued")
    def queued(self, row: Mail) -> Any:
        """When it was written."""
        return display.instant(row.created_at)

    @column("Sent")
    def sent(self, row: Mail) -> Any:
        """When the server took it."""
        return display.instant(row.sent_at)

    @column("Last error")
    def error(self, row: Mail) -> Any:
        """What the server said."""
        return short(row.last_error)

    @column("Attachments")
    def files(self, row: Mail) -> Any:
        """What is attached, by kind."""
        named = [str(one.get("kind", "")).replace("_", " ") for one in row.attachments]
        return ", ".join(named) or display.EMPTY

    @column("Message-Id")
    def message(self, row: Mail) -> Any:
        """The same on every attempt."""
        return display.code(row.message_id)
