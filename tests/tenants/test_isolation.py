"""Claims about tenants that cannot reach each other, made as the application's role."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction

from common.ids import new_id
from tenants.enums import Role
from tenants.idempotency import Guard, StoredAnswer, store_answer
from tenants.models import Application, Membership, ServiceKey, Tenant, TenantSettings
from tenants.scope import current_tenant_id, tenant_scope
from tenants.selectors import all_tenants
from tenants.services.jobs import create_job
from tenants.services.service_keys import create_service_key
from tenants.services.staff import add_membership, create_user
from tenants.services.tenants import create_application

pytestmark = pytest.mark.django_db
SECURITY = "row-level security"
# Where something else is asked before the policy: a guard, which refuses what it does not see, or the right to write.
GUARDED = {
    "accounting_balance": "a balance is written by lines and holds only",
    "accounting_grant": "nothing is granted on an account that is not active",
    "accounting_grantuse": "rows are never changed",
    "accounting_hold": "nothing is held on an account that is not active",
    "billing_coupontarget": "only a coupon that was never redeemed",
    "billing_planfeature": "only a draft version",
    "billing_planprice": "only a draft version",
    "tenants_erasedobject": "permission denied",
    "tenants_auditentry": "auditentry rows are never",
    "tenants_settingssnapshot": "settingssnapshot rows are never",
    "invoicing_invoicederivation": "the invoice has another derivation",
    "invoicing_invoicedocument": "the digest of a document",
}
# What a tenant gets only later: when it shows a logo, when something of it is erased.
WRITTEN_LATER = {"tenants_erasedobject", "tenants_logo", "tenants_retentionrun"}


def fill(tenant: Tenant, at: dt.datetime) -> None:
    """A row in every table of this app."""
    user = create_user(email=f"{tenant.slug}@example.com", at=at)
    with tenant_scope(tenant.id):
        application = create_application(tenant_id=tenant.id, slug="web", name="Web", at=at)
        create_service_key(tenant_id=tenant.id, name="k", scopes=["*"], at=at, application_id=application.id)
        add_membership(tenant_id=tenant.id, user_id=user.pk, role=Role.ADMIN, at=at)
        create_job(tenant_id=tenant.id, kind="test", at=at)
        guard = Guard(tenant.id, "key", b"\x00" * 32)
        store_answer(guard, StoredAnswer(200, b"{}", None), expires_at=at)


@pytest.fixture
def filled(tenant: Tenant, other_tenant: Tenant, at: dt.datetime) -> tuple[Tenant, Tenant]:
    fill(tenant, at)
    fill(other_tenant, at)
    return tenant, other_tenant


def owned_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind IN ('r', 'p') "
            "AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id' ORDER BY 1"
        )
        return [row[0] for row in cursor.fetchall()]


def one(sql: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    assert row is not None
    return row[0]


def test_without_a_tenant_every_table_is_empty(filled: tuple[Tenant, Tenant]) -> None:
    assert len(owned_tables()) >= 8
    for table in [*owned_tables(), "tenants_tenant"]:
        assert one(f"SELECT count(*) FROM {table}") == 0, table
    assert current_tenant_id() is None


def test_with_a_tenant_only_its_rows_are_there(filled: tuple[Tenant, Tenant]) -> None:
    for tenant in filled:
        with tenant_scope(tenant.id):
            for table in owned_tables():
                foreign = one(f"SELECT count(*) FROM {table} WHERE tenant_id <> %s", tenant.id)
                assert foreign == 0, table
                if table.startswith("tenants_") and table not in WRITTEN_LATER:
                    assert one(f"SELECT count(*) FROM {table}") >= 1, table
            assert list(Tenant.objects.values_list("id", flat=True)) == [tenant.id]


def test_a_row_for_another_tenant_cannot_be_inserted_into_any_table(filled: tuple[Tenant, Tenant]) -> None:
    tenant, other = filled
    with tenant_scope(tenant.id):
        for table in owned_tables():
            refusal = GUARDED.get(table, SECURITY)
            with pytest.raises(DatabaseError, match=refusal), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"INSERT INTO {table} (id, tenant_id) VALUES (%s, %s)", [new_id(), other.id])


def test_without_a_tenant_nothing_can_be_inserted(filled: tuple[Tenant, Tenant]) -> None:
    tenant, _ = filled
    for table in owned_tables():
        refusal = GUARDED.get(table, SECURITY)
        with pytest.raises(DatabaseError, match=refusal), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} (id, tenant_id) VALUES (%s, %s)", [new_id(), tenant.id])
    with pytest.raises(ProgrammingError, match=SECURITY), transaction.atomic():
        Tenant.objects.create(
            slug="x", name="x", created_at=dt.datetime.now(dt.UTC), updated_at=dt.datetime.now(dt.UTC)
        )


def test_another_tenants_rows_are_neither_changed_nor_deleted_nor_given_away(filled: tuple[Tenant, Tenant]) -> None:
    tenant, other = filled
    with tenant_scope(tenant.id):
        assert Application.objects.filter(tenant_id=other.id).update(name="stolen") == 0
        assert Application.objects.filter(tenant_id=other.id).delete()[0] == 0
        for model in (Application, ServiceKey, Membership, TenantSettings):
            with pytest.raises(ProgrammingError, match=SECURITY), transaction.atomic():
                model._default_manager.update(tenant_id=other.id)
    with tenant_scope(other.id):
        assert Application.objects.get().name == "Web"


def test_a_foreign_key_cannot_cross_tenants(filled: tuple[Tenant, Tenant], at: dt.datetime) -> None:
    tenant, other = filled
    with tenant_scope(other.id):
        foreign = Application.objects.get()
    with pytest.raises(IntegrityError, match="service_key_application"), tenant_scope(tenant.id):
        create_service_key(tenant_id=tenant.id, name="x", scopes=["*"], at=at, application_id=foreign.id)


def test_row_level_security_cannot_be_switched_off_by_the_application(filled: tuple[Tenant, Tenant]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL row_security = off")
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            cursor.execute("SELECT count(*) FROM tenants_servicekey")
        cursor.execute("SET LOCAL row_security = on")
    for statement in (
        "ALTER TABLE tenants_servicekey DISABLE ROW LEVEL SECURITY",
        "DROP POLICY service_key_isolation ON tenants_servicekey",
        "SET LOCAL ROLE ledger_scan",
        "SET LOCAL session_replication_role = replica",
        "ALTER TABLE tenants_auditentry DISABLE TRIGGER ALL",
        "TRUNCATE tenants_servicekey",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_scans_across_tenants_show_ids_and_slugs_only(filled: tuple[Tenant, Tenant]) -> None:
    assert {(tenant.id, tenant.slug) for tenant in filled} <= set(all_tenants())


def test_a_malformed_tenant_is_an_error_and_never_every_row(filled: tuple[Tenant, Tenant]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ledger.tenant_id', 'x'' OR true --', true)")
        with pytest.raises(DatabaseError, match="uuid"), transaction.atomic():
            cursor.execute("SELECT count(*) FROM tenants_servicekey")
        cursor.execute("SELECT set_config('ledger.tenant_id', '', true)")


def test_nested_scopes_come_back_to_the_outer_one(filled: tuple[Tenant, Tenant]) -> None:
    tenant, other = filled
    with tenant_scope(tenant.id):
        with tenant_scope(other.id):
            assert current_tenant_id() == other.id
            with tenant_scope(tenant.id):
                assert current_tenant_id() == tenant.id
            assert current_tenant_id() == other.id
        assert current_tenant_id() == tenant.id
        with pytest.raises(RuntimeError), tenant_scope(other.id):
            raise RuntimeError
        assert current_tenant_id() == tenant.id
        with pytest.raises(DatabaseError), tenant_scope(other.id), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert current_tenant_id() == tenant.id
    assert current_tenant_id() is None
