"""Recording payments, and giving back what was paid with credit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from uuid import UUID

from billing.enums import PaymentMethodKind, PaymentStatus
from billing.models import Payment

MANUAL_PROVIDER = "manual"
CREDIT_PROVIDER = "credit"
"""Ledger itself: the payment is a use of what stands in the customer's wallet."""


def record_manual_payment(
    *, tenant_id: UUID, customer_id: UUID, amount: int, currency: str, method: str, reference: str | None,
    paid_at: dt.datetime, at: dt.datetime, metadata: Mapping[str, str] | None = None,
) -> Payment:  # fmt: skip
    """A payment that arrived outside every provider, succeeded at once. `amount` is in minor units, at least 1.

    `paid_at` is when the money moved, `at` when it is recorded. What it pays only the caller knows, so that nothing is
    published here.
    """
    return Payment.objects.create(
        tenant_id=tenant_id, customer_id=customer_id, amount=amount, currency=currency, method=method,
        reference=reference, provider=MANUAL_PROVIDER, status=PaymentStatus.SUCCEEDED, paid_at=paid_at,
        metadata=dict(metadata or {}), created_at=at, updated_at=at,
    )  # fmt: skip


def record_credit_payment(
    *, tenant_id: UUID, customer_id: UUID, amount: int, currency: str, at: dt.datetime
) -> Payment:  # fmt: skip
    """A payment with the customer's credit, succeeded at once. `amount` is in minor units, at least 1.

    Whoever records it posts the debit of the wallet in the same transaction.
    """
    return Payment.objects.create(
        tenant_id=tenant_id, customer_id=customer_id, amount=amount, currency=currency, method=PaymentMethodKind.CREDIT,
        provider=CREDIT_PROVIDER, status=PaymentStatus.SUCCEEDED, paid_at=at, created_at=at, updated_at=at,
    )  # fmt: skip


def return_credit_payment(payment: Payment, *, at: dt.datetime) -> None:
    """Note that a payment with credit, which the caller has locked, went back to the wallet as a whole."""
    payment.amount_refunded, payment.updated_at = payment.amount, at
    payment.save(update_fields=["amount_refunded", "updated_at"])
