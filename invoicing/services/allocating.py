"""Counting a payment towards an invoice, however the payment came."""

from __future__ import annotations

import datetime as dt

from billing.models import Payment
from common.ids import new_id
from invoicing.enums import InvoiceCommand
from invoicing.errors import InvoiceNotPayable
from invoicing.models import Invoice, PaymentAllocation
from invoicing.transitions import apply_transition


def allocate_payment(*, invoice: Invoice, payment: Payment, at: dt.datetime) -> bool:
    """Use the whole payment for an invoice that the caller holds; whether nothing is due any more.

    Then the invoice is paid since the payment moved. The caller has seen to it that no more is paid than is due. Raises
    `InvoiceNotPayable`.
    """
    PaymentAllocation.objects.create(
        id=new_id(), tenant_id=invoice.tenant_id, invoice=invoice, payment=payment, amount=payment.amount, created_at=at
    )
    invoice.amount_paid += payment.amount
    invoice.updated_at = at
    settled = invoice.amount_due == 0
    if settled:
        apply_transition(invoice, InvoiceCommand.SETTLE, at=at, refusals={}, otherwise=InvoiceNotPayable)
        invoice.paid_at = payment.paid_at
    invoice.save(update_fields=["status", "amount_paid", "paid_at", "updated_at"])
    return settled
