"""Claims about `/api/audit`."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection

from common.ids import encode_id, new_id, uuid_time
from common.prefixes import AUDIT_ENTRY, CUSTOMER, SERVICE_KEY, TENANT
from tenants.api.changes import difference
from tenants.context import Actor, ActorType, Context
from tenants.models import Tenant
from tenants.scope import state_reason, tenant_scope
from tenants.services.service_keys import create_service_key
from tests.clients import Api
from tests.conftest import owner_connection


def entries(api: Api, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"/api/audit{query}")
    assert answer.status_code == 200, answer.content
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def test_a_change_over_the_api_is_recorded_with_actor_trace_address_and_difference(api: Api, tenant: Tenant) -> None:
    api.patch("/api/settings", {"taxRate": 1900, "legalName": "New name"}, x_trace_id="trace-1")
    entry = entries(api)[0]
    assert entry.pop("id").startswith(AUDIT_ENTRY + "_")
    assert entry.pop("createdAt").endswith("Z")
    actor = entry.pop("actor")
    assert actor["type"] == "service"
    assert actor["id"].startswith(SERVICE_KEY + "_")
    assert entry == {
        "object": "auditEntry",
        "action": "settings.updated",
        "entityType": "settings",
        "entityId": encode_id(TENANT, tenant.id),
        "traceId": "trace-1",
        "ipAddress": "127.0.0.1",
        "reason": None,
        "changes": {
            "taxRate": {"from": 0, "to": 1900},
            "legalName": {"from": "Example GmbH", "to": "New name"},
        },
        "outcome": "succeeded",
    }


def test_a_refused_request_leaves_no_entry(api: Api) -> None:
    before = entries(api)
    api.patch("/api/settings", {"taxRate": -1})
    assert entries(api) == before


def test_secrets_show_only_that_they_changed(api: Api) -> None:
    api.patch("/api/settings", {"smtp": {"password": "hunter2"}})
    body = api.get("/api/audit").content.decode()
    assert "hunter2" not in body
    assert entries(api)[0]["changes"]["smtpPasswordEncrypted"] == {"from": "***", "to": "***"}


def test_an_act_of_a_command_carries_its_name_and_reason(api: Api, tenant: Tenant, at: dt.datetime) -> None:
    context = Context(tenant.id, Actor(ActorType.SYSTEM, "command:test"), reason="because of a test")
    with tenant_scope(context):
        create_service_key(tenant_id=tenant.id, name="another", scopes=["audit:read"], at=at)
    entry = entries(api)[0]
    assert entry["actor"] == {"type": "system", "id": "command:test"}
    assert entry["reason"] == "because of a test"
    assert entry["changes"]["createdAt"] == {"from": None, "to": "2026-03-01T12:00:00.000Z"}
    assert entry["changes"]["digest"] == {"from": None, "to": "***"}


def test_a_reason_stated_within_the_transaction_is_recorded(api: Api, tenant: Tenant) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        state_reason("ticket 7")
        cursor.execute("UPDATE tenants_tenantsettings SET tax_rate = 5")
    assert entries(api)[0]["reason"] == "ticket 7"
    assert entries(api)[0]["actor"] == {"type": "system", "id": "ledger"}


def test_raw_sql_is_recorded_as_the_database_role(api: Api, tenant: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(tenant.id)])
        cursor.execute("UPDATE tenants_tenantsettings SET tax_rate = 5")
        cursor.execute("SELECT set_config('ledger.tenant_id', '', true)")
        cursor.execute("SELECT session_user")
        row = cursor.fetchone()
    assert row is not None
    assert entries(api)[0]["actor"] == {"type": "database", "id": row[0]}


@pytest.mark.parametrize("statement", ["UPDATE tenants_auditentry SET action = 'x'", "DELETE FROM tenants_auditentry"])
def test_the_trail_is_append_only_even_by_raw_sql(tenant: Tenant, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        tenant_scope(tenant.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_nobody_makes_an_entry_up(tenant: Tenant) -> None:
    copied = """
        INSERT INTO tenants_auditentry (
            id, tenant_id, action, entity_type, actor_type, actor_id, trace_id, outcome, created_at
        ) SELECT gen_random_uuid(), tenant_id, 'invoice.paid', 'invoice', 'user', 'usr_x', '', 'succeeded', now()
        FROM tenants_auditentry LIMIT 1
    """
    with (
        pytest.raises(IntegrityError, match="never changed"),
        tenant_scope(tenant.id),
        connection.cursor() as cursor,
    ):
        cursor.execute(copied)


@pytest.mark.parametrize("statement", ["UPDATE tenants_auditentry SET action = 'x'", "DELETE FROM tenants_auditentry"])
@pytest.mark.django_db(transaction=True)
def test_not_even_the_owner_of_the_table_changes_the_trail(tenant: Tenant, statement: str) -> None:
    with owner_connection() as owner, owner.transaction():
        owner.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(tenant.id)])
        with pytest.raises(psycopg.errors.RestrictViolation), owner.transaction():
            owner.execute(statement.encode())


def test_filters_narrow_the_list(api: Api, tenant: Tenant, at: dt.datetime) -> None:
    with tenant_scope(tenant.id):
        key, _ = create_service_key(tenant_id=tenant.id, name="x", scopes=["*"], at=at)
    api.patch("/api/settings", {"taxRate": 1})
    newest = entries(api)[0]
    assert {one["entityType"] for one in entries(api, "?entityType=serviceKey")} == {"serviceKey"}
    assert [one["changes"]["name"]["to"] for one in entries(api, f"?entityId={encode_id(SERVICE_KEY, key.id)}")] == [
        "x"
    ]
    assert len(entries(api, f"?entityId={key.id}")) == 1
    assert {one["action"] for one in entries(api, "?action=settings.updated")} == {"settings.updated"}
    assert entries(api, f"?actor={newest['actor']['id']}") == [newest]
    assert entries(api, f"?createdAt[gt]={newest['createdAt']}") in ([], [newest])
    assert newest in entries(api, "?createdAt[gte]=2020-01-01T00:00:00Z")
    assert entries(api, "?createdAt[lt]=2020-01-01T00:00:00Z") == []


def test_the_tenants_id_finds_tenant_and_settings(api: Api, tenant: Tenant) -> None:
    found = entries(api, f"?entityId={encode_id(TENANT, tenant.id)}")
    assert {one["entityType"] for one in found} == {"tenant", "settings"}
    assert {one["entityId"] for one in found} == {encode_id(TENANT, tenant.id)}


def test_an_id_of_another_kind_with_the_same_uuid_finds_nothing(api: Api, tenant: Tenant) -> None:
    assert entries(api, f"?entityId={encode_id(CUSTOMER, tenant.id)}") == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("entityId=nonsense", "invalid_id"),
        ("entityId=inv_123", "invalid_id"),
        ("entityId=zzz_01hqx3qgf2c8mhwy9s6zwmf3yh", "invalid_id"),
        ("entityId=", "invalid_id"),
        ("entityType=", "too_short"),
        ("createdAt[gte]=2026-01-01", "invalid_datetime"),
        ("createdAt[gte]=2026-01-01T00:00:00", "invalid_datetime"),
        ("createdAt=2026-01-01T00:00:00Z", "unknown_parameter"),
        ("what=1", "unknown_parameter"),
        ("action=a&action=b", "invalid"),
        ("limit=0", "too_small"),
        ("limit=101", "too_large"),
        ("limit=x", "invalid"),
        ("actor=%00", "invalid"),
    ],
)
def test_wrong_parameters_are_refused(api: Api, query: str, code: str) -> None:
    answer = api.get(f"/api/audit?{query}")
    assert answer.status_code == 400, answer.content
    assert answer.json()["details"][0]["code"] == code


def test_another_tenants_trail_is_not_shown(api: Api, other_api: Api, other_tenant: Tenant) -> None:
    other_api.patch("/api/settings", {"taxLabel": "only here"})
    assert b"only here" not in api.get("/api/audit?limit=100").content
    assert entries(api, f"?entityId={encode_id(TENANT, other_tenant.id)}") == []


def test_only_the_scope_opens_it(tenant: Tenant, api_of: Callable[..., Api]) -> None:
    answer = api_of(tenant, "settings:read", "settings:write").get("/api/audit")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert api_of(tenant, "audit:read").get("/api/audit").status_code == 200


def test_listing_takes_the_same_queries_for_one_and_for_many(
    api: Api, django_assert_num_queries: Callable[..., Any]
) -> None:
    for rate in range(30):
        api.patch("/api/settings", {"taxRate": rate})
    # The key; savepoint, former setting, setting, the page, former setting back, release.
    for limit in (1, 30):
        with django_assert_num_queries(7):
            api.get(f"/api/audit?limit={limit}")


def test_ids_in_differences_are_shown_as_callers_know_them() -> None:
    one = new_id()
    shown = difference(
        "invoice",
        None,
        {
            "customer_id": str(one), "user_id": str(one), "parent_customer_id": str(one), "odd_id": str(one),
            "due_date": "2026-03-01T00:00:00+00:00", "notes": "2026-03-01T00:00:00+00:00", "voided_at": None,
        },
    )  # fmt: skip
    assert {name: value["to"] for name, value in shown.items()} == {
        "customerId": encode_id(CUSTOMER, one),
        "userId": str(one),  # a caller's own name for a customer, whatever it looks like
        "parentCustomerId": encode_id(CUSTOMER, one),
        "oddId": str(one),
        "dueDate": "2026-03-01T00:00:00.000Z",
        "notes": "2026-03-01T00:00:00+00:00",
        "voidedAt": None,
    }


def test_entries_of_one_transaction_stand_in_the_order_of_its_acts(api: Api, tenant: Tenant) -> None:
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        for rate in range(1, 40):
            cursor.execute("UPDATE tenants_tenantsettings SET tax_rate = %s", [rate])
    shown = [entry["changes"]["taxRate"]["to"] for entry in entries(api, "?action=settings.updated&limit=100")]
    assert shown == list(range(39, 0, -1))


def test_ids_made_by_the_database_are_uuids_of_version_7_of_now(tenant: Tenant) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ledger_uuid7() FROM generate_series(1, 500)")
        made = [row[0] for row in cursor.fetchall()]
    assert len(set(made)) == 500
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert all(abs(uuid_time(one) - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1) for one in made)
