"""A run beside what it must not touch: invoices that refuse, tenants that fail, and everybody else's data."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from events.services.mail import queue_mail
from invoicing.tasks import anonymise
from tenants.scope import tenant_scope
from tests.conftest import owner_connection
from tests.invoicing.anonymised import DETAILS, erase, finished_long_ago, paid, run, verified
from tests.invoicing.documents import rows_of, uuid_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_invoice_that_cannot_be_erased_fails_alone(invoices, caplog):
    """Such as one whose document somebody has locked down by a rule of their own."""
    made = [paid(invoices, userId=f"user-{number}") for number in range(4)]
    rule = f"CHECK (erased_at IS NULL OR id <> '{uuid_of(made[1])}')"
    with owner_connection() as owner:
        owner.execute(f"ALTER TABLE invoicing_invoice ADD CONSTRAINT held_by_a_court {rule}")
        try:
            record = run(invoices.tenant)
        finally:
            owner.execute("ALTER TABLE invoicing_invoice DROP CONSTRAINT held_by_a_court")
    assert (record.invoices, record.customers) == (3, 3)
    assert [invoices.get(one)["userId"] for one in made] == [None, "user-1", None, None]
    (said,) = [one for one in caplog.records if one.message == "An invoice could not be erased"]
    assert (vars(said)["invoice"], vars(said)["constraint"]) == (made[1]["id"], "held_by_a_court")
    assert run(invoices.tenant).invoices == 1
    assert verified(invoices) == {}


def test_the_sweep_goes_on_when_a_tenant_fails(invoices, other_invoices, caplog):
    for tenant in (invoices.tenant, other_invoices.tenant):
        finished_long_ago(tenant, customers=1, invoices=1)
    with owner_connection() as owner:
        owner.execute(f"ALTER TABLE tenants_retentionrun ADD CHECK (tenant_id <> '{invoices.tenant.id}')")
        try:
            assert anonymise() == 1
        finally:
            owner.execute("ALTER TABLE tenants_retentionrun DROP CONSTRAINT tenants_retentionrun_tenant_id_check")
    assert "A tenant's old data could not be erased" in caplog.text
    assert [one["userId"] for one in other_invoices.listed()] == [None]
    assert anonymise() == 1
    assert [one["userId"] for one in invoices.listed()] == [None]


def test_of_everybody_else_nothing_changes(invoices, at):
    """Each row that a run changes or adds names an object that it has marked, in all tables there are."""
    ada, eve = paid(invoices, userId="ada-1"), paid(invoices, userId="eve-1", customer={**DETAILS, "name": "Eve"})
    for one in (ada, eve):
        assert invoices.api.get(f"/api/invoices/{one['id']}/pdf").status_code == 200
        invoices.post({"customerId": one["customerId"], "items": [{"description": "A", "unitPrice": 0}]}, key=one["id"])
        with tenant_scope(invoices.tenant.id):
            queue_mail(
                tenant_id=invoices.tenant.id, to=["x@example.org"], subject="S", text="T", at=at, now=at,
                object_type="invoice", object_id=uuid_of(one),
            )  # fmt: skip
    before = {table: rows_by_id(table, invoices) for table in tables_of_tenants()}
    erase(invoices, ada["customerId"])
    after = {table: rows_by_id(table, invoices) for table in before}
    marked = set(after["tenants_erasedobject"])
    changed = {
        table: [row for key, row in after[table].items() if before[table].get(key) != row]
        for table in before
        if table not in ("tenants_erasedobject", "tenants_retentionrun")
    }
    changed["tenants_auditentry"] = [
        row for row in changed["tenants_auditentry"] if row["entity_type"] != "retentionRun"
    ]
    answers = changed.pop("tenants_idempotencykey")
    assert [row["key"] for row in answers] == [ada["id"]]
    touched = {table: rows for table, rows in changed.items() if rows}
    assert {"billing_customer", "billing_payment", "events_event", "events_mail", "tenants_auditentry"} <= set(touched)
    for table, rows in touched.items():
        for row in rows:
            named = {row.get(name) for name in ("id", "object_id", "entity_id", "invoice_id", "customer_id")}
            assert named & marked, f"{table}: {row}"
    assert str(uuid_of(eve)) not in marked


def tables_of_tenants() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id'"
        )
        return [name for (name,) in cursor.fetchall()]


def rows_by_id(table: str, invoices: Any) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows_of(table, tenant=invoices.tenant)}
