"""The document of an invoice over HTTP."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from common.api.operation import operation
from common.clock import SystemClock
from common.prefixes import INVOICE
from invoicing.services.documents import invoice_document
from tenants.api.view import Answer, Call, TenantView, path_id


class InvoicePdfView(TenantView):
    """`/api/invoices/{id}/pdf`."""

    @operation(
        "invoices:read",
        "Get the PDF of an invoice",
        answers={200: {"type": "string", "format": "binary"}},
        refusals={409: ["invoice_not_finalised"], 410: ["document_erased"]},
        media_type="application/pdf",
        description=(
            "The same bytes for ever: whoever asks first may wait for them to be made. `ETag` is their SHA-256; with "
            "`If-None-Match` the answer is 304 without a body."
        ),
    )
    def get(self, call: Call, **path: Any) -> Answer:
        """Bytes, not JSON: `answer` gives them."""
        raise NotImplementedError

    def answer(self, request: Request) -> HttpResponse:
        """Outside of a transaction: typesetting holds none open."""
        call = self.new_call(request)
        call.filters()
        document = invoice_document(
            context=call.context, invoice_id=path_id(INVOICE, self.kwargs["id"]), now=SystemClock().now()
        )
        headers = {"ETag": document.etag}
        if _matches(call.request.META.get("HTTP_IF_NONE_MATCH", ""), document.etag):
            return HttpResponse(status=304, headers=headers)
        headers["Content-Disposition"] = f'inline; filename="{document.filename}"'
        return HttpResponse(document.content, content_type="application/pdf", headers=headers)


def _matches(given: str, etag: str) -> bool:
    """Whether `If-None-Match` names the tag; weak tags match too, as RFC 9110 has it for this header."""
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag in tags or tags == ["*"]
