"""SQL of the application role that misuses erasing: to falsify, to hide, or to erase what is not due."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from invoicing.services.verifying import verify_numbering
from tenants.models import ErasedObject
from tenants.scope import tenant_scope
from tests.conftest import owner_connection
from tests.invoicing.anonymised import erase, paid, run
from tests.invoicing.documents import Invoices, rows_of, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = (
    "billing_customer", "billing_payment", "events_event", "invoicing_invoice", "invoicing_invoicebuyer",
    "invoicing_invoicedocument", "tenants_auditentry", "tenants_erasedobject", "tenants_idempotencykey",
)  # fmt: skip


# What erasing makes of a row, to be spoiled by one value.
AUDIT_ERASED = "before = ledger_audit_erased(before), after = ledger_audit_erased(after)"
BUYER_ERASED = (
    "user_id = NULL, email = NULL, address = NULL, vat_id = NULL, locale = NULL, notes = NULL, "
    "payment_instructions = NULL, salt = NULL"
)


def everything(invoices: Invoices) -> dict[str, list[dict[str, Any]]]:
    return {table: rows_of(table, tenant=invoices.tenant) for table in TABLES}


def run_sql(invoices: Invoices, statement: str, *values: Any) -> str | None:
    """Why the database refuses the statement of the application, or None."""
    try:
        with tenant_scope(invoices.tenant.id), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except DatabaseError as refused:
        cause: Any = refused.__cause__
        return str(cause.diag.constraint_name or cause.diag.message_primary)
    return None


def ids_in(invoices: Invoices, table: str) -> list[Any]:
    return [row["id"] for row in rows_of(table, tenant=invoices.tenant)]


@pytest.fixture
def live(invoices: Invoices) -> Invoices:
    """A paid invoice with everything, an unpaid one, and a stored answer; nothing is erased."""
    invoice = paid(invoices, userId="ada-1")
    assert invoices.api.get(f"/api/invoices/{invoice['id']}/pdf").status_code == 200
    invoices.post({"userId": "ada-1", "items": [{"description": "A", "unitPrice": 1}]}, key="k")
    return invoices


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE tenants_auditentry SET before = NULL, after = NULL", "permission denied"),
        ("UPDATE tenants_auditentry SET after = ledger_audit_erased(after)", "permission denied"),
        ("UPDATE events_event SET data = ledger_document_erased(data)", "event_immutable"),
        ("UPDATE tenants_idempotencykey SET body = ledger_document_erased(body)", "idempotency_final"),
        (
            "UPDATE invoicing_invoice SET erased_at = now(), metadata = '{}' WHERE status = 'paid'",
            "invoice_erased_by_eraser",
        ),
        (
            "UPDATE invoicing_invoicebuyer SET user_id = NULL, name = NULL, email = NULL, address = NULL,"
            " vat_id = NULL, locale = NULL, notes = NULL, payment_instructions = NULL, salt = NULL",
            "buyer_final",
        ),
        ("UPDATE invoicing_invoicedocument SET content = NULL", "document_final"),
        ("UPDATE billing_payment SET reference = NULL", "payment_settled_is_final"),
        ("UPDATE billing_payment SET metadata = '{}', reference = NULL", "payment_settled_is_final"),
        (
            "UPDATE billing_customer SET erased_at = now(), external_id = NULL, name = NULL, email = NULL,"
            " locale = NULL, address = NULL, vat_id = NULL, vat_status = NULL, metadata = '{}'",
            "customer_erased_by_eraser",
        ),
        (
            "INSERT INTO billing_customer (id, tenant_id, metadata, created_at, updated_at, erased_at)"
            " SELECT gen_random_uuid(), tenant_id, '{}', now(), now(), now() FROM billing_customer LIMIT 1",
            "customer_erased_by_eraser",
        ),
        (
            "INSERT INTO tenants_erasedobject (id, tenant_id, kind, erased_at, recorded_at)"
            " SELECT id, tenant_id, 'invoice', now(), now() FROM invoicing_invoice",
            "permission denied",
        ),
    ],
)
def test_the_application_itself_erases_nothing(live, statement, refusal):
    before = everything(live)
    assert refusal in str(run_sql(live, statement))
    assert everything(live) == before


def test_an_eraser_leaves_an_unfinished_invoice_alone(invoices):
    for steps in ([], [("mark-uncollectible", {"reason": "x"})], [("mark-paid", {"amount": 1})]):
        invoices.status_after(*steps)
    invoices.draft()
    before = everything(invoices)
    every = ids_in(invoices, "invoicing_invoice")
    assert run_sql(invoices, "SELECT invoicing_erase_invoices(%s::uuid[], now())", every) is None
    assert everything(invoices) == before


@pytest.mark.parametrize(
    "function",
    ["billing_erase_payments", "events_erase", "invoicing_erase_documents", "tenants_erase_audit"],
)
def test_traces_of_an_object_that_is_not_marked_cannot_be_erased(live, function):
    before = everything(live)
    every = [one for table in TABLES for one in ids_in(live, table)]
    every += [row["entity_id"] for row in before["tenants_auditentry"]]
    assert run_sql(live, f"SELECT {function}(%s::uuid[])", every) is None
    assert everything(live) == before


def test_answers_about_what_is_not_marked_stay(live):
    before = everything(live)
    assert run_sql(live, "SELECT tenants_erase_answers('-infinity')") is None
    assert run_sql(live, "SELECT invoicing_mark_drafts(%s::uuid[], now())", ids_in(live, "billing_customer")) is None
    assert everything(live) == before


def test_a_customer_cannot_be_erased_before_the_last_of_their_invoices(live):
    before = everything(live)
    erase_all = "SELECT billing_erase_customers(%s::uuid[], now())"
    assert run_sql(live, erase_all, ids_in(live, "billing_customer")) == "customer_erased_when_settled"
    assert everything(live) == before


def test_hiding_the_invoices_does_not_help(live):
    """The tenant that the function works in is the one it was called in: without one it sees no customer either."""
    before = everything(live)
    hidden = (
        "SELECT billing_erase_customers(%s::uuid[], now()) FROM (SELECT set_config('ledger.tenant_id', '', true)) AS x"
    )
    run_sql(live, hidden, ids_in(live, "billing_customer"))
    hidden = "SELECT billing_erase_customers(%s::uuid[], now()) WHERE set_config('ledger.tenant_id', '', true) = ''"
    run_sql(live, hidden, ids_in(live, "billing_customer"))
    assert everything(live) == before


def test_young_deletions_cannot_be_forgotten(live):
    draft = live.draft(notes="evidence")
    live.api.delete(f"/api/invoices/{draft['id']}")
    before = everything(live)
    for ids in ([], [str(uuid_of(draft))]):
        assert run_sql(live, "SELECT tenants_mark_deleted(now(), 'infinity', %s::uuid[], 1000)", ids) is None
    assert everything(live) == before


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("tenants_auditentry", 'after = \'{"name": "Eve"}\''),
        ("tenants_auditentry", "reason = 'made up'"),
        ("tenants_auditentry", f"{AUDIT_ERASED}, reason = 'made up'"),
        ("tenants_auditentry", f"{AUDIT_ERASED}, reason = NULL, actor_id = 'somebody else'"),
        ("tenants_auditentry", f"{AUDIT_ERASED}, reason = NULL, created_at = now()"),
        ("tenants_auditentry", "actor_id = 'somebody else'"),
        ("tenants_auditentry", "after = NULL"),
        ("events_event", "data = '{}'"),
        ("events_event", "data = ledger_document_erased(data), type = 'invoice.voided'"),
        ("tenants_idempotencykey", "body = '{}'"),
        ("tenants_idempotencykey", "body = ledger_document_erased(body), status = 200"),
        ("billing_payment", "reference = 'other'"),
        ("billing_payment", "reference = NULL, failure_message = NULL, metadata = '{}', amount = amount + 1"),
        ("invoicing_invoicebuyer", "name = 'Eve', salt = NULL"),
        ("invoicing_invoicebuyer", "name = NULL"),
        ("invoicing_invoicebuyer", f"{BUYER_ERASED}, name = 'Eve'"),
        ("invoicing_invoicebuyer", f"{BUYER_ERASED}, name = NULL, tenant_id = gen_random_uuid()"),
        ("invoicing_invoicedocument", "content = 'x'"),
        ("invoicing_invoicedocument", "content = NULL, size = 1"),
        ("invoicing_invoice", "erased_at = now(), total = total + 1, subtotal = subtotal + 1"),
        ("invoicing_invoice", "erased_at = now()"),
        ("tenants_erasedobject", "kind = 'x'"),
    ],
)
def test_even_an_eraser_writes_no_value_of_its_own(live, table, change):
    """What a mistake in an eraser could do: the owner, in a tenant, with triggers on."""
    erase_first = table == "tenants_erasedobject"
    if erase_first:
        run(live.tenant)
    before = everything(live)
    with owner_connection() as owner:
        owner.execute("SELECT set_config('ledger.tenant_id', %s, false)", [str(live.tenant.id)])
        with pytest.raises(Exception, match=r"never|final|eraser|only|constraint|together"):
            owner.execute(f"UPDATE {table} SET {change}")
    assert everything(live) == before


def test_nothing_that_was_erased_comes_back(live):
    live.act(live.listed()[0], "void", {"reason": "x"})
    erase(live, live.listed()[0]["customerId"])
    before = everything(live)
    for statement in (
        "UPDATE invoicing_invoice SET erased_at = NULL",
        'UPDATE invoicing_invoice SET metadata = \'{"name": "Ada"}\'',
        "UPDATE invoicing_invoice SET void_reason = 'Ada' WHERE void_reason IS NOT NULL",
        "UPDATE billing_customer SET name = 'Ada'",
        "UPDATE billing_customer SET erased_at = NULL",
        "UPDATE billing_payment SET reference = 'Ada'",
        "UPDATE invoicing_invoicebuyer SET name = 'Ada'",
        "DELETE FROM tenants_erasedobject",
    ):
        assert run_sql(live, statement) is not None, statement
    assert everything(live) == before
    with tenant_scope(live.tenant.id):
        assert verify_numbering(tenant_id=live.tenant.id).ok


def test_an_eraser_works_in_the_tenant_of_the_scope_only(live, other_invoices):
    theirs = paid(other_invoices)
    before = everything(other_invoices)
    ids = [str(uuid_of(theirs)), *ids_in(other_invoices, "billing_customer")]
    run_sql(live, "SELECT invoicing_erase_invoices(%s::uuid[], now())", ids)
    run_sql(live, "SELECT billing_erase_customers(%s::uuid[], now())", ids)
    run_sql(live, "SELECT tenants_erase_audit(%s::uuid[])", ids)
    assert everything(other_invoices) == before
    with tenant_scope(live.tenant.id):
        assert not ErasedObject.objects.exists()
