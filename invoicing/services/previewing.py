"""What an invoice would be, without anything being written."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import transaction

from accounting.services.wallets import lock_credit
from billing.models import Customer
from invoicing.composition import compose
from invoicing.content import Content
from invoicing.enums import InvoiceStatus
from invoicing.explanations import Explained, explanation
from invoicing.representations import State, invoice_body
from invoicing.requests import InvoiceRequest
from invoicing.selectors import buyer_of
from invoicing.services.basis import Asked, read_basis
from invoicing.services.explaining import derived
from tenants.models import TenantSettings


def preview_invoice(
    *, customer: Customer, known: bool, settings: TenantSettings, request: InvoiceRequest, at: dt.datetime,
    application_id: UUID | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The invoice that this request would give if it were issued at `at`, and its explanation.

    It has no ids. `known` says whether the customer exists; one who does not has no id and no credit. Raises what
    `read_basis` and `compose` raise.
    """
    tenant_id = customer.tenant_id
    currency = request.currency or customer.currency or settings.default_currency
    basis, _ = read_basis(
        tenant_id=tenant_id, customer=customer, settings=settings, request=request, currency=currency, at=at,
        asked=Asked(application_id=application_id), known=known,
    )  # fmt: skip
    content = compose(request, customer_id=customer.id, currency=currency, basis=basis, issued_at=at)
    paid = _credit(customer, content, at) if known else 0
    settled = paid == content.total
    state = State(
        status=InvoiceStatus.PAID if settled else InvoiceStatus.PENDING, invoice_number=None, created_at=at,
        updated_at=at, amount_paid=paid, paid_at=at if settled else None, metadata=request.metadata,
    )  # fmt: skip
    body = invoice_body(content, buyer_of(customer, settings, notes=request.notes), state)
    without_ids = {**body, "id": None, "items": [{**item, "id": None} for item in body["items"]]}
    if not known:
        without_ids["customerId"] = None
    explained = Explained(content, derived(content), preview=True)
    return {**without_ids, "explanation": explanation(explained)}


def _credit(customer: Customer, content: Content, at: dt.datetime) -> int:
    """What the customer's credit would pay. Grants that are due begin and end for that, and are then put back."""
    if not content.total:
        return 0
    with transaction.atomic():
        credit = lock_credit(
            tenant_id=customer.tenant_id, customer_id=customer.id, currency=content.currency, at=at
        )  # fmt: skip
        transaction.set_rollback(True)
    return min(credit.available, content.total) if credit is not None else 0
