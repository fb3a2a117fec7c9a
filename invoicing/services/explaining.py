"""Finding the derivation of an invoice: the stored one, that of its own lines, or that of a draft as of today."""

from __future__ import annotations

import datetime as dt
from typing import Any

from billing.models import Customer
from common.canonical import read_json
from invoicing.composition import compose
from invoicing.content import Content
from invoicing.derivations import derivation_of
from invoicing.enums import InvoiceStatus
from invoicing.explanations import Explained
from invoicing.models import Invoice, InvoiceDerivation
from invoicing.selectors import content_of, items_of
from invoicing.services.basis import Asked, read_basis
from invoicing.services.composing import request_of
from tenants.models import TenantSettings


def explain_invoice(invoice: Invoice, *, settings: TenantSettings, at: dt.datetime) -> Explained:
    """The invoice with its derivation; of a draft what finalising it at `at` would come to.

    Raises for a draft what `read_basis` and `compose` raise.
    """
    rows = items_of(invoice)
    if invoice.status != InvoiceStatus.DRAFT:
        content = content_of(invoice, rows)
        return Explained(content, stored_derivation(invoice) or derivation_of(content), invoice.invoice_number)
    customer = Customer.objects.get(tenant_id=invoice.tenant_id, id=invoice.customer_id)
    request = request_of(invoice, rows)
    basis, _ = read_basis(
        tenant_id=invoice.tenant_id, customer=customer, settings=settings, request=request, currency=invoice.currency,
        at=at, asked=Asked(trusted=True),
    )  # fmt: skip
    content = compose(
        request, customer_id=customer.id, currency=invoice.currency, basis=basis, issued_at=at, invoice_id=invoice.id
    )  # fmt: skip
    return Explained(content, derived(content))


def derived(content: Content) -> dict[str, Any]:
    """The derivation of what has just been composed."""
    if content.derivation is None:
        return derivation_of(content)
    found: dict[str, Any] = read_json(content.derivation)
    return found


def stored_derivation(invoice: Invoice) -> dict[str, Any] | None:
    """What was kept when the invoice got its number; None where nothing had to be."""
    if invoice.derivation_digest is None:
        return None
    row = InvoiceDerivation.objects.get(tenant_id=invoice.tenant_id, invoice_id=invoice.id)
    found: dict[str, Any] = read_json(bytes(row.body))
    return found
