"""Money for invoices, recorded by hand; invoices that will never be paid."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from billing.models import Payment
from billing.services.payments import record_manual_payment
from common.ids import new_id
from invoicing.announcements import PAID, UNCOLLECTIBLE, VOIDED, announce
from invoicing.enums import InvoiceCommand
from invoicing.enums import InvoiceStatus as Is
from invoicing.errors import (
    InvoiceAlreadyPaid,
    InvoiceAlreadyVoid,
    InvoiceNotFinalised,
    InvoiceNotPayable,
    OverPayment,
)
from invoicing.models import Invoice, PaymentAllocation
from invoicing.selectors import body_of, lock_invoice
from invoicing.transitions import INVOICE, apply_transition
from tenants.scope import state_reason


def mark_paid(
    *, tenant_id: UUID, invoice_id: UUID, method: str, reference: str | None, paid_at: dt.datetime, amount: int | None,
    at: dt.datetime, trace_id: str,
) -> tuple[Invoice, Payment]:  # fmt: skip
    """Record money that came in outside of Ledger; the invoice is paid once nothing is due any more.

    `amount` is in minor units, by default all that is due. Raises `InvoiceAlreadyPaid`, `InvoiceNotPayable`,
    `OverPayment`.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    _require_payable(invoice)
    due = invoice.amount_due
    paid = due if amount is None else amount
    if paid > due:
        raise OverPayment(f"{paid} is more than the {due} minor units that are due.")
    payment = record_manual_payment(
        tenant_id=tenant_id, customer_id=invoice.customer_id, amount=paid, currency=invoice.currency, method=method,
        reference=reference, paid_at=paid_at, at=at,
    )  # fmt: skip
    PaymentAllocation.objects.create(
        id=new_id(), tenant_id=tenant_id, invoice=invoice, payment=payment, amount=paid, created_at=at
    )
    invoice.amount_paid += paid
    invoice.updated_at = at
    settled = invoice.amount_due == 0
    if settled:
        apply_transition(invoice, InvoiceCommand.SETTLE, at=at, refusals={}, otherwise=InvoiceNotPayable)
        invoice.paid_at = paid_at
    invoice.save()
    if settled:
        announce(
            [PAID], tenant_id=tenant_id, invoice_id=invoice.id, body=body_of(invoice), at=at, trace_id=trace_id
        )  # fmt: skip
    return invoice, payment


def void_invoice(*, tenant_id: UUID, invoice_id: UUID, reason: str, at: dt.datetime, trace_id: str) -> Invoice:
    """Declare an issued invoice void; it keeps its number.

    Raises `InvoiceNotFinalised`, `InvoiceAlreadyPaid` (also partly), `InvoiceAlreadyVoid`.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if invoice.amount_paid:
        raise InvoiceAlreadyPaid("Money has been paid on this invoice. Refund it instead.")
    refusals = {Is.DRAFT: InvoiceNotFinalised, Is.VOID: InvoiceAlreadyVoid}
    apply_transition(invoice, InvoiceCommand.VOID, at=at, refusals=dict(refusals), otherwise=InvoiceAlreadyPaid)
    invoice.voided_at, invoice.void_reason = at, reason
    state_reason(reason)
    invoice.save()
    announce([VOIDED], tenant_id=tenant_id, invoice_id=invoice.id, body=body_of(invoice), at=at, trace_id=trace_id)
    return invoice


def mark_uncollectible(*, tenant_id: UUID, invoice_id: UUID, reason: str, at: dt.datetime, trace_id: str) -> Invoice:
    """Write an unpaid invoice off; late money still settles it. Raises `InvoiceNotPayable`."""
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    apply_transition(invoice, InvoiceCommand.WRITE_OFF, at=at, refusals={}, otherwise=InvoiceNotPayable)
    state_reason(reason)
    invoice.save()
    announce(
        [UNCOLLECTIBLE], tenant_id=tenant_id, invoice_id=invoice.id, body=body_of(invoice), at=at, trace_id=trace_id
    )  # fmt: skip
    return invoice


def _require_payable(invoice: Invoice) -> None:
    status = Is(invoice.status)
    if status == Is.PAID:
        raise InvoiceAlreadyPaid("The invoice is already paid.")
    if InvoiceCommand.SETTLE not in INVOICE.allowed(status):
        raise InvoiceNotPayable()
