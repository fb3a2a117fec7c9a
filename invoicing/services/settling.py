"""Money for invoices, recorded by hand; invoices that will never be paid."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from billing.models import Payment
from billing.services.coupon_use import return_coupons
from billing.services.payments import record_manual_payment
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
from invoicing.models import Invoice
from invoicing.selectors import body_of, lock_invoice
from invoicing.services.allocating import allocate_payment
from invoicing.services.mailing import reword_waiting_mail
from invoicing.services.posting import post_payment, post_void, post_write_off
from invoicing.services.using_credit import lock_credit_payments, return_credit
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
    post_payment(payment, invoice)
    settled = allocate_payment(invoice=invoice, payment=payment, at=at)
    reword_waiting_mail(invoice)
    if settled:
        announce(
            [PAID], tenant_id=tenant_id, invoice_id=invoice.id, body=body_of(invoice), at=at, trace_id=trace_id
        )  # fmt: skip
    return invoice, payment


def void_invoice(*, tenant_id: UUID, invoice_id: UUID, reason: str, at: dt.datetime, trace_id: str) -> Invoice:
    """Declare an issued invoice void; it keeps its number. Used credit and coupons go back to the customer.

    Raises `InvoiceNotFinalised`, `InvoiceAlreadyPaid` (also when money has paid a part of it), `InvoiceAlreadyVoid`,
    and `AccountSuspended` when the wallet of the credit is.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if invoice.status == Is.VOID:
        raise InvoiceAlreadyVoid()
    credit = lock_credit_payments(invoice) if invoice.amount_paid else []
    if invoice.amount_paid > sum(payment.amount for payment in credit):
        raise InvoiceAlreadyPaid("Money has been paid on this invoice. Refund it instead.")
    refusals = {Is.DRAFT: InvoiceNotFinalised, Is.VOID: InvoiceAlreadyVoid}
    apply_transition(invoice, InvoiceCommand.VOID, at=at, refusals=dict(refusals), otherwise=InvoiceAlreadyPaid)
    invoice.voided_at, invoice.void_reason = at, reason
    state_reason(reason)
    if credit:
        return_credit(invoice, credit, at=at)
    if invoice.coupons:
        return_coupons(tenant_id=tenant_id, invoice_id=invoice.id, at=at)
    invoice.save()
    reword_waiting_mail(invoice)
    post_void(invoice, at=at)
    announce([VOIDED], tenant_id=tenant_id, invoice_id=invoice.id, body=body_of(invoice), at=at, trace_id=trace_id)
    return invoice


def mark_uncollectible(*, tenant_id: UUID, invoice_id: UUID, reason: str, at: dt.datetime, trace_id: str) -> Invoice:
    """Write an unpaid invoice off; late money still settles it. Raises `InvoiceNotPayable`."""
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    apply_transition(invoice, InvoiceCommand.WRITE_OFF, at=at, refusals={}, otherwise=InvoiceNotPayable)
    state_reason(reason)
    invoice.save()
    post_write_off(invoice, at=at)
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
