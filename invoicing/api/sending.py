"""Views of sending documents."""

from __future__ import annotations

from common.api.operation import operation
from common.clock import SystemClock
from common.prefixes import INVOICE
from invoicing.api.serializers import AcceptedOutput, SendInput
from invoicing.services.mailing import send_invoice
from tenants.api.view import Answer, Call, TenantView, path_id


class SendView(TenantView):
    """`/api/invoices/{id}/send`."""

    @operation(
        "invoices:write",
        "Send an invoice by e-mail",
        answers={202: AcceptedOutput},
        body=SendInput,
        refusals={409: ["invoice_not_finalised"], 410: ["document_erased"], 422: ["no_email_address"]},
        description=(
            "To `email`, by default to the buyer. Queued when this answers; `emailStatus` of the invoice tells what "
            "became of it. Each request sends one more mail, so give an Idempotency-Key."
        ),
    )
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Queue a mail with the document."""
        send_invoice(
            tenant_id=call.tenant_id, invoice_id=path_id(INVOICE, id), email=call.data.get("email"), at=call.at,
            now=SystemClock().now(),
        )  # fmt: skip
        return Answer(202, {"success": True})
