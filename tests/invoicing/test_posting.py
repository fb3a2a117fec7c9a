"""What issuing, paying, writing off and voiding put into the books, both ways of issuing and over the API."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from accounting.models import Account, JournalEntry
from accounting.services import chart
from invoicing.models import Invoice
from invoicing.services import settling
from invoicing.services.posting import post_write_off
from tenants.scope import tenant_scope
from tests.conftest import AT
from tests.invoicing.books import balances, booked, entries
from tests.invoicing.documents import asked, uuid_of

pytestmark = pytest.mark.django_db
REASON = {"reason": "Because"}
# A due date is nothing that the one statement reads: with it the same request goes step by step.
WAYS = [{}, {"dueDate": "2027-01-01T00:00:00Z"}]


@pytest.fixture
def taxed(invoices, settings_of):
    """Invoices with 19 % of tax."""
    settings_of(taxRate=1900)
    return invoices


@pytest.mark.parametrize("more", WAYS)
def test_an_issued_invoice_is_owed_earned_and_taxed(taxed, more):
    invoice = taxed.make(10_000, 5_000, **more)
    assert booked(taxed.tenant) == [
        (
            "invoice.finalised",
            [
                ("receivables:EUR", "debit", 17_850), ("revenue:EUR", "credit", 15_000),
                ("tax_payable:EUR", "credit", 2_850),
            ],
        )
    ]  # fmt: skip
    (entry,) = entries(taxed.tenant)
    row = taxed.row(invoice)
    assert (entry.source_type, entry.source_id, entry.created_at) == ("invoice", row.id, row.issued_at)
    assert bytes(entry.evidence or b"") == bytes(row.chain_hash or b"")


@pytest.mark.parametrize("more", WAYS)
def test_an_invoice_without_tax_has_no_line_for_it(invoices, more):
    invoices.make(700, **more)
    assert [lines for _, lines in booked(invoices.tenant)] == [
        [("receivables:EUR", "debit", 700), ("revenue:EUR", "credit", 700)]
    ]


@pytest.mark.parametrize("more", WAYS)
def test_what_costs_nothing_posts_nothing(taxed, more):
    assert taxed.make(0, **more)["status"] == "paid"
    assert booked(taxed.tenant) == []


def test_a_draft_posts_nothing_until_it_is_finalised(taxed):
    draft = taxed.draft(10_000)
    assert booked(taxed.tenant) == []
    taxed.act(draft, "finalise")
    assert balances(taxed.tenant) == {"receivables:EUR": 11_900, "revenue:EUR": 10_000, "tax_payable:EUR": 1_900}


@pytest.mark.parametrize("more", WAYS)
def test_each_currency_has_its_own_books(taxed, more):
    taxed.make(100, currency="EUR", **more)
    taxed.make(200, currency="JPY", **more)
    assert balances(taxed.tenant) == {
        "receivables:EUR": 119, "revenue:EUR": 100, "tax_payable:EUR": 19,
        "receivables:JPY": 238, "revenue:JPY": 200, "tax_payable:JPY": 38,
    }  # fmt: skip


def test_money_moves_what_is_owed_to_cash_part_by_part_on_the_day_it_moved(taxed, time_machine):
    time_machine.move_to("2026-05-02T10:00:00Z", tick=False)
    invoice = taxed.make(10_000)
    taxed.act(invoice, "mark-paid", {"amount": 1_900, "paidAt": "2026-05-01T00:00:00Z"})
    taxed.act(invoice, "mark-paid")
    assert booked(taxed.tenant)[1:] == [
        ("payment.recorded", [("cash:EUR", "debit", 1_900), ("receivables:EUR", "credit", 1_900)]),
        ("payment.recorded", [("cash:EUR", "debit", 10_000), ("receivables:EUR", "credit", 10_000)]),
    ]
    assert [entry.created_at.day for entry in entries(taxed.tenant)[1:]] == [1, 2]
    assert balances(taxed.tenant) == {"cash:EUR": 11_900, "revenue:EUR": 10_000, "tax_payable:EUR": 1_900}


def test_a_void_invoice_leaves_nothing_in_the_books_but_its_traces(taxed, time_machine):
    time_machine.move_to("2026-05-02T10:00:00Z", tick=False)
    invoice = taxed.make(10_000)
    time_machine.move_to("2026-06-01T10:00:00Z", tick=False)
    taxed.act(invoice, "void", REASON)
    issued, voided = entries(taxed.tenant)
    assert balances(taxed.tenant) == {}
    assert (voided.kind, voided.reverses_id, voided.created_at.month) == ("invoice.voided", issued.id, 6)
    # The past stays as it was.
    assert balances(taxed.tenant, before=voided.created_at) == {
        "receivables:EUR": 11_900, "revenue:EUR": 10_000, "tax_payable:EUR": 1_900,
    }  # fmt: skip


def test_what_is_written_off_is_a_loss_of_what_is_still_due(taxed):
    invoice = taxed.make(10_000)
    taxed.act(invoice, "mark-paid", {"amount": 900})
    taxed.act(invoice, "mark-uncollectible", REASON)
    assert booked(taxed.tenant)[-1] == (
        "invoice.uncollectible", [("bad_debts:EUR", "debit", 11_000), ("receivables:EUR", "credit", 11_000)]
    )  # fmt: skip
    assert balances(taxed.tenant) == {
        "cash:EUR": 900, "bad_debts:EUR": 11_000, "revenue:EUR": 10_000, "tax_payable:EUR": 1_900,
    }  # fmt: skip


def test_late_money_makes_the_loss_smaller(taxed):
    invoice = taxed.make(10_000)
    taxed.act(invoice, "mark-uncollectible", REASON)
    taxed.act(invoice, "mark-paid", {"amount": 4_000})
    assert booked(taxed.tenant)[-1] == (
        "payment.recovered", [("cash:EUR", "debit", 4_000), ("bad_debts:EUR", "credit", 4_000)]
    )  # fmt: skip
    taxed.act(invoice, "mark-paid")
    assert balances(taxed.tenant) == {"cash:EUR": 11_900, "revenue:EUR": 10_000, "tax_payable:EUR": 1_900}


def test_a_void_after_a_write_off_takes_both_back(taxed):
    invoice = taxed.make(10_000)
    taxed.act(invoice, "mark-uncollectible", REASON)
    taxed.act(invoice, "void", REASON)
    assert balances(taxed.tenant) == {}
    first, second, *reversals = entries(taxed.tenant)
    assert [(one.kind, one.reverses_id) for one in reversals] == [
        ("invoice.voided", first.id), ("invoice.write_off_reversed", second.id),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "body"), [("mark-paid", {"amount": 99_999}), ("void", {}), ("mark-uncollectible", {})]
)
def test_what_is_refused_posts_nothing(taxed, verb, body):
    invoice = taxed.make(10_000)
    assert taxed.act(invoice, verb, body).status_code in (400, 422)
    assert len(booked(taxed.tenant)) == 1


def test_a_fact_that_is_undone_takes_its_entry_with_it(taxed, at):
    invoice = taxed.make(10_000)
    with tenant_scope(taxed.tenant.id):
        settling.void_invoice(
            tenant_id=taxed.tenant.id, invoice_id=uuid_of(invoice), reason="x", at=at, trace_id=""
        )  # fmt: skip
        transaction.set_rollback(True)
    assert len(booked(taxed.tenant)) == 1


def test_one_fact_is_posted_once(taxed):
    invoice = taxed.make(10_000)
    with tenant_scope(taxed.tenant.id):
        row = Invoice.objects.get(id=uuid_of(invoice))
        accounts = chart.books_accounts(
            tenant_id=taxed.tenant.id, roles=["receivables", "bad_debts"], currency="EUR", at=AT
        )
        assert len(accounts) == 2
        post_write_off(row, at=AT)
        with pytest.raises(IntegrityError, match="entry_fact_unique"), transaction.atomic():
            post_write_off(row, at=AT + dt.timedelta(days=1))


def test_another_tenant_has_other_books(taxed, other_invoices):
    taxed.make(10_000)
    other_invoices.make(1)
    assert balances(other_invoices.tenant) == {"receivables:EUR": 1, "revenue:EUR": 1}
    with tenant_scope(other_invoices.tenant.id):
        assert Account.objects.count() == 2
        assert JournalEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_replayed_request_posts_once(taxed):
    body = asked(10_000)
    first, again = (taxed.post(body, key="k-1") for _ in range(2))
    assert first.content == again.content
    assert len(booked(taxed.tenant)) == 1


@pytest.mark.django_db(transaction=True)
def test_accounts_that_the_process_remembers_and_the_database_has_lost_are_made_again(invoices):
    invoices.make(1)
    names = [name for name in chart._known if name[0] == invoices.tenant.id]
    assert sorted(role for _, role, _ in names) == ["receivables", "revenue"]
    for name in names:
        chart._known[name] = invoices.tenant.id  # no account has this id
    assert invoices.make(2)["invoiceNumber"].endswith("0002")
    assert balances(invoices.tenant) == {"receivables:EUR": 3, "revenue:EUR": 3}
