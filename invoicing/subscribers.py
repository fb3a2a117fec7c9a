"""What invoicing does about events: its own, and those of the mail queue."""

from __future__ import annotations

from uuid import UUID

from common.clock import SystemClock
from events.announcements import OUTCOMES
from events.domain import ReceivedEvent
from events.registry import subscribe
from invoicing.announcements import FINALISED
from invoicing.services.document_requests import request_document
from invoicing.services.mailing import mail_new_invoice, show_mail
from tenants.clocks import business_now


def want_document(event: ReceivedEvent) -> None:
    """A finalised invoice gets its document soon. It is not made here: a thousand items take a second."""
    request_document(tenant_id=event.tenant_id, invoice_id=event.object_id, now=SystemClock().now())


def mail_invoice(event: ReceivedEvent) -> None:
    """A finalised invoice goes to its buyer."""
    mail_new_invoice(
        tenant_id=event.tenant_id, invoice_id=event.object_id, at=business_now(event.tenant_id), now=SystemClock().now()
    )


def show_mail_outcome(event: ReceivedEvent) -> None:
    """An invoice shows what became of its mail."""
    if event.data["objectType"] == "invoice":
        show_mail(tenant_id=event.tenant_id, invoice_id=UUID(event.data["objectId"]), at=business_now(event.tenant_id))


subscribe("invoicing.want_document", [FINALISED], want_document)
subscribe("invoicing.mail_invoice", [FINALISED], mail_invoice)
subscribe("invoicing.show_mail_outcome", OUTCOMES, show_mail_outcome)
