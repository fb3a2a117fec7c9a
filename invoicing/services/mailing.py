"""An invoice on its way to its buyer by e-mail: queued with it, sent again on demand, its fate shown at the invoice."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from uuid import UUID

from events.attachments import Attachment, AttachmentErased, AttachmentRef
from events.enums import MailStatus
from events.errors import InvalidMail
from events.models import Mail
from events.selectors import latest_mail, unsent_about
from events.services.mail import queue_mail, reword_mail
from invoicing.documents.seller import seller_from
from invoicing.enums import EmailStatus, InvoiceStatus
from invoicing.errors import DocumentErased, InvoiceNotFinalised, NoEmailAddress
from invoicing.letters import Letter, invoice_letter
from invoicing.models import Invoice
from invoicing.selectors import buyer_from, content_of, lock_invoice, state_of
from invoicing.services.documents import invoice_document
from tenants.context import Context
from tenants.selectors import get_settings, get_snapshot

DOCUMENT: Final = "invoice_document"
"""The kind of attachment that is an invoice's PDF; its id is the invoice's."""
_OBJECT_TYPE: Final = "invoice"
_SHOWN_AS: Final = {
    MailStatus.QUEUED: EmailStatus.QUEUED,
    MailStatus.SENDING: EmailStatus.QUEUED,
    MailStatus.SENT: EmailStatus.SENT,
    MailStatus.FAILED: EmailStatus.FAILED,
}


def mail_new_invoice(*, tenant_id: UUID, invoice_id: UUID, at: dt.datetime, now: dt.datetime) -> Invoice:
    """Queue the mail of an invoice that was just finalised, where the tenant wants that; the first time only.

    Without an address `email_status` says so; with one that no server would take it is `failed`. An invoice that is
    void by now, or that somebody has sent by hand meanwhile, is left alone. `at` is business time, `now` real time.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if invoice.email_status != EmailStatus.NONE or invoice.status == InvoiceStatus.VOID or _is_erased(invoice):
        return invoice
    if not get_settings(tenant_id=tenant_id).email_invoices:
        return invoice
    if not invoice.buyer.email:
        return _show(invoice, EmailStatus.NO_ADDRESS, at=at)
    try:
        _queue(invoice, invoice.buyer.email, at=at, now=now)
    except InvalidMail:
        return _show(invoice, EmailStatus.FAILED, at=at)
    return _show(invoice, EmailStatus.QUEUED, at=at)


def send_invoice(
    *, tenant_id: UUID, invoice_id: UUID, email: str | None = None, at: dt.datetime, now: dt.datetime
) -> Mail:
    """Queue a mail with the invoice, to `email` or to its buyer; each call is one more mail.

    Raises `NotFound`, `InvoiceNotFinalised`, `DocumentErased`, and `NoEmailAddress` when there is none, or
    none that mail can be sent to. `at` is business time, `now` real time.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if invoice.status == InvoiceStatus.DRAFT:
        raise InvoiceNotFinalised()
    if _is_erased(invoice):
        raise DocumentErased()
    address = email or invoice.buyer.email
    if not address:
        raise NoEmailAddress()
    try:
        mail = _queue(invoice, address, at=at, now=now)
    except InvalidMail as wrong:
        raise NoEmailAddress("The e-mail address is none that mail can be sent to.") from wrong
    _show(invoice, EmailStatus.QUEUED, at=at)
    return mail


def show_mail(*, tenant_id: UUID, invoice_id: UUID, at: dt.datetime) -> Invoice:
    """Have the invoice show what became of its newest mail, whatever has happened to older ones."""
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    # Read after the lock: whoever held it before us may have queued another mail.
    mail = latest_mail(tenant_id=tenant_id, object_type=_OBJECT_TYPE, object_id=invoice_id)
    return invoice if mail is None else _show(invoice, _SHOWN_AS[MailStatus(mail.status)], at=at)


def reword_waiting_mail(invoice: Invoice) -> None:
    """Have a mail that has not left say what is owed now, in the transaction that changes it, with the invoice locked.

    A mail server may be away for hours, and nobody should be asked for what was paid or declared void meanwhile.
    """
    about: dict[str, Any] = {"tenant_id": invoice.tenant_id, "object_type": _OBJECT_TYPE, "object_id": invoice.id}
    if unsent_about(**about).exists():
        letter = letter_of(invoice)
        reword_mail(**about, subject=letter.subject, text=letter.text, html=letter.html)


def letter_of(invoice: Invoice) -> Letter:
    """The letter that would bring this invoice now, in the tenant's scope."""
    snapshot = get_snapshot(tenant_id=invoice.tenant_id, version=invoice.settings_version or 0)
    return invoice_letter(
        content_of(invoice, []), buyer_from(invoice.buyer), state_of(invoice), seller_from(snapshot)
    )  # fmt: skip


def document_attachment(*, context: Context, object_id: UUID, now: dt.datetime) -> Attachment:
    """The PDF of an invoice, for its mail. Raises `AttachmentErased`."""
    try:
        document = invoice_document(context=context, invoice_id=object_id, now=now)
    except DocumentErased as gone:
        raise AttachmentErased from gone
    return Attachment(document.filename, "application/pdf", document.content)


def _queue(invoice: Invoice, address: str, *, at: dt.datetime, now: dt.datetime) -> Mail:
    letter = letter_of(invoice)
    return queue_mail(
        tenant_id=invoice.tenant_id, to=[address], subject=letter.subject, text=letter.text, html=letter.html,
        attachments=[AttachmentRef(DOCUMENT, invoice.id)], object_type=_OBJECT_TYPE, object_id=invoice.id, at=at,
        now=now,
    )  # fmt: skip


def _show(invoice: Invoice, status: EmailStatus, *, at: dt.datetime) -> Invoice:
    if invoice.email_status != status:
        invoice.email_status, invoice.updated_at = status, at
        invoice.save(update_fields=["email_status", "updated_at"])
    return invoice


def _is_erased(invoice: Invoice) -> bool:
    return invoice.buyer.salt is None
