"""Claims about payments."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.models import Customer, Payment
from billing.representations import payment_body
from billing.services.customers import create_customer
from billing.services.payments import record_manual_payment
from common.ids import encode_id, new_id
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope

EARLIER = dt.datetime(2026, 2, 27, 9, 30, tzinfo=dt.UTC)


@pytest.fixture
def customer(scope: Tenant, at: dt.datetime) -> Customer:
    return create_customer(tenant_id=scope.id, at=at)


@pytest.fixture
def payment(customer: Customer, at: dt.datetime) -> Payment:
    return record_manual_payment(
        tenant_id=customer.tenant_id, customer_id=customer.id, amount=1999, currency="EUR", method="bank_transfer",
        reference="RF18 5390", paid_at=EARLIER, at=at, metadata={"statement": "12"},
    )  # fmt: skip


def row(customer: Customer, at: dt.datetime, **columns: Any) -> Payment:
    base: dict[str, Any] = {
        "tenant_id": customer.tenant_id, "customer_id": customer.id, "amount": 100, "currency": "EUR",
        "status": "pending", "provider": "fake", "method": "card", "created_at": at, "updated_at": at,
    }  # fmt: skip
    return Payment.objects.create(**(base | columns))


def test_a_manual_payment_has_succeeded_and_shows_every_documented_field(payment: Payment) -> None:
    invoice = new_id()
    assert payment_body(Payment.objects.get(), invoice_id=invoice) == {
        "id": encode_id("pay", payment.id), "object": "payment", "invoiceId": encode_id("inv", invoice),
        "customerId": encode_id("cst", payment.customer_id), "amount": 1999, "currency": "EUR", "status": "succeeded",
        "outcomeUnknown": False, "amountRefunded": 0, "provider": "manual", "providerRef": None,
        "method": "bank_transfer", "failureCode": None, "failureMessage": None, "nextAction": None,
        "paidAt": "2026-02-27T09:30:00.000Z", "metadata": {"statement": "12"},
        "createdAt": "2026-03-01T12:00:00.000Z", "updatedAt": "2026-03-01T12:00:00.000Z",
    }  # fmt: skip


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1}, {"currency": "USD"}, {"status": "pending"}, {"paid_at": EARLIER}, {"metadata": {"a": "b"}},
        {"provider_ref": "other"}, {"reference": "other"}, {"method": "cash"}, {"failure_code": "x"},
        {"created_at": EARLIER}, {"provider": "manual"},
    ],
)  # fmt: skip
def test_nothing_of_a_settled_payment_changes(
    customer: Customer, at: dt.datetime, status: str, change: dict[str, Any]
) -> None:
    row(customer, at, status=status, paid_at=at if status == "succeeded" else None)
    before = Payment.objects.values().get()
    with pytest.raises(IntegrityError, match="only the refunded amount"), transaction.atomic():
        Payment.objects.update(**change)
    assert Payment.objects.values().get() == before


@pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
def test_a_settled_payment_is_never_deleted(customer: Customer, at: dt.datetime, status: str) -> None:
    row(customer, at, status=status, paid_at=at if status == "succeeded" else None)
    with pytest.raises(IntegrityError, match="never deleted"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_payment")
    assert Payment.objects.count() == 1


def test_the_refunded_amount_only_rises_and_never_beyond_the_amount(payment: Payment) -> None:
    Payment.objects.update(amount_refunded=500)
    Payment.objects.update(amount_refunded=1999)
    for amount in (1998, 0, 2000, -1):
        with pytest.raises(IntegrityError), transaction.atomic():
            Payment.objects.update(amount_refunded=amount)
    assert Payment.objects.get().amount_refunded == 1999


def test_an_open_payment_changes_until_it_settles(customer: Customer, at: dt.datetime) -> None:
    row(customer, at, outcome_unknown=True)
    Payment.objects.update(status="processing", provider_ref="pi_1")
    Payment.objects.update(status="succeeded", outcome_unknown=False, paid_at=at)
    with pytest.raises(IntegrityError), transaction.atomic():
        Payment.objects.update(status="failed")


@pytest.mark.parametrize(
    "columns",
    [
        {"amount": 0}, {"amount": -1}, {"amount": 10**15 + 1}, {"currency": "eur"}, {"status": "paid"},
        {"method": "gold"}, {"status": "succeeded"}, {"amount_refunded": 1},
        {"status": "failed", "outcome_unknown": True}, {"customer_id": new_id()},
    ],
)  # fmt: skip
def test_the_database_refuses_what_makes_no_sense(customer: Customer, at: dt.datetime, columns: dict[str, Any]) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        row(customer, at, **columns)


def test_a_providers_reference_stands_for_one_payment_of_a_tenant(customer: Customer, at: dt.datetime) -> None:
    row(customer, at, provider_ref="pi_1")
    row(customer, at)
    row(customer, at)
    with pytest.raises(IntegrityError), transaction.atomic():
        row(customer, at, provider_ref="pi_1")


def test_a_payment_never_names_another_tenants_customer(
    customer: Customer, other_tenant: Tenant, at: dt.datetime
) -> None:
    with pytest.raises(IntegrityError), tenant_scope(other_tenant.id):
        record_manual_payment(
            tenant_id=other_tenant.id, customer_id=customer.id, amount=1, currency="EUR", method="cash",
            reference=None, paid_at=at, at=at,
        )  # fmt: skip


def test_the_largest_amount_is_kept_exactly(customer: Customer, at: dt.datetime) -> None:
    row(customer, at, amount=10**15, currency="JPY")
    assert Payment.objects.get().amount == 10**15


def test_recording_and_settling_are_in_the_audit_trail(customer: Customer, at: dt.datetime) -> None:
    payment = row(customer, at)
    Payment.objects.update(status="failed")
    actions = AuditEntry.objects.filter(entity_id=payment.id).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["payment.created", "payment.failed"]
