"""Money that comes in, invoices that are void, and invoices that nobody will pay."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from billing.models import Payment
from common.ids import decode_id
from common.prefixes import PAYMENT
from invoicing.models import Invoice, PaymentAllocation
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices, uuid_of

pytestmark = pytest.mark.django_db


def refused(answer: Any) -> tuple[int, str]:
    return int(answer.status_code), str(answer.json()["code"])


def force(invoices: Invoices, invoice: dict[str, Any], **values: Any) -> dict[str, Any]:
    """Bring an invoice where no route leads yet; the database checks the way."""
    with tenant_scope(invoices.tenant.id):
        Invoice.objects.filter(id=uuid_of(invoice)).update(**values)
    return invoice


def test_marking_paid_records_all_that_is_due(invoices, time_machine):
    time_machine.move_to("2026-05-01T10:00:00Z", tick=False)
    invoice = invoices.make(10_000)
    time_machine.move_to("2026-05-02T10:00:00Z", tick=False)
    answer = invoices.act(invoice, "mark-paid").json()
    assert (answer["status"], answer["amountPaid"], answer["amountDue"]) == ("paid", 10_000, 0)
    assert (answer["paidAt"], answer["updatedAt"]) == ("2026-05-02T10:00:00.000Z", "2026-05-02T10:00:00.000Z")
    payment_id = answer.pop("paymentId")
    assert answer == {**invoices.get(invoice), "success": True}
    with tenant_scope(invoices.tenant.id):
        payment = Payment.objects.get(id=decode_id(PAYMENT, payment_id))
        allocation = PaymentAllocation.objects.get()
    assert (payment.amount, payment.currency, payment.method, payment.status) == (10_000, "EUR", "manual", "succeeded")
    assert (allocation.amount, allocation.payment_id, allocation.invoice_id) == (10_000, payment.id, uuid_of(invoice))


def test_method_reference_and_time_are_recorded(invoices, time_machine):
    time_machine.move_to("2026-05-02T10:00:00Z", tick=False)
    invoice = invoices.make(10_000)
    given = {"method": "bank_transfer", "reference": "Statement 7", "paidAt": "2026-04-30T00:00:00+02:00"}
    answer = invoices.act(invoice, "mark-paid", given).json()
    assert answer["paidAt"] == "2026-04-29T22:00:00.000Z"
    with tenant_scope(invoices.tenant.id):
        payment = Payment.objects.get()
    assert (payment.method, payment.reference) == ("bank_transfer", "Statement 7")
    assert payment.paid_at == dt.datetime(2026, 4, 29, 22, tzinfo=dt.UTC)


def test_parts_are_added_up_until_nothing_is_due(invoices):
    invoice = invoices.make(10_000)
    part = invoices.act(invoice, "mark-paid", {"amount": 1}).json()
    assert (part["status"], part["amountPaid"], part["amountDue"], part["paidAt"]) == ("pending", 1, 9_999, None)
    part = invoices.act(invoice, "mark-paid", {"amount": 9_998}).json()
    assert (part["status"], part["amountDue"]) == ("pending", 1)
    assert refused(invoices.act(invoice, "mark-paid", {"amount": 2})) == (422, "over_payment")
    last = invoices.act(invoice, "mark-paid").json()
    assert (last["status"], last["amountPaid"], last["amountDue"]) == ("paid", 10_000, 0)
    with tenant_scope(invoices.tenant.id):
        assert sorted(PaymentAllocation.objects.values_list("amount", flat=True)) == [1, 1, 9_998]


def test_more_than_is_due_is_refused_and_nothing_is_recorded(invoices):
    invoice = invoices.make(10_000)
    answer = invoices.act(invoice, "mark-paid", {"amount": 10_001})
    assert refused(answer) == (422, "over_payment")
    with tenant_scope(invoices.tenant.id):
        assert (Payment.objects.count(), PaymentAllocation.objects.count()) == (0, 0)
    assert {**invoices.get(invoice), "success": True} == invoice


def test_credit_counts_as_paid(invoices):
    invoice = force(invoices, invoices.make(10_000), amount_credited=4_000)
    assert invoices.get(invoice)["amountDue"] == 6_000
    assert refused(invoices.act(invoice, "mark-paid", {"amount": 6_001})) == (422, "over_payment")
    done = invoices.act(invoice, "mark-paid").json()
    assert (done["status"], done["amountPaid"], done["amountDue"]) == ("paid", 6_000, 0)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"paidAt": "2100-01-01T00:00:00Z"}, ("paidAt", "too_large")),
        ({"paidAt": "2026-01-01"}, ("paidAt", "invalid_datetime")),
        ({"amount": 0}, ("amount", "too_small")),
        ({"amount": 10**15 + 1}, ("amount", "too_large")),
        ({"amount": "5"}, ("amount", "invalid")),
        ({"method": "barter"}, ("method", "invalid_choice")),
        ({"reference": "x" * 256}, ("reference", "too_long")),
        ({"currency": "USD"}, ("currency", "unknown_field")),
    ],
)
def test_a_wrong_value_is_named(invoices, body, problem):
    answer = invoices.act(invoices.make(), "mark-paid", body)
    assert refused(answer) == (400, "validation_error")
    assert [(one["path"], one["code"]) for one in answer.json()["details"]] == [problem]


def test_a_paid_invoice_is_not_paid_again(invoices):
    for paid in (invoices.make(0), invoices.status_after(("mark-paid", {}))):
        assert refused(invoices.act(paid, "mark-paid", {"amount": 1})) == (409, "invoice_already_paid")
        assert refused(invoices.act(paid, "mark-paid")) == (409, "invoice_already_paid")


def test_drafts_void_and_refunded_invoices_are_not_payable(invoices):
    refunded = force(invoices, invoices.status_after(("mark-paid", {})), status="refunded", amount_refunded=10_000)
    for invoice in (invoices.draft(), invoices.status_after(("cancel", {})), refunded):
        assert refused(invoices.act(invoice, "mark-paid")) == (409, "invoice_not_payable")


@pytest.mark.parametrize("status", ["failed", "past_due", "uncollectible"])
def test_late_money_settles_whatever_was_still_open(invoices, status):
    invoice = force(invoices, invoices.make(10_000), status=status)
    part = invoices.act(invoice, "mark-paid", {"amount": 4_000}).json()
    assert (part["status"], part["amountDue"]) == (status, 6_000)
    assert invoices.act(invoice, "mark-paid").json()["status"] == "paid"


def test_voiding_keeps_the_number_and_says_why(invoices):
    invoice = invoices.make(10_000)
    answer = invoices.act(invoice, "void", {"reason": " Wrong buyer "}).json()
    assert (answer["status"], answer["voidReason"]) == ("void", "Wrong buyer")
    assert answer["voidedAt"] is not None
    assert answer["invoiceNumber"] == invoice["invoiceNumber"]
    assert answer == {**invoices.get(invoice), "success": True}
    assert invoices.make()["invoiceNumber"].endswith("0002")


def test_void_needs_a_reason_and_cancel_does_not(invoices):
    invoice = invoices.make()
    for body in ({}, {"reason": None}, {"reason": " "}, {"reason": "x" * 501}):
        assert refused(invoices.act(invoice, "void", body)) == (400, "validation_error")
    assert invoices.act(invoice, "cancel").json()["voidReason"] == "cancelled"
    assert invoices.act(invoices.make(), "cancel", {"reason": "Mine"}).json()["voidReason"] == "Mine"
    assert invoices.api.post(f"/api/invoices/{invoices.make()['id']}/cancel").status_code == 200


@pytest.mark.parametrize("verb", ["void", "cancel"])
def test_what_is_not_open_is_not_voided(invoices, verb):
    reason = {"reason": "x"}
    partly = invoices.status_after(("mark-paid", {"amount": 1}))
    paid = invoices.status_after(("mark-paid", {}))
    refunded = force(invoices, invoices.status_after(("mark-paid", {})), status="refunded", amount_refunded=10_000)
    for invoice in (partly, paid, invoices.make(0), refunded):
        assert refused(invoices.act(invoice, verb, reason)) == (409, "invoice_already_paid")
    assert refused(invoices.act(invoices.status_after(("cancel", {})), verb, reason)) == (409, "invoice_already_void")
    assert refused(invoices.act(invoices.draft(), verb, reason)) == (409, "invoice_not_finalised")


@pytest.mark.parametrize("status", ["failed", "past_due", "uncollectible"])
def test_whatever_is_unpaid_can_be_voided(invoices, status):
    invoice = force(invoices, invoices.make(), status=status)
    assert invoices.act(invoice, "cancel").json()["status"] == "void"


def test_writing_off_needs_a_reason_and_an_open_invoice(invoices):
    invoice = invoices.make(10_000)
    assert refused(invoices.act(invoice, "mark-uncollectible")) == (400, "validation_error")
    done = invoices.act(invoice, "mark-uncollectible", {"reason": "Insolvent"}).json()
    assert (done["status"], done["amountDue"]) == ("uncollectible", 10_000)
    closed = [invoices.draft(), invoices.make(0), invoice, invoices.status_after(("cancel", {}))]
    for one in closed:
        assert refused(invoices.act(one, "mark-uncollectible", {"reason": "x"})) == (409, "invoice_not_payable")


@pytest.mark.parametrize("status", ["failed", "past_due"])
def test_failed_and_overdue_invoices_can_be_written_off(invoices, status):
    invoice = force(invoices, invoices.make(), status=status)
    assert invoices.act(invoice, "mark-uncollectible", {"reason": "x"}).json()["status"] == "uncollectible"


def test_the_status_route_has_exactly_five_fields(invoices):
    invoice = invoices.make(500)
    path = f"/api/invoices/{invoice['id']}/status"
    assert invoices.api.get(path).json() == {
        "id": invoice["id"], "status": "pending", "total": 500, "currency": "EUR", "paidAt": None,
    }  # fmt: skip
    paid_at = invoices.act(invoice, "mark-paid").json()["paidAt"]
    assert invoices.api.get(path).json() == {
        "id": invoice["id"], "status": "paid", "total": 500, "currency": "EUR", "paidAt": paid_at,
    }  # fmt: skip
