"""The document of an invoice: its bytes once made, and the wish for it until then."""

from __future__ import annotations

from django.db import models

from invoicing.models.invoice import Invoice
from tenants.isolation import TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned


class InvoiceDocument(TenantOwned):
    """The PDF of a finalised invoice, made once and never again: whoever writes first has written it.

    A trigger refuses every change but one: the eraser sets `content` to NULL, and the digest stays. It refuses too a
    document of an invoice whose addressee has been erased. Erase the addressee's row first and the document after it:
    then nothing that is being made meanwhile can remain.
    """

    id = None  # type: ignore[assignment]
    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, primary_key=True, db_column="id", db_constraint=False,
        related_name="document",
    )  # fmt: skip
    content = models.BinaryField(null=True)
    sha256 = models.BinaryField(max_length=32)
    size = models.IntegerField()  # bytes
    layout = models.CharField(max_length=64)  # version of layout and engine: the same makes the same bytes
    boxes = models.IntegerField(default=0)  # characters that no font could show
    rendered_at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantIsolation(name="document_isolation"),
            TenantForeignKey(field="invoice", name="document_invoice"),
        ]

    def __str__(self) -> str:
        return f"Document of {self.invoice_id}"


class DocumentRequest(TenantOwned):
    """A document that a job has to make. Deleted when it is there; whoever asks for the document first does not wait.

    `next_attempt_at` is real time: after a failure it is later and later.
    """

    id = None  # type: ignore[assignment]
    invoice = models.OneToOneField(
        Invoice, on_delete=models.CASCADE, primary_key=True, db_column="id", db_constraint=False, related_name="+"
    )
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.CharField(max_length=500, null=True)  # noqa: DJ001

    class Meta:
        constraints = [
            TenantIsolation(name="document_request_isolation"),
            TenantForeignKey(field="invoice", name="document_request_invoice"),
        ]
        indexes = [models.Index(fields=["next_attempt_at"], name="document_request_by_time")]

    def __str__(self) -> str:
        return f"Wish for the document of {self.invoice_id}"
