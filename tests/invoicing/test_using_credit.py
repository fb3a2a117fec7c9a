"""Credit pays for an invoice when it gets its number, after tax, and comes back when the invoice becomes void."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

import pytest

from accounting.models import Account
from billing.models import Payment
from events.models import Event
from invoicing.models import PaymentAllocation
from invoicing.services import one_statement
from tenants.scope import tenant_scope
from tests.invoicing.books import balances, booked, entries
from tests.invoicing.credited import (
    credit,
    customer_of,
    grant,
    in_hours,
    left_of,
    paid_with_credit,
    wallet,
    wrong,
)
from tests.invoicing.documents import Invoices, asked, uuid_of

# The hot path must really send its statement, and what verifies must be free of a transaction that may be lost.
pytestmark = pytest.mark.django_db(transaction=True)
REASON = {"reason": "Because"}


def plain(invoices: Invoices, *amounts: int, **fields: Any) -> dict[str, Any]:
    """What the one statement would issue: the series has a number already."""
    invoices.make(1, userId="somebody-else")
    return invoices.make(*amounts, **fields)


def stepwise(invoices: Invoices, *amounts: int, **fields: Any) -> dict[str, Any]:
    """A due date is nothing that the one statement reads."""
    return invoices.make(*amounts, dueDate="2100-01-01T00:00:00Z", **fields)


def drafted(invoices: Invoices, *amounts: int, **fields: Any) -> dict[str, Any]:
    """A draft that is finalised."""
    answer = invoices.act(invoices.draft(*amounts, **fields), "finalise")
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


every_way = pytest.mark.parametrize("issue", [plain, stepwise, drafted])


def paid(body: dict[str, Any]) -> tuple[str, int, int]:
    """Status, what is paid and what is due."""
    return body["status"], body["amountPaid"], body["amountDue"]


@pytest.fixture
def taxed(invoices, settings_of):
    """Invoices with 19 % of tax."""
    settings_of(taxRate=1900)
    return invoices


@every_way
def test_credit_that_covers_everything_pays_the_invoice_at_once(taxed, issue):
    grant(taxed, 20_000)
    body = issue(taxed, 10_000)
    assert paid(body) == ("paid", 11_900, 0)
    assert body["paidAt"] == body["issuedAt"]
    assert {**taxed.get(body), "success": True} == body
    assert taxed.events()[-2:] == ["invoice.finalised", "invoice.paid"]
    with tenant_scope(taxed.tenant.id):
        events = Event.objects.filter(type__in=["invoice.finalised", "invoice.paid"], object_id=uuid_of(body))
        told = [json.loads(one.data) for one in events]
        payment = Payment.objects.get()
        allocation = PaymentAllocation.objects.get()
    assert told == [taxed.get(body)] * 2
    assert (payment.method, payment.provider, payment.status, payment.amount, payment.currency) == (
        "credit", "credit", "succeeded", 11_900, "EUR",
    )  # fmt: skip
    assert payment.paid_at == taxed.row(body).issued_at
    assert (allocation.invoice_id, allocation.payment_id, allocation.amount) == (uuid_of(body), payment.id, 11_900)
    assert wallet(taxed)["posted"] == 8_100
    assert wrong(taxed.tenant) == []


@every_way
def test_credit_pays_a_part_after_tax_and_the_rest_stays_due(taxed, issue):
    credit(taxed, 1_900)
    body = issue(taxed, 10_000)
    assert paid(body) == ("pending", 1_900, 10_000)
    # It is a means of payment: what is taxed and how stays as it is.
    assert (body["subtotal"], body["discount"], body["tax"], body["total"]) == (10_000, 0, 1_900, 11_900)
    assert body["taxBreakdown"][0]["taxable"] == 10_000
    assert body["paidAt"] is None
    assert "invoice.paid" not in taxed.events()
    assert booked(taxed.tenant)[-2:] == [
        (
            "invoice.finalised",
            [
                ("receivables:EUR", "debit", 11_900), ("revenue:EUR", "credit", 10_000),
                ("tax_payable:EUR", "credit", 1_900),
            ],
        ),
        ("payment.credit_used", [("None", "debit", 1_900), ("receivables:EUR", "credit", 1_900)]),
    ]  # fmt: skip
    used = entries(taxed.tenant, kind="payment.credit_used")[0]
    assert (used.created_at, used.description) == (taxed.row(body).issued_at, body["invoiceNumber"])
    assert wrong(taxed.tenant) == []
    rest = taxed.act(body, "mark-paid").json()
    assert paid(rest) == ("paid", 11_900, 0)
    assert balances(taxed.tenant)["cash:EUR"] == 10_000
    assert wrong(taxed.tenant) == []


@every_way
def test_grants_are_used_in_their_order_and_what_is_over_stays(invoices, issue):
    late = grant(invoices, 50, priority=90)
    soon = grant(invoices, 50, priority=10, expiresAt=in_hours(1))
    first = grant(invoices, 50, priority=0)
    credit(invoices, 7)
    issue(invoices, 70)
    assert left_of(invoices, first, soon, late) == [(0, "used"), (30, "active"), (50, "active")]
    issue(invoices, 200)
    assert left_of(invoices, first, soon, late) == [(0, "used")] * 3
    assert paid_with_credit(invoices.tenant) == [(70, 0), (87, 0)]
    assert wallet(invoices)["posted"] == 0
    assert paid(issue(invoices, 5)) == ("pending", 0, 5)
    assert wrong(invoices.tenant) == []


@every_way
def test_what_costs_nothing_uses_nothing(invoices, issue):
    grant(invoices, 50)
    assert paid(issue(invoices, 0)) == ("paid", 0, 0)
    assert paid_with_credit(invoices.tenant) == []
    assert wallet(invoices)["posted"] == 50


def test_a_draft_uses_nothing_until_it_is_finalised(invoices):
    grant(invoices, 50)
    draft = invoices.draft(80)
    assert (paid(draft), wallet(invoices)["posted"]) == (("draft", 0, 80), 50)
    assert paid(invoices.act(draft, "finalise").json()) == ("pending", 50, 30)
    assert wallet(invoices)["posted"] == 0


@every_way
def test_credit_in_another_currency_is_not_used(invoices, issue):
    grant(invoices, 50, currency="USD")
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)
    assert paid(issue(invoices, 80, currency="USD")) == ("pending", 50, 30)
    assert wrong(invoices.tenant) == []


@every_way
def test_credit_of_another_customer_is_not_used(invoices, other_invoices, issue):
    grant(invoices, 50, name="user-2")
    grant(other_invoices, 50)
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)
    assert wallet(other_invoices)["posted"] == 50


@every_way
def test_an_account_of_the_customer_that_is_no_wallet_is_not_used(invoices, issue):
    own = invoices.api.post(
        "/api/accounts", {"currency": "EUR", "ownerType": "customer", "ownerId": customer_of(invoices)}
    ).json()
    answer = invoices.api.post("/api/grants", {"accountId": own["id"], "amount": 50, "currency": "EUR"})
    assert answer.status_code == 201
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)


@every_way
def test_what_has_expired_is_not_used_even_when_nobody_has_swept(invoices, time_machine, issue):
    time_machine.move_to("2026-05-01T10:00:00Z", tick=False)
    over = grant(invoices, 50, expiresAt="2026-05-01T11:00:00Z", priority=0)
    credit(invoices, 8)
    time_machine.move_to("2026-05-01T11:00:00Z", tick=False)
    assert paid(issue(invoices, 80)) == ("pending", 8, 72)
    assert left_of(invoices, over) == [(0, "expired")]
    assert wrong(invoices.tenant) == []


@every_way
def test_what_expired_alone_leaves_nothing_to_use(invoices, time_machine, issue):
    time_machine.move_to("2026-05-01T10:00:00Z", tick=False)
    grant(invoices, 50, expiresAt="2026-05-01T11:00:00Z")
    time_machine.move_to("2026-05-01T12:00:00Z", tick=False)
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)
    assert paid_with_credit(invoices.tenant) == []


@every_way
def test_a_grant_that_has_begun_is_used_even_when_nobody_has_swept(invoices, time_machine, issue):
    time_machine.move_to("2026-05-01T10:00:00Z", tick=False)
    grant(invoices, 50, effectiveAt="2026-05-01T11:00:00Z")
    assert paid(issue(invoices, 30)) == ("pending", 0, 30)
    time_machine.move_to("2026-05-01T11:00:00Z", tick=False)
    assert paid(issue(invoices, 30)) == ("paid", 30, 0)
    assert wrong(invoices.tenant) == []


@every_way
def test_what_is_held_is_not_used(invoices, issue):
    account = grant(invoices, 50)["accountId"]
    held = invoices.api.post("/api/holds", {"accountId": account, "amount": 45, "currency": "EUR"})
    assert held.status_code == 201
    assert paid(issue(invoices, 80)) == ("pending", 5, 75)
    assert wallet(invoices) == {"posted": 45, "held": 45}
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)


@every_way
def test_what_a_wallet_may_be_overdrawn_by_is_no_credit(invoices, issue):
    credit(invoices, 10)
    with tenant_scope(invoices.tenant.id):
        account = Account.objects.get(is_wallet=True)
        account.overdraft_policy, account.overdraft_limit = "limit", 1_000
        account.save()
    assert paid(issue(invoices, 80)) == ("pending", 10, 70)
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)
    assert wallet(invoices)["posted"] == 0


@every_way
def test_a_suspended_wallet_is_not_used(invoices, issue):
    account = grant(invoices, 50)["accountId"]
    assert invoices.api.post(f"/api/accounts/{account}/suspend", REASON).status_code == 200
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)
    assert invoices.api.post(f"/api/accounts/{account}/activate", REASON).status_code == 200
    assert paid(issue(invoices, 80)) == ("pending", 50, 30)


@every_way
def test_a_closed_wallet_is_not_used_and_the_next_one_is(invoices, issue):
    credit(invoices, 50)
    credit(invoices, -50)
    with tenant_scope(invoices.tenant.id):
        Account.objects.filter(is_wallet=True).update(status="closed")
    assert paid(issue(invoices, 80)) == ("pending", 0, 80)
    credit(invoices, 50)
    assert paid(issue(invoices, 80)) == ("pending", 50, 30)


@pytest.mark.parametrize("more", [{}, {"dueDate": "2100-01-01T00:00:00Z"}])
def test_a_replayed_request_uses_credit_once(invoices, more):
    grant(invoices, 50)
    body = asked(30, **more)
    first, again = (invoices.post(body, key="k-1") for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    assert paid(first.json()) == ("paid", 30, 0)
    assert again["Idempotent-Replayed"] == "true"
    assert paid_with_credit(invoices.tenant) == [(30, 0)]
    assert wallet(invoices)["posted"] == 20


def test_an_empty_wallet_does_not_keep_an_invoice_from_the_one_statement(invoices, django_assert_num_queries):
    plain(invoices, 5)
    credit(invoices, 5)
    with django_assert_num_queries(0):  # what costs nothing needs no credit
        assert invoices.post(asked(0)).status_code == 201
    assert paid(plain(invoices, 5)) == ("paid", 5, 0)
    grant(invoices, 9, effectiveAt=in_hours(1))
    plain(invoices, 5)
    with django_assert_num_queries(0):
        assert invoices.post(asked(5)).status_code == 201
    # With credit one statement is enough to know that the ordinary way is needed.
    credit(invoices, 5)
    with patch.object(one_statement, "_send", wraps=one_statement._send) as sent:
        assert paid(invoices.make(5)) == ("paid", 5, 0)
    assert sent.call_count == 1


def test_an_invoice_that_credit_has_paid_in_part_is_voided_and_the_credit_comes_back(taxed):
    expiring = grant(taxed, 1_000, expiresAt=in_hours(1), priority=0)
    credit(taxed, 900)
    body = plain(taxed, 10_000)
    assert paid(body) == ("pending", 1_900, 10_000)
    assert left_of(taxed, expiring) == [(0, "used")]
    answer = taxed.act(body, "void", REASON)
    assert answer.status_code == 200, answer.content
    done = answer.json()
    assert (done["status"], done["amountPaid"], done["amountRefunded"]) == ("void", 1_900, 1_900)
    assert paid_with_credit(taxed.tenant) == [(1_900, 1_900)]
    assert wallet(taxed)["posted"] == 1_900
    assert left_of(taxed, expiring) == [(1_000, "active")]
    assert booked(taxed.tenant)[-2:] == [
        ("payment.credit_returned", [("None", "credit", 1_900), ("receivables:EUR", "debit", 1_900)]),
        (
            "invoice.voided",
            [
                ("receivables:EUR", "credit", 11_900), ("revenue:EUR", "debit", 10_000),
                ("tax_payable:EUR", "debit", 1_900),
            ],
        ),
    ]  # fmt: skip
    assert wrong(taxed.tenant) == []
    again = taxed.act(body, "void", REASON)
    assert (again.status_code, again.json()["code"]) == (409, "invoice_already_void")
    assert wallet(taxed)["posted"] == 1_900
    # What came back is used on the right invoice.
    assert paid(plain(taxed, 1_000)) == ("paid", 1_190, 0)


def test_what_comes_back_from_a_grant_that_is_over_has_no_end(invoices, time_machine):
    time_machine.move_to("2026-05-01T10:00:00Z", tick=False)
    over = grant(invoices, 50, expiresAt="2026-05-01T11:00:00Z")
    body = plain(invoices, 80)
    time_machine.move_to("2026-05-01T11:00:00Z", tick=False)
    assert invoices.act(body, "void", REASON).status_code == 200
    assert left_of(invoices, over) == [(0, "used")]
    assert wallet(invoices)["posted"] == 50
    assert paid(plain(invoices, 80)) == ("pending", 50, 30)
    assert wrong(invoices.tenant) == []


def test_a_part_of_a_grant_that_expired_meanwhile_is_gone_and_the_used_part_comes_back(invoices, time_machine):
    time_machine.move_to("2026-05-01T10:00:00Z", tick=False)
    part = grant(invoices, 50, expiresAt="2026-05-01T11:00:00Z")
    full = grant(invoices, 10, priority=0)
    body = plain(invoices, 40)
    assert paid(body) == ("paid", 40, 0)
    body = plain(invoices, 100)
    assert paid(body) == ("pending", 20, 80)
    time_machine.move_to("2026-05-01T12:00:00Z", tick=False)
    assert invoices.act(body, "void", REASON).status_code == 200
    assert wallet(invoices)["posted"] == 20
    assert left_of(invoices, part, full) == [(0, "used"), (0, "used")]
    assert wrong(invoices.tenant) == []


def test_what_was_written_off_after_credit_had_paid_a_part_is_voided_whole(taxed):
    credit(taxed, 1_900)
    body = plain(taxed, 10_000)
    assert taxed.act(body, "mark-uncollectible", REASON).status_code == 200
    assert balances(taxed.tenant)["bad_debts:EUR"] == 10_000
    assert wrong(taxed.tenant) == []
    assert taxed.act(body, "void", REASON).status_code == 200
    assert wallet(taxed)["posted"] == 1_900
    assert wrong(taxed.tenant) == []


def test_paid_in_full_or_partly_with_money_an_invoice_is_not_voided(invoices):
    credit(invoices, 130)
    full = plain(invoices, 100)
    mixed = plain(invoices, 100)
    assert paid(mixed) == ("pending", 30, 70)
    invoices.act(mixed, "mark-paid", {"amount": 1})
    for body in (full, mixed):
        answer = invoices.act(body, "void", REASON)
        assert (answer.status_code, answer.json()["code"]) == (409, "invoice_already_paid")
    assert paid_with_credit(invoices.tenant) == [(100, 0), (30, 0)]
    assert wallet(invoices)["posted"] == 0
    assert wrong(invoices.tenant) == []


def test_credit_comes_back_to_no_suspended_wallet_and_the_invoice_stays(invoices):
    account = grant(invoices, 50)["accountId"]
    body = plain(invoices, 80)
    invoices.api.post(f"/api/accounts/{account}/suspend", REASON)
    answer = invoices.act(body, "void", REASON)
    assert (answer.status_code, answer.json()["code"]) == (422, "account_suspended")
    assert paid(invoices.get(body)) == ("pending", 50, 30)
    invoices.api.post(f"/api/accounts/{account}/activate", REASON)
    assert invoices.act(body, "void", REASON).status_code == 200
    assert wallet(invoices)["posted"] == 50


def test_credit_of_a_wallet_that_was_closed_comes_back_to_the_new_one(invoices):
    account = grant(invoices, 50)["accountId"]
    body = plain(invoices, 80)
    assert invoices.api.post(f"/api/accounts/{account}/close", REASON).status_code == 200
    assert invoices.act(body, "void", REASON).status_code == 200
    assert paid(plain(invoices, 80)) == ("pending", 50, 30)
    assert wrong(invoices.tenant) == []


def test_credit_is_not_recorded_by_hand(invoices):
    credit(invoices, 10)
    body = plain(invoices, 80)
    answer = invoices.act(body, "mark-paid", {"method": "credit"})
    assert (answer.status_code, answer.json()["details"][0]["code"]) == (400, "invalid_choice")
