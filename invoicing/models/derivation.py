"""How an issued invoice was computed."""

from __future__ import annotations

from django.db import models

from invoicing.models.invoice import Invoice
from tenants.isolation import TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned


class InvoiceDerivation(TenantOwned):
    """The derivation of an invoice with prices or coupons, as it stood when the invoice got its number.

    `body` is canonical JSON (billing.rating.derivation); the database holds `digest` to be its SHA-256, and the
    document's own digest covers it. Rows are never changed or deleted. An invoice without a row says all of it itself.
    """

    id = None  # type: ignore[assignment]
    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, primary_key=True, db_column="id", db_constraint=False,
        related_name="derivation",
    )  # fmt: skip
    body = models.BinaryField()
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            TenantIsolation(name="derivation_isolation"),
            TenantForeignKey(field="invoice", name="derivation_invoice"),
        ]

    def __str__(self) -> str:
        return f"Derivation of {self.invoice_id}"
