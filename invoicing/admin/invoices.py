"""The page of invoices: the list, the document with its lines and totals, and the buttons of its life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html

from billing.admin.customers import pairs_of, postal_lines
from common.clock import SystemClock
from common.ids import encode_id
from common.prefixes import INVOICE
from events.admin.wording import short
from events.enums import MailStatus
from events.models import Mail
from invoicing.admin.finding import FILTERS, ISSUED_FROM, ISSUED_UNTIL, search_condition
from invoicing.admin.forms import (
    DraftForm,
    MetadataForm,
    NewDraftForm,
    PaymentForm,
    SendForm,
    draft_changes,
    draft_request,
    draft_values,
    payment_values,
)
from invoicing.admin.line_panels import day_of
from invoicing.admin.lines import EDITED_HERE
from invoicing.admin.panels import invoice_panels
from invoicing.enums import EmailStatus, InvoiceCommand, InvoiceStatus
from invoicing.errors import DocumentErased, InvoiceNotFinalised
from invoicing.models import Invoice
from invoicing.selectors import credit_used_on, items_of, lock_invoice
from invoicing.services.documents import invoice_document
from invoicing.services.drafts import delete_draft, update_invoice
from invoicing.services.issuing import create_invoice, finalise_invoice
from invoicing.services.mailing import send_invoice
from invoicing.services.settling import mark_paid, mark_uncollectible, void_invoice
from invoicing.transitions import INVOICE as LIFE
from tenants.backoffice import display
from tenants.backoffice.access import access_of
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, action_button, backoffice_page, column
from tenants.backoffice.buttons import ChangedMeanwhile, Outcome
from tenants.backoffice.fields import metadata_change
from tenants.backoffice.references import link_to
from tenants.backoffice.subjects import Subject


def is_draft(row: Invoice) -> bool:
    """Whether everything of it may still change."""
    return row.status == InvoiceStatus.DRAFT


def is_edited_here(row: Invoice) -> bool:
    """A draft whose lines fit on a page."""
    return is_draft(row) and row.item_count <= EDITED_HERE


def may(command: InvoiceCommand) -> Any:
    """Whether the state of an invoice allows a command."""
    return lambda row: command in LIFE.allowed(InvoiceStatus(row.status))


def may_be_voided(row: Invoice) -> bool:
    """Money that has been paid is refunded instead; credit goes back."""
    return InvoiceCommand.VOID in LIFE.allowed(InvoiceStatus(row.status)) and row.amount_paid == credit_used_on(row)


@backoffice_page(Invoice)
class InvoicePage(BackofficeAdmin):
    """What the tenant's customers owe and have paid."""

    area = "invoices"
    nav_group = "Billing"
    nav_icon = "receipt_long"
    nav_order = 10
    show_audit = False
    sortable_by = ()
    optional = ("money_due", "issued", "due", "paid", "voided", "service_period", "mail_state", "note", "pairs")
    list_display = ("number_shown", "buyer_shown", "state", "money_total", "money_due", "issued", "due", "mail_state")
    list_filter = FILTERS
    list_filter_submit = True
    list_select_related = ("buyer",)
    search_fields = ("id",)
    search_help_text = "Number, id, or customer"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "number_shown", "state", "buyer_link", "addressee", "money_total", "money_due", "issued", "due",
                    "paid", "voided", "service_period", "mail_state", "note", "own_id", "pairs",
                )
            },
        ),
    )  # fmt: skip

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        """Newest first; by issue date where days are asked for, which the same index answers."""
        by_day = request.GET.get(ISSUED_FROM) or request.GET.get(ISSUED_UNTIL)
        return ("-issued_at", "-id") if by_day else ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By number, id, customer."""
        term = search_term.strip()
        return (queryset.filter(search_condition(access_of(request).tenant_id, term)) if term else queryset), False

    def name_of(self, row: Invoice) -> str:
        """Its number."""
        return row.invoice_number or "Draft"

    def get_urls(self) -> list[URLPattern]:
        """The document as a file, besides."""
        view = self.admin_site.admin_view(self.document_view)
        return [path("<uuid:object_id>/document.pdf", view, name="invoicing_invoice_document"), *super().get_urls()]

    def document_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The PDF, to be kept."""
        access = access_of(request)
        if self.get_object(request, str(object_id)) is None or not self.has_view_permission(request):
            raise Http404
        try:
            found = invoice_document(context=access.context, invoice_id=object_id, now=SystemClock().now())
        except (InvoiceNotFinalised, DocumentErased) as none:
            raise Http404 from none
        response = HttpResponse(found.content, content_type="application/pdf")
        response.headers["Content-Disposition"] = f'attachment; filename="{found.filename}"'
        response.headers["ETag"] = found.etag
        return response

    def panels(self, request: HttpRequest, row: Invoice) -> Sequence[Panel]:
        """What it consists of, and everything that happened."""
        return invoice_panels(access_of(request), row)

    # Drafts

    def new_values(self, request: HttpRequest, row: Any) -> Mapping[str, Any]:
        """From the page of a customer, that customer."""
        settings = access_of(request).settings
        return {"customer": request.GET.get("customer", ""), "currency": settings.default_currency}

    @action_button(
        "New draft", "invoices:write", on="list", fields=NewDraftForm, initial=new_values, tone="primary", icon="add"
    )
    def create(self, press: Press) -> Outcome:
        """`create_invoice`, as a draft."""
        made = create_invoice(
            tenant_id=press.tenant_id, customer=press.data["customer"], settings=press.access.settings,
            request=draft_request(press.data), at=press.at, draft=True, trace_id=press.context.trace_id,
        )  # fmt: skip
        messages.success(press.request, "The draft has been created.")
        return HttpResponseRedirect(self.object_path(made.id))

    def draft_values(self, request: HttpRequest, row: Invoice) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return draft_values(row, items_of(row))

    @action_button(
        "Edit draft", "invoices:write", fields=DraftForm, initial=draft_values, shown=is_edited_here, icon="edit"
    )
    def edit(self, press: Press) -> Outcome:
        """`update_invoice`."""
        row = lock_invoice(tenant_id=press.tenant_id, invoice_id=press.object.id)
        if press.data["seen"] != row.updated_at.isoformat():
            raise ChangedMeanwhile()
        update_invoice(
            tenant_id=press.tenant_id, invoice_id=row.id, changes=draft_changes(press.data),
            settings=press.access.settings, at=press.at,
        )  # fmt: skip
        return "The draft has been changed."

    @action_button(
        "Finalise", "invoices:write", shown=is_draft, tone="primary", icon="check_circle",
        confirm="It gets its number and today's date. From then on nothing of it can be changed.",
    )  # fmt: skip
    def finalise(self, press: Press) -> Outcome:
        """`finalise_invoice`."""
        row = finalise_invoice(
            tenant_id=press.tenant_id, invoice_id=press.object.id, settings=press.access.settings, at=press.at,
            trace_id=press.context.trace_id,
        )  # fmt: skip
        return f"{row.invoice_number} has been issued."

    @action_button(
        "Delete draft", "invoices:write", shown=is_draft, tone="danger", icon="delete", reason="optional",
        confirm="The draft is gone for good. It had no number yet.",
    )  # fmt: skip
    def remove(self, press: Press) -> Outcome:
        """`delete_draft`."""
        delete_draft(tenant_id=press.tenant_id, invoice_id=press.object.id)
        messages.success(press.request, "The draft has been deleted.")
        return HttpResponseRedirect(self.list_path())

    # What is issued

    def payment_values(self, request: HttpRequest, row: Invoice) -> Mapping[str, Any]:
        """All that is due, today."""
        return payment_values(row, access_of(request))

    @action_button(
        "Mark paid", "invoices:write", fields=PaymentForm, initial=payment_values, icon="payments", tone="primary",
        shown=may(InvoiceCommand.SETTLE),
    )  # fmt: skip
    def pay(self, press: Press) -> Outcome:
        """`mark_paid`."""
        row, payment = mark_paid(
            tenant_id=press.tenant_id, invoice_id=press.object.id, method=press.data["method"],
            reference=press.data["reference"], paid_at=press.data["paid_at"], amount=press.data["amount"], at=press.at,
            trace_id=press.context.trace_id,
        )  # fmt: skip
        paid = display.money_text(payment.amount, payment.currency)
        if row.amount_due:
            return f"{paid} recorded. {display.money_text(row.amount_due, row.currency)} is still due."
        return f"{paid} recorded. The invoice is paid."

    @action_button(
        "Void", "invoices:write", reason="required", tone="danger", icon="block", shown=may_be_voided,
        confirm="The invoice is declared void and keeps its number. Nothing is due any more; used credit goes back.",
    )  # fmt: skip
    def void(self, press: Press) -> Outcome:
        """`void_invoice`."""
        row = void_invoice(
            tenant_id=press.tenant_id, invoice_id=press.object.id, reason=press.reason, at=press.at,
            trace_id=press.context.trace_id,
        )  # fmt: skip
        return f"{row.invoice_number} is void."

    @action_button(
        "Write off", "invoices:write", reason="required", tone="danger", icon="money_off",
        shown=may(InvoiceCommand.WRITE_OFF),
        confirm="The invoice is marked uncollectible. Money that comes late still settles it.",
    )  # fmt: skip
    def write_off(self, press: Press) -> Outcome:
        """`mark_uncollectible`."""
        row = mark_uncollectible(
            tenant_id=press.tenant_id, invoice_id=press.object.id, reason=press.reason, at=press.at,
            trace_id=press.context.trace_id,
        )  # fmt: skip
        return f"{row.invoice_number} is marked uncollectible."

    def send_values(self, request: HttpRequest, row: Invoice) -> Mapping[str, Any]:
        """The buyer's own address."""
        return {"email": row.buyer.email or ""}

    @action_button(
        "Send", "invoices:write", fields=SendForm, initial=send_values, icon="mail",
        shown=lambda row: not is_draft(row) and row.buyer.salt is not None,
        confirm="The invoice is mailed with its PDF. Each time is one more e-mail.",
    )  # fmt: skip
    def send(self, press: Press) -> Outcome:
        """`send_invoice`."""
        send_invoice(
            tenant_id=press.tenant_id, invoice_id=press.object.id, email=press.data["email"], at=press.at,
            now=SystemClock().now(),
        )  # fmt: skip
        return f"The e-mail to {press.data['email']} is queued."

    def metadata_values(self, request: HttpRequest, row: Invoice) -> Mapping[str, Any]:
        """The pairs there are."""
        return {"metadata": row.metadata}

    @action_button(
        "Metadata", "invoices:write", fields=MetadataForm, initial=metadata_values, icon="data_object", versioned=True
    )
    def annotate(self, press: Press) -> Outcome:
        """`update_invoice`, metadata only."""
        changes = {"metadata": metadata_change(press.object.metadata, press.data["metadata"])}
        update_invoice(
            tenant_id=press.tenant_id, invoice_id=press.object.id, changes=changes, settings=press.access.settings,
            at=press.at,
        )  # fmt: skip
        return "The metadata have been changed."

    # Columns and fields

    @column("Number")
    def number_shown(self, row: Invoice) -> Any:
        """A draft has none."""
        return row.invoice_number or format_html('<span class="bo-subtle">{}</span>', "Draft")

    @column("Customer")
    def buyer_shown(self, row: Invoice) -> Any:
        """As the document names them."""
        buyer = row.buyer
        if buyer.salt is None and buyer.name is None and buyer.user_id is None:
            return format_html('<span class="bo-subtle">{}</span>', "Erased")
        return buyer.name or buyer.user_id or buyer.email or display.EMPTY

    @column("Customer")
    def buyer_link(self, row: Invoice) -> Any:
        """With the way to their page."""
        return link_to(Subject("customer", row.customer_id), self.buyer_shown(row))

    @column("Addressed to")
    def addressee(self, row: Invoice) -> Any:
        """As it stood when the invoice was issued."""
        buyer = row.buyer
        if buyer.name is None and buyer.address is None and buyer.email is None:
            return display.EMPTY
        address = format_html("{}<br>", postal_lines(buyer.address)) if buyer.address else ""
        return format_html(
            '{}<br>{}<span class="bo-subtle">{}</span>', buyer.name or display.EMPTY, address,
            buyer.email or "No e-mail address",
        )  # fmt: skip

    @column("Status")
    def state(self, row: Invoice) -> Any:
        """As a badge."""
        return display.badge(row.status)

    @column("Total")
    def money_total(self, row: Invoice) -> Any:
        """As money."""
        return display.money(row.total, row.currency)

    @column("Open")
    def money_due(self, row: Invoice) -> Any:
        """What is still to be paid."""
        open_amount = row.amount_due if InvoiceCommand.SETTLE in LIFE.allowed(InvoiceStatus(row.status)) else 0
        return display.money(open_amount, row.currency) if open_amount else display.EMPTY

    @column("Issued")
    def issued(self, row: Invoice) -> Any:
        """When it got its number."""
        return display.instant(row.issued_at)

    @column("Due")
    def due(self, row: Invoice) -> Any:
        """Payable through this day."""
        return day_of(row.due_date)

    @column("Paid")
    def paid(self, row: Invoice) -> Any:
        """When the last of it came."""
        return display.instant(row.paid_at)

    @column("Voided")
    def voided(self, row: Invoice) -> Any:
        """When and why."""
        if row.voided_at is None:
            return display.EMPTY
        return format_html("{}: {}", display.instant(row.voided_at), row.void_reason or "")

    @column("Service period")
    def service_period(self, row: Invoice) -> Any:
        """From and until."""
        if row.period_start is None or row.period_end is None:
            return display.EMPTY
        return format_html("{} – {}", day_of(row.period_start), day_of(row.period_end))

    @column("E-mail")
    def mail_state(self, row: Invoice) -> Any:
        """What became of its e-mail; on its page also why it failed."""
        shown = display.EMPTY if row.email_status == EmailStatus.NONE else display.badge(row.email_status)
        reason = getattr(row, "mail_reason", "")
        return format_html("{} {}", shown, reason) if reason else shown

    @column("Notes")
    def note(self, row: Invoice) -> Any:
        """On the document."""
        return row.buyer.notes or display.EMPTY

    @column("Id")
    def own_id(self, row: Invoice) -> Any:
        """As the API shows it."""
        return display.code(encode_id(INVOICE, row.id))

    @column("Metadata")
    def pairs(self, row: Invoice) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The invoice, with the reason why its last e-mail failed."""
        row: Invoice | None = super().get_object(request, object_id, from_field)
        if row is not None and row.email_status == EmailStatus.FAILED:
            mails = Mail.objects.filter(tenant_id=row.tenant_id, object_id=row.id, status=MailStatus.FAILED)
            last = mails.order_by("-id").first()
            row.mail_reason = short(last.last_error) if last else ""  # type: ignore[attr-defined]
        return row
