"""What raw SQL of the application's own role cannot do to a finalised invoice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from common.ids import new_id
from invoicing import sql
from invoicing.enums import InvoiceStatus
from invoicing.models import Invoice
from invoicing.transitions import INVOICE
from tenants.scope import tenant_scope
from tests.invoicing.documents import rows_of, uuid_of

pytestmark = pytest.mark.django_db
# Another value for each column; what is not listed here may change after finalisation or is the row's identity.
CONTENT = {
    "customer_id": "gen_random_uuid()", "currency": "'USD'", "subtotal": "subtotal + 1", "discount": "discount + 1",
    "tax": "tax + 1", "total": "total + 1", "tax_breakdown": "'[]'", "coupons": "'[1]'", "item_count": "item_count + 1",
    "skip_tax": "NOT skip_tax", "period_start": "now()", "period_end": "now()", "subscription_id": "gen_random_uuid()",
    "due_date": "now()", "series": "'X'", "year": "year - 1", "number": "number + 1000", "invoice_number": "'INV-1'",
    "issued_at": "now()", "buyer_digest": "sha256('x')", "content_digest": "sha256('x')", "chain_hash": "sha256('x')",
    "derivation_digest": "sha256('x')", "created_at": "now()", "settings_version": "settings_version + 1",
}  # fmt: skip
ITEM_CONTENT = {
    "id": "gen_random_uuid()", "position": "position + 1", "type": "'usage'", "description": "'x'",
    "quantity": "quantity + 1", "unit_price": "unit_price + 1", "total": "total + 1", "discount": "discount + 1",
    "tax_rate": "tax_rate + 1", "taxes": "'[]'", "tax_code": "'x'", "product_id": "gen_random_uuid()",
    "price_id": "gen_random_uuid()", "period_start": "now()", "period_end": "now()", "metadata": "'{}'",
    "usage": "'[]'", "inclusive": "true", "exchange": "'{}'", "plan_id": "gen_random_uuid()",
}  # fmt: skip
BUYER = ("user_id", "name", "email", "address", "vat_id", "locale", "notes", "payment_instructions")


@pytest.fixture
def run(tenant):
    """Executes SQL in the tenant's scope: the name of the constraint that refuses, or None and the effect stays."""

    def execute(statement: str, *values: Any) -> str | None:
        try:
            with tenant_scope(tenant.id), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, values)
                assert cursor.rowcount > 0, "the statement met no row"
        except DatabaseError as refused:
            cause: Any = refused.__cause__
            return str(cause.diag.constraint_name or cause.diag.message_primary)
        return None

    return execute


@pytest.fixture
def issued(invoices):
    """A finalised invoice of two items with everything that can be filled."""
    period = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-02-01T00:00:00Z"}
    details = {"name": "Ada", "email": "a@example.com", "vatId": "DE123456789", "address": {"line1": "1 High St"}}
    return invoices.make(10_000, 5, notes="N", customer=details, **period)


def columns(table: str) -> set[str]:
    with connection.cursor() as cursor:
        return {one.name for one in connection.introspection.get_table_description(cursor, table)}


def test_every_column_of_an_invoice_is_either_content_or_listed_as_mutable():
    assert columns("invoicing_invoice") == set(CONTENT) | set(sql.MUTABLE) | {"id", "tenant_id"}


@pytest.mark.parametrize("column", CONTENT)
@pytest.mark.parametrize("status", ["pending", "void"])
def test_no_content_of_a_finalised_invoice_can_be_updated(invoices, issued, run, column, status):
    if status == "void":
        invoices.act(issued, "cancel")
    before = rows_of("invoicing_invoice", tenant=invoices.tenant)
    assert run(f"UPDATE invoicing_invoice SET {column} = {CONTENT[column]}") == "invoice_content_final"
    assert rows_of("invoicing_invoice", tenant=invoices.tenant) == before


def test_content_cannot_change_together_with_the_status(issued, run):
    change = "UPDATE invoicing_invoice SET status = 'past_due', total = total + 1, subtotal = subtotal + 1"
    assert run(change) == "invoice_content_final"


def test_an_invoice_keeps_its_id_and_its_tenant_even_as_a_draft(invoices, other_tenant, run):
    invoices.draft()
    assert run("UPDATE invoicing_invoice SET id = gen_random_uuid()") == "invoice_identity"
    assert run("UPDATE invoicing_invoice SET tenant_id = %s", other_tenant.id) is not None


def test_a_finalised_invoice_is_never_deleted(issued, run):
    assert run("DELETE FROM invoicing_invoice") == "invoice_kept"


@pytest.mark.parametrize("table", ["invoice", "invoiceitem", "invoicebuyer", "numberseries", "paymentallocation"])
def test_no_table_can_be_emptied_past_the_triggers(issued, run, table):
    assert "permission denied" in str(run(f"TRUNCATE invoicing_{table} CASCADE"))
    assert "must be owner" in str(run(f"ALTER TABLE invoicing_{table} DISABLE TRIGGER ALL"))
    assert "permission denied" in str(run("SET LOCAL session_replication_role = 'replica'"))


def test_every_column_of_an_item_is_tried():
    assert columns("invoicing_invoiceitem") == set(ITEM_CONTENT) | {"tenant_id", "invoice_id"}


@pytest.mark.parametrize("column", ITEM_CONTENT)
def test_no_item_of_a_finalised_invoice_can_be_updated(invoices, issued, run, column):
    before = rows_of("invoicing_invoiceitem", tenant=invoices.tenant)
    change = f"UPDATE invoicing_invoiceitem SET {column} = {ITEM_CONTENT[column]} WHERE position = 1"
    assert run(change) == "item_final"
    assert rows_of("invoicing_invoiceitem", tenant=invoices.tenant) == before


def test_items_of_a_finalised_invoice_are_neither_deleted_nor_added(issued, run):
    assert run("DELETE FROM invoicing_invoiceitem") == "item_final"
    assert run("DELETE FROM invoicing_invoiceitem WHERE position = 1") == "item_final"
    names = sorted(columns("invoicing_invoiceitem") - {"id", "position"})
    copy = (
        f"INSERT INTO invoicing_invoiceitem (id, position, {', '.join(names)}) "
        f"SELECT gen_random_uuid(), position + 10, {', '.join(names)} FROM invoicing_invoiceitem"
    )
    assert run(copy) == "item_final"
    assert run(copy + " LIMIT 1") == "item_final"


def test_items_move_neither_into_nor_out_of_a_finalised_invoice(invoices, issued, run):
    draft = invoices.draft(7)
    move = "UPDATE invoicing_invoiceitem SET invoice_id = %s, position = position + 10 WHERE invoice_id = %s"
    assert run(move, uuid_of(draft), uuid_of(issued)) == "item_final"
    assert run(move, uuid_of(issued), uuid_of(draft)) == "item_final"
    assert run(move, uuid_of(invoices.draft(8)), uuid_of(draft)) is None


@pytest.mark.parametrize("column", BUYER)
def test_the_buyer_of_a_finalised_invoice_cannot_be_changed(issued, run, column):
    value = "'{}'" if column == "address" else "'x'"
    assert run(f"UPDATE invoicing_invoicebuyer SET {column} = {value}") == "buyer_final"
    assert run(f"UPDATE invoicing_invoicebuyer SET {column} = {value}, salt = NULL") == "buyer_final"


def test_the_buyer_is_erased_only_together_with_its_salt(issued, run):
    assert columns("invoicing_invoicebuyer") == {"id", "tenant_id", "salt", *BUYER}
    nothing = ", ".join(f"{column} = NULL" for column in BUYER)
    assert run(f"UPDATE invoicing_invoicebuyer SET {nothing}") == "buyer_final"
    assert run("UPDATE invoicing_invoicebuyer SET salt = sha256('x')") == "buyer_final"
    assert run("UPDATE invoicing_invoicebuyer SET id = gen_random_uuid()") == "buyer_final"
    assert run("DELETE FROM invoicing_invoicebuyer") == "buyer_final"
    assert run(f"UPDATE invoicing_invoicebuyer SET {nothing}, salt = NULL") == "buyer_final"
    assert run("UPDATE invoicing_invoice SET status = 'void', voided_at = now(), void_reason = 'x'") is None
    assert run("SELECT invoicing_erase_invoices(%s::uuid[], now())", [uuid_of(issued)]) is None
    assert run("UPDATE invoicing_invoicebuyer SET name = 'Ada'") == "buyer_final"
    assert run("UPDATE invoicing_invoicebuyer SET salt = sha256('x')") == "buyer_final"


def test_after_erasing_the_buyer_the_content_still_proves_the_chain(invoices, issued, run):
    row = invoices.row(issued)
    assert run("UPDATE invoicing_invoice SET status = 'void', voided_at = now(), void_reason = 'x'") is None
    assert run("SELECT invoicing_erase_invoices(%s::uuid[], now())", [uuid_of(issued)]) is None
    assert invoices.stored_digest(issued) == bytes(row.content_digest)
    body = invoices.get(issued)
    assert (body["userId"], body["notes"], body["total"]) == (None, None, 10_005)


def test_a_drafts_buyer_items_and_rows_are_free(invoices, run):
    invoices.draft(5)
    assert run("UPDATE invoicing_invoicebuyer SET name = 'x'") is None
    assert run("UPDATE invoicing_invoiceitem SET description = 'x'") is None
    assert run("UPDATE invoicing_invoice SET currency = 'USD'") is None


def test_allocations_are_never_changed(invoices, run):
    invoices.status_after(("mark-paid", {}))
    assert run("UPDATE invoicing_paymentallocation SET amount = 1") == "allocation_immutable"
    assert run("DELETE FROM invoicing_paymentallocation") == "allocation_immutable"


@pytest.mark.parametrize(
    "change",
    ["last_number = 0", "last_number = last_number - 1", "start = 2", "year = year + 1", "code = 'X'", "start = 0"],
)
def test_a_used_series_never_goes_back(invoices, run, change):
    invoices.make()
    invoices.make()
    assert run(f"UPDATE invoicing_numberseries SET {change}") == "series_rises"
    assert run("DELETE FROM invoicing_numberseries") == "series_kept"


def test_a_number_is_not_given_twice(invoices, run):
    first = invoices.make()
    draft = invoices.draft()
    taken = invoices.row(first)
    steal = (
        "UPDATE invoicing_invoice SET status = 'pending', series = %s, year = %s, number = %s, invoice_number = %s, "
        "issued_at = now(), due_date = now(), content_digest = sha256('x'), chain_hash = sha256('x'), "
        "buyer_digest = sha256('x'), settings_version = 1 WHERE id = %s"
    )
    values = (taken.series, taken.year, taken.number, taken.invoice_number, uuid_of(draft))
    assert run(steal, *values) == "invoice_number_unique"


def test_the_databases_transitions_are_those_of_the_state_machine():
    from_table = {(str(before), str(after)) for (before, _), after in INVOICE.transitions.items()}
    # What costs nothing is finalised and settled in one step.
    assert set(sql.TRANSITIONS) == from_table | {("draft", "paid")}
    assert len(sql.TRANSITIONS) == len(set(sql.TRANSITIONS))


_ISSUED: Mapping[str, str] = {
    "series": "'T'", "year": "2026", "number": "1", "invoice_number": "'T-1'", "issued_at": "now()",
    "due_date": "now()", "content_digest": "sha256('x')", "chain_hash": "sha256('x')",
    "buyer_digest": "sha256('x')", "settings_version": "1", "paid_at": "now()",
    "voided_at": "now()", "void_reason": "'x'",
}  # fmt: skip


def ways_to(status: str) -> list[str]:
    """The statuses on the shortest legal way from draft to `status`."""
    ways = {"draft": ["draft"]}
    while status not in ways:
        for before, after in sql.TRANSITIONS:
            if before in ways and (before, after) != ("draft", "paid"):
                ways.setdefault(after, [*ways[before], after])
    return ways[status]


@pytest.mark.parametrize("before", InvoiceStatus.values)
def test_raw_sql_makes_no_other_transition_than_the_listed_ones(invoices, run, before):
    invoices.draft(5)
    for step in ways_to(before)[1:]:
        fields = _ISSUED if step == "pending" else {}
        assert run(f"UPDATE invoicing_invoice SET {assignments({'status': repr(step), **fields})}") is None
    for after in InvoiceStatus.values:
        if after == before:
            continue
        fields = _ISSUED if before == "draft" else {}
        change = f"UPDATE invoicing_invoice SET {assignments({'status': repr(str(after)), **fields})}"
        with transaction.atomic():
            refusal = run(change)
            transaction.set_rollback(True)
        assert (refusal is None) == ((before, after) in sql.TRANSITIONS), (before, after, refusal)
        if refusal is not None:
            assert refusal == "invoice_transition"


@pytest.mark.parametrize("column", sorted(set(_ISSUED) - {"paid_at", "voided_at", "void_reason"}))
def test_nothing_is_issued_without_what_proves_it(invoices, run, column):
    invoices.draft(5)
    fields = {"status": "'pending'", **_ISSUED, column: "NULL"}
    assert run(f"UPDATE invoicing_invoice SET {assignments(fields)}") == "invoice_issued_has_number"


def assignments(values: Mapping[str, str]) -> str:
    return ", ".join(f"{column} = {value}" for column, value in values.items())


@pytest.mark.parametrize("status", InvoiceStatus.values)
def test_an_invoice_begins_as_draft_or_issued(invoices, run, status):
    invoices.make(5)
    names = sorted(columns("invoicing_invoice") - {"id", "status", "number", "voided_at", "void_reason", "paid_at"})
    insert = (
        f"INSERT INTO invoicing_invoice (id, status, number, voided_at, void_reason, paid_at, {', '.join(names)}) "
        f"SELECT %s, %s, number + 1, now(), 'x', now(), {', '.join(names)} FROM invoicing_invoice"
    )
    refusal = run(insert, new_id(), status)
    if status == "pending":
        assert refusal is None
    elif status == "draft":
        assert refusal == "invoice_issued_has_number"
    else:
        assert refusal == "invoice_begins"


def test_another_tenants_invoice_cannot_be_touched_at_all(issued, other_tenant):
    with tenant_scope(other_tenant.id), connection.cursor() as cursor:
        for statement in (
            "UPDATE invoicing_invoice SET metadata = '{}'", "DELETE FROM invoicing_invoice",
            "UPDATE invoicing_invoiceitem SET description = 'x'", "DELETE FROM invoicing_invoicebuyer",
            "UPDATE invoicing_numberseries SET last_number = last_number + 1",
        ):  # fmt: skip
            cursor.execute(statement)
            assert cursor.rowcount == 0
        assert not Invoice.objects.exists()
