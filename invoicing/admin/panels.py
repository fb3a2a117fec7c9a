"""What stands below an invoice, and what invoicing adds to the pages of customers and payments."""

from __future__ import annotations

import base64
import logging

from django.urls import reverse

from billing.enums import PaymentMethodKind
from common.ids import encode_id
from common.prefixes import CUSTOMER
from common.typesetting import TypesettingFailed
from invoicing.admin.line_panels import coupons_panel, day_of, explanation_panel, lines_panel, tax_panel
from invoicing.enums import InvoiceStatus
from invoicing.errors import DocumentErased
from invoicing.models import Invoice, PaymentAllocation
from invoicing.selectors import items_of
from invoicing.services.documents import preview_images
from tenants.backoffice import display
from tenants.backoffice.api import Access, Card, Line, Panel, Pictures, Table
from tenants.backoffice.filters import Word
from tenants.backoffice.references import link_to, path_of
from tenants.backoffice.subjects import Subject
from tenants.backoffice.timelines import timeline_of

SHOWN = 20
PREVIEW_PAGES = 3
_BOUND = 1_000

logger = logging.getLogger(__name__)


def invoice_panels(access: Access, row: Invoice) -> list[Panel]:
    """Lines, coupons, taxes, how it was computed, payments, the document, and everything that happened."""
    return [
        lines_panel(row, items_of(row)), *coupons_panel(row), *tax_panel(row), explanation_panel(access, row),
        *payments_of_invoice(access, row), preview_panel(access, row),
        timeline_of(access, Subject("invoice", row.id)),
    ]  # fmt: skip


def payments_of_invoice(access: Access, row: Invoice) -> list[Panel]:
    """What has been paid on it, to those who may see payments."""
    if row.status == InvoiceStatus.DRAFT or not access.may("payments:read"):
        return []
    found = PaymentAllocation.objects.select_related("payment").filter(tenant_id=row.tenant_id, invoice_id=row.id)
    rows = [
        (
            display.link(path_of(Subject("payment", one.payment_id)), display.instant(one.payment.paid_at)),
            PaymentMethodKind(one.payment.method).label.capitalize(), one.payment.reference or display.EMPTY,
            display.money(one.amount, row.currency),
            display.money(one.payment.amount_refunded, row.currency) if one.payment.amount_refunded else display.EMPTY,
        )
        for one in found.order_by("-id")
    ]  # fmt: skip
    columns = ("Paid", "Method", "Reference", "Amount", "Refunded")
    return [Table("Payments", columns, rows, numeric=(3, 4), empty="Nothing has been paid yet.")]


def preview_panel(access: Access, row: Invoice) -> Panel:
    """The first pages of the document as pictures. What cannot be drawn is said, never an error of the page."""
    note, more = "", None
    if row.status == InvoiceStatus.DRAFT:
        note = "As it would look today"
    else:
        more = ("Download the PDF", reverse("admin:invoicing_invoice_document", args=[row.id]))
    try:
        images = preview_images(context=access.context, invoice_id=row.id, pages=PREVIEW_PAGES)
    except DocumentErased:
        return Pictures("Document", (), empty="The document was erased with the data of its addressee.")
    except TypesettingFailed:
        logger.exception("the preview of invoice %s cannot be drawn", row.id)
        return Pictures("Document", (), empty="The preview cannot be drawn. The log says why.")
    sources = ["data:image/png;base64," + base64.b64encode(image).decode() for image in images]
    return Pictures("Document", sources, note=note, more=more)


def related_to_invoice(access: Access, subject: Subject) -> list[Subject]:
    """The payments of an invoice, for its timeline."""
    if not access.may("payments:read"):
        return []
    rows = PaymentAllocation.objects.filter(tenant_id=access.tenant_id, invoice_id=subject.id).order_by("-id")
    return [Subject("payment", one) for one in rows.values_list("payment_id", flat=True)[:SHOWN]]


def related_to_customer(access: Access, subject: Subject) -> list[Subject]:
    """The newest invoices of a customer, for the timeline."""
    if not access.may("invoices:read"):
        return []
    rows = Invoice.objects.filter(tenant_id=access.tenant_id, customer_id=subject.id).order_by("-id")
    return [Subject("invoice", one) for one in rows.values_list("id", flat=True)[:SHOWN]]


def customer_invoices(access: Access, subject: Subject) -> list[Panel]:
    """The newest invoices of a customer, and the way to a new one."""
    if not access.may("invoices:read"):
        return []
    rows = Invoice.objects.filter(tenant_id=access.tenant_id, customer_id=subject.id).order_by("-id")[:SHOWN]
    lines = [
        (
            link_to(Subject("invoice", row.id), row.invoice_number or "Draft"), display.badge(row.status),
            display.instant(row.issued_at), day_of(row.due_date), display.money(row.total, row.currency),
            display.money(row.amount_due if row.status not in _SETTLED else 0, row.currency),
        )
        for row in rows
    ]  # fmt: skip
    name = encode_id(CUSTOMER, subject.id)
    more = ("All invoices", f"{reverse('admin:invoicing_invoice_changelist')}?q={name}")
    if access.may("invoices:write"):
        more = ("New draft", f"{reverse('admin:invoicing_invoice_list_button', args=['create'])}?customer={name}")
    columns = ("Number", "Status", "Issued", "Due", "Total", "Open")
    return [Table("Invoices", columns, lines, numeric=(4, 5), note=f"The newest {SHOWN}", more=more)]


_SETTLED = (InvoiceStatus.DRAFT, InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.REFUNDED)


def paid_invoices(access: Access, subject: Subject) -> list[Panel]:
    """The invoices that a payment pays."""
    if not access.may("invoices:read"):
        return []
    found = PaymentAllocation.objects.select_related("invoice").filter(
        tenant_id=access.tenant_id, payment_id=subject.id
    )
    rows = [
        (
            link_to(Subject("invoice", one.invoice_id), one.invoice.invoice_number or "Draft"),
            display.badge(one.invoice.status), display.money(one.amount, one.invoice.currency),
        )
        for one in found.order_by("-id")[:SHOWN]
    ]  # fmt: skip
    return [Table("Invoices it pays", ("Number", "Status", "Amount"), rows, numeric=(2,))]


def open_invoices(access: Access) -> list[Card]:
    """What awaits people, for the first page. Counting stops at a thousand."""
    mine = Invoice.objects.filter(tenant_id=access.tenant_id)
    counted = [
        ("Drafts", "draft", ""), ("Past due", "past_due", "warning"), ("Open", "pending", ""),
        ("Failed", "failed", "danger"),
    ]  # fmt: skip
    page = reverse("admin:invoicing_invoice_changelist")
    lines = []
    for label, status, tone in counted:
        found = mine.filter(status=Word(status)).order_by().values("pk")[: _BOUND + 1].count()
        said = f"{_BOUND:,}+" if found > _BOUND else f"{found:,}"
        lines.append(Line(label, said, f"{page}?status={status}", tone if found else ""))
    return [Card("Invoices", lines, "invoices:read", page, icon="receipt_long")]
