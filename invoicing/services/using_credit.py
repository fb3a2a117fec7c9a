"""Credit as a means of payment: used when an invoice gets its number, given back when the invoice becomes void."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from accounting.enums import AccountStatus
from accounting.models import JournalEntry
from accounting.selectors import facts_of
from accounting.services.wallets import Credit, lock_credit, wallet_of
from billing.enums import PaymentMethodKind
from billing.models import Payment
from billing.services.payments import record_credit_payment, return_credit_payment
from invoicing import posting_rules as rules
from invoicing.models import Invoice, PaymentAllocation
from invoicing.services.allocating import allocate_payment
from invoicing.services.posting import post_credit_returned, post_credit_used


def lock_credit_for(invoice: Invoice) -> Credit | None:
    """The credit that will pay for an invoice which is about to get its number; held until the transaction ends.

    Ask before the number is taken: who waits for a wallet must not hold the series. What costs nothing needs none.
    """
    if not invoice.total:
        return None
    assert invoice.issued_at is not None
    return lock_credit(
        tenant_id=invoice.tenant_id, customer_id=invoice.customer_id, currency=invoice.currency, at=invoice.issued_at
    )


def use_credit(invoice: Invoice, credit: Credit) -> Payment:
    """Pay an invoice that has just been written and posted, as far as the credit goes; it may be paid then.

    Total and tax stay what they are: credit is a means of payment.
    """
    assert invoice.issued_at is not None
    at = invoice.issued_at
    payment = record_credit_payment(
        tenant_id=invoice.tenant_id, customer_id=invoice.customer_id, currency=invoice.currency,
        amount=min(credit.available, invoice.amount_due), at=at,
    )  # fmt: skip
    post_credit_used(payment, wallet_id=credit.account_id, document=invoice.invoice_number)
    allocate_payment(invoice=invoice, payment=payment, at=at)
    return payment


def lock_credit_payments(invoice: Invoice) -> list[Payment]:
    """What was paid on an invoice with credit and has not been given back, held."""
    ids = PaymentAllocation.objects.filter(tenant_id=invoice.tenant_id, invoice_id=invoice.id).values("payment_id")
    rows = Payment.objects.select_for_update().filter(
        tenant_id=invoice.tenant_id, id__in=ids, method=PaymentMethodKind.CREDIT, amount_refunded=0
    )
    return list(rows.order_by("id"))


def return_credit(invoice: Invoice, payments: list[Payment], *, at: dt.datetime) -> None:
    """Give what was paid with credit back to the wallet, and there to the grants that it came from.

    The caller saves the invoice. Raises `AccountSuspended` when the wallet is.
    """
    sources = [payment.id for payment in payments]
    entries = list(
        JournalEntry.objects.filter(tenant_id=invoice.tenant_id, source_id__in=sources, kind=rules.CREDIT_USED)
        .prefetch_related("lines")
        .order_by("id")
    )
    # The wallet is the side that was debited.
    debited = {line.account_id for entry in entries for line in entry.lines.all() if line.side == "debit"}
    post_credit_returned(entries, instead=_successors(invoice, debited, at=at), document=invoice.invoice_number, at=at)
    for payment in payments:
        return_credit_payment(payment, at=at)
        invoice.amount_refunded += payment.amount


def _successors(invoice: Invoice, account_ids: set[UUID], *, at: dt.datetime) -> dict[UUID, UUID]:
    """For each wallet that was closed meanwhile the customer's wallet of today."""
    facts = facts_of(tenant_id=invoice.tenant_id, account_ids=account_ids)
    return {
        one.account_id: wallet_of(
            tenant_id=invoice.tenant_id, customer_id=invoice.customer_id, currency=invoice.currency, at=at
        )
        for one in facts.values()
        if one.status == AccountStatus.CLOSED
    }
