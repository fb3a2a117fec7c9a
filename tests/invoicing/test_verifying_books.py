"""The books are compared with what they are about; whoever changes either behind their back is found out."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command

from accounting.models import JournalEntry
from invoicing.services.posting_missing import post_missing_entries
from invoicing.services.recognising import recognise_revenue
from invoicing.services.verifying_books import CHECKS
from tenants.context import system_context
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.conftest import owner_connection
from tests.invoicing.books import balances, booked
from tests.invoicing.credited import credit, wallet, wrong
from tests.invoicing.documents import Invoices, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)
REASON = {"reason": "Because"}
PERIOD = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-04-01T00:00:00Z"}
TABLES = (
    "invoicing_invoice", "billing_payment", "accounting_journalentry", "accounting_journalline",
    "invoicing_recognition",
)  # fmt: skip


def findings(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return [f"{place}: {problem}" for check in CHECKS for place, problem in check(tenant_id=tenant.id)]


@pytest.fixture
def tamper(tenant: Tenant) -> Iterator[Callable[[str], None]]:
    """Executes a statement as the owner, in the tenant's scope, while no trigger of ours looks."""
    with owner_connection() as owner:

        def execute(statement: str) -> None:
            with owner.transaction():
                owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(tenant.id)])
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                assert owner.execute(statement).rowcount
                for table in TABLES:
                    owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")

        yield execute


@pytest.fixture
def lived(invoices, settings_of, time_machine) -> dict[str, Any]:
    """One invoice in every state, with taxes, two currencies and a schedule that is half done."""
    settings_of(taxRate=1900, timeZone="UTC")
    time_machine.move_to("2026-01-05T10:00:00Z", tick=False)
    made = {name: invoices.make(10_000) for name in ("open", "part", "paid", "void", "lost", "late", "regretted")}
    made["free"] = invoices.make(0)
    made["yen"] = invoices.make(777, currency="JPY")
    made["served"] = invoices.make(9_000, **PERIOD)
    made["withdrawn"] = invoices.make(9_000, **PERIOD)
    made["draft"] = invoices.draft(5)
    recognise_revenue(tenant_id=invoices.tenant.id, at=dt.datetime(2026, 2, 1, tzinfo=dt.UTC))
    time_machine.move_to("2026-02-05T10:00:00Z", tick=False)
    steps = [
        ("part", "mark-paid", {"amount": 1}), ("paid", "mark-paid", {}), ("void", "void", REASON),
        ("lost", "mark-paid", {"amount": 3}), ("lost", "mark-uncollectible", REASON),
        ("late", "mark-uncollectible", REASON), ("late", "mark-paid", {}),
        ("regretted", "mark-uncollectible", REASON), ("regretted", "void", REASON), ("withdrawn", "void", REASON),
    ]  # fmt: skip
    for name, verb, body in steps:
        assert invoices.act(made[name], verb, body).status_code == 200
    return made


def test_what_ledger_did_agrees(invoices: Invoices, lived):
    assert findings(invoices.tenant) == []
    assert balances(invoices.tenant) == {
        "receivables:EUR": 11_900 + 11_899 + 10_710, "receivables:JPY": 925, "revenue:JPY": 777, "tax_payable:JPY": 148,
        "cash:EUR": 1 + 11_900 + 3 + 11_900, "bad_debts:EUR": 11_897, "revenue:EUR": 5 * 10_000 + 3_100,
        "deferred_revenue:EUR": 5_900, "tax_payable:EUR": 5 * 1_900 + 1_710,
    }  # fmt: skip


def test_a_tenant_without_books_is_in_order(tenant):
    assert findings(tenant) == []


def test_invented_invoices_are_posted_too(make_tenant):
    tenant = make_tenant(is_test=True)
    call_command("seed_invoices", "--tenant", tenant.slug, "--count", "600", stdout=io.StringIO(), stderr=io.StringIO())
    assert findings(tenant) == []
    kinds = {kind for kind, _ in booked(tenant)}
    assert kinds == {"invoice.finalised", "payment.recorded", "invoice.voided", "invoice.uncollectible"}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE invoicing_invoice SET total = total + 1, subtotal = subtotal + 1 WHERE id = '{open}'",
         ["receivables:EUR: the account holds 34509", "costs 11901 EUR with 1900 of tax, but has an entry over 11900"]),
        ("UPDATE invoicing_invoice SET amount_paid = 5 WHERE id = '{open}'", ["difference 5)", "that 5 were paid"]),
        ("UPDATE invoicing_invoice SET tax = tax + 1, total = total + 1 WHERE id = '{paid}'",
         ["tax_payable:EUR: the account holds 11210", "costs 11901 EUR with 1901 of tax, but has an entry over"]),
        ("UPDATE invoicing_invoice SET chain_hash = content_digest WHERE id = '{open}'",
         ["evidence is not its link in the chain"]),
        ("UPDATE invoicing_invoice SET status = 'void', voided_at = now(), void_reason = 'x' WHERE id = '{open}'",
         ["receivables:EUR", "tax_payable:EUR", "is void, and its entry is not reversed"]),
        ("UPDATE invoicing_invoice SET status = 'pending' WHERE id = '{void}'",
         ["receivables:EUR", "tax_payable:EUR", "is not void, and its entry is reversed"]),
        ("UPDATE billing_payment SET amount = amount + 1 WHERE amount = 3",
         ["cash:EUR: the account holds 23804", "is over 4 EUR, but its entry is over 3"]),
        ("UPDATE accounting_journalline SET amount = 12000 WHERE amount = 11897", ["receivables:EUR", "bad_debts:EUR"]),
        ("UPDATE invoicing_recognition SET amount = amount + 1 WHERE status = 'scheduled' AND amount = 2800",
         ["deferred_revenue:EUR: the account holds 5900", "9001 in months of service, but its entry deferred 9000"]),
        ("UPDATE accounting_journalentry SET source_id = gen_random_uuid() WHERE source_id = '{yen}'",
         ["is issued and has no entry", "is about something that does not exist"]),
        ("UPDATE accounting_journalentry SET source_id = gen_random_uuid() WHERE kind = 'payment.recovered'",
         ["succeeded and has no entry", "is about something that does not exist"]),
    ],
)  # fmt: skip
def test_what_was_altered_is_named(invoices: Invoices, lived, tamper, statement, said):
    tamper(statement.format(**{name: uuid_of(one) for name, one in lived.items()}))
    found = findings(invoices.tenant)
    assert len(found) == len(said), found
    for part, finding in zip(said, found, strict=True):
        assert part in finding


@pytest.fixture
def credited(invoices) -> dict[str, Any]:
    """Credit that paid in full, in part, and came back; and money on the same invoice."""
    credit(invoices, 40_000)
    made = {"full": invoices.make(10_000), "void": invoices.make(100_000)}
    assert invoices.act(made["void"], "void", REASON).status_code == 200
    made["part"] = invoices.make(50_000)
    invoices.act(made["part"], "mark-paid", {"amount": 1_000})
    return made


def test_credit_that_pays_agrees_and_is_no_cash(invoices: Invoices, credited):
    assert findings(invoices.tenant) == []
    assert wrong(invoices.tenant) == []
    held = balances(invoices.tenant)
    assert (held["cash:EUR"], held["receivables:EUR"]) == (1_000, 19_000)
    assert wallet(invoices)["posted"] == 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE billing_payment SET amount = 9000 WHERE amount = 10000",
         ["is over 9000 EUR, but its entry is over 10000", "says that 9000 of credit were used"]),
        ("UPDATE billing_payment SET amount_refunded = 1 WHERE amount = 10000", ["used and 1 given back"]),
        ("UPDATE billing_payment SET amount_refunded = 0 WHERE amount_refunded = 30000 AND amount_refunded > 0",
         ["lost 30000 and got 30000"]),
        ("UPDATE billing_payment SET method = 'cash' WHERE amount = 10000",
         ["cash:EUR: the account holds 1000", "but its entry is over 0", "says that 0 of credit were used"]),
        ("UPDATE billing_payment SET method = 'credit' WHERE amount = 1000",
         ["cash:EUR: the account holds 1000", "says that 1000 of credit were used"]),
        ("UPDATE accounting_journalline SET account_id = (SELECT id FROM accounting_account WHERE code = 'cash:EUR') "
         "WHERE side = 'debit' AND amount = 10000 AND entry_id IN "
         "(SELECT id FROM accounting_journalentry WHERE kind = 'payment.credit_used')",
         ["cash:EUR: the account holds 11000", "but wallets of its customer lost 0"]),
        ("UPDATE accounting_journalentry SET source_id = gen_random_uuid() WHERE kind = 'payment.credit_used' "
         "AND id IN (SELECT entry_id FROM accounting_journalline WHERE amount = 10000)",
         ["succeeded and has no entry", "lost 0 and got 0", "is about something that does not exist"]),
    ],
)  # fmt: skip
def test_credit_that_was_altered_is_named(invoices: Invoices, credited, tamper, statement, said):
    tamper(statement)
    found = findings(invoices.tenant)
    assert len(found) == len(said), found
    for part, finding in zip(said, found, strict=True):
        assert part in finding


def test_missing_entries_are_none_of_credit(invoices: Invoices, credited):
    before = booked(invoices.tenant)
    assert post_missing_entries(context=system_context(invoices.tenant.id, "tests")) == 0
    assert booked(invoices.tenant) == before


def without_books(tenant: Tenant) -> None:
    """As if the books had come later than everything in them."""
    with owner_connection() as owner, owner.transaction():
        owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(tenant.id)])
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for table in ("invoicing_recognition", "accounting_journalline", "accounting_journalentry"):
            owner.execute(f"DELETE FROM {table}")
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_what_is_older_than_the_books_gets_its_entries_once(invoices: Invoices, lived):
    before = balances(invoices.tenant)
    without_books(invoices.tenant)
    assert len(findings(invoices.tenant)) > 10
    context = system_context(invoices.tenant.id, "tests")
    # Ten invoices that cost something, four payments, one write-off that stands, three voids.
    assert post_missing_entries(context=context) == 18
    assert findings(invoices.tenant) == []
    assert post_missing_entries(context=context) == 0
    recognise_revenue(tenant_id=invoices.tenant.id, at=dt.datetime(2026, 2, 1, tzinfo=dt.UTC))
    assert balances(invoices.tenant) == before
    assert findings(invoices.tenant) == []


def test_the_entries_are_of_the_dates_of_their_facts(invoices: Invoices, lived):
    def dated() -> set[tuple[str, dt.datetime]]:
        with tenant_scope(invoices.tenant.id):
            rows = JournalEntry.objects.filter(kind__in=["invoice.finalised", "payment.recorded", "invoice.voided"])
            return {(row.kind, row.created_at) for row in rows}

    before = dated()
    without_books(invoices.tenant)
    call_command("post_missing_entries", "--tenant", invoices.tenant.slug, stdout=io.StringIO(), stderr=io.StringIO())
    assert dated() == before


def test_a_void_of_what_is_not_posted_yet_is_posted_later(invoices: Invoices, lived):
    without_books(invoices.tenant)
    invoices.act(lived["open"], "void", REASON)
    invoices.act(lived["part"], "mark-paid", {})
    post_missing_entries(context=system_context(invoices.tenant.id, "tests"))
    assert findings(invoices.tenant) == []
