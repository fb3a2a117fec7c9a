"""Claims about every table of the database, read from its own catalogue: one without protection cannot be added."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import connection

pytestmark = pytest.mark.django_db

POLICY = "(tenant_id = (NULLIF(current_setting('ledger.tenant_id'::text, true), ''::text))::uuid)"
TENANT_POLICY = POLICY.replace("(tenant_id =", "(id =")

GLOBAL_TABLES = {
    "auth_group": "Django's own; unused, roles are memberships",
    "auth_group_permissions": "Django's own",
    "auth_permission": "Django's own",
    "django_content_type": "Django's own",
    "django_migrations": "Django's own; the application only reads it",
    "django_session": "a session belongs to a member of staff, who may work for several tenants",
    "django_admin_log": "Django's own; the audit trail is the record",
    "account_emailaddress": "allauth's own; unused, a member of staff has one address",
    "account_emailconfirmation": "allauth's own; unused, nobody signs up",
    "mfa_authenticator": "second factors belong to a member of staff; their secrets are encrypted",
    "tenants_tenant": "the tenant itself; isolated by its id",
    "tenants_user": "a member of staff, known across tenants",
    "tenants_stafftoken": "belongs to a member of staff, not to a tenant",
    "tenants_lease": "names of sweeps; holds nothing of any tenant",
}
NOT_AUDITED = {
    "invoicing_invoicederivation": "written once with its invoice, which names it; never changed",
    "accounting_grantuse": "written by the trigger of the lines, which it belongs to; never changed",
    "accounting_balance": "the sum of lines and holds, moved by triggers",
    "accounting_checkpoint": "sums of sealed lines; the lines are the record",
    "accounting_journalentry": "itself a record that never changes, sealed",
    "accounting_journalline": "written once with its entry",
    "accounting_seal": "itself a record that never changes",
    "accounting_sealedentry": "itself a record that never changes",
    "accounting_transfer": "written once with its entry; only changes of it enter the trail",
    "billing_couponuse": "written once with its invoice; what it changes of the redemption is audited there",
    "billing_vatcheck": "itself a record that never changes, with personal data kept out of the trail",
    "billing_vatverification": "progress of a machine; what it finds out is a check",
    "tenants_auditentry": "the trail itself",
    "tenants_idempotencykey": "stored answers; the effect they belong to is audited",
    "events_event": "a record that never changes, written beside the audited change",
    "events_eventdelivery": "progress of a machine; its attempts and errors stand in the row",
    "events_mail": "progress of a machine; its attempts and errors stand in the row",
    "webhooks_message": "bytes that never change, made from an event",
    "webhooks_delivery": "progress of a machine; its attempts stand beside it",
    "webhooks_attempt": "a log",
    "tenants_settingssnapshot": "copies of the audited settings, written by a trigger, never changed",
    "invoicing_invoicedocument": "made from the audited invoice, once; erasing it is entered by the run that erases",
    "invoicing_documentrequest": "progress of a machine; gone when the document is there",
    "invoicing_invoiceitem": "written once with its invoice, whose entry counts; changes of a draft show in its totals",
    "invoicing_recognition": "written once with its invoice; each of its states is an entry of the journal",
    "tenants_erasedobject": "itself a record of erasing, written by erasers only; the erased rows are audited",
    "accounting_sealprogress": "progress of a machine",
    "invoicing_invoicebuyer": "personal data, kept out of the trail so that it can be erased; guarded by a trigger",
}


def rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]


def tables() -> set[str]:
    return {
        name
        for (name,) in rows(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    }


def tenant_tables() -> set[str]:
    return {
        name
        for (name,) in rows(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind IN ('r', 'p') "
            "AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id' AND NOT a.attisdropped"
        )
    }


def test_a_table_belongs_to_a_tenant_or_is_known_to_belong_to_none() -> None:
    assert tables() - tenant_tables() - set(GLOBAL_TABLES) == set()
    assert tenant_tables() & set(GLOBAL_TABLES) == set()
    assert len(tenant_tables()) >= 8


def test_tenant_id_is_never_null() -> None:
    loose = rows(
        "SELECT attrelid::regclass::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE attname = "
        "'tenant_id' AND NOT attnotnull AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
    )
    assert loose == []


def test_row_level_security_is_enabled_and_forced_on_every_tenant_table() -> None:
    protected = {name for (name,) in rows("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")}
    assert (tenant_tables() | {"tenants_tenant"}) - protected == set()


def test_every_tenant_table_has_the_policy_of_the_house_and_no_other_for_the_application() -> None:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for table, command, permissive, using, check, roles in rows(
        "SELECT polrelid::regclass::text, polcmd::text, polpermissive, pg_get_expr(polqual, polrelid), "
        "pg_get_expr(polwithcheck, polrelid), ARRAY(SELECT rolname::text FROM pg_roles WHERE oid = ANY (polroles)) "
        "FROM pg_policy"
    ):
        if roles == [settings.DATABASE_SCAN_ROLE]:
            assert command == "r", f"the scan role may only read {table}"
            continue
        found.setdefault(table, []).append((command, permissive, using, check, roles))
    assert set(found) == tenant_tables() | {"tenants_tenant"}
    for table, policies in found.items():
        using = TENANT_POLICY if table == "tenants_tenant" else POLICY
        assert policies == [("*", True, using, None, [])], table


def test_no_foreign_key_between_tenant_tables_can_cross_or_wait() -> None:
    owned = tenant_tables()
    keys = rows(
        "SELECT conname::text, conrelid::regclass::text, confrelid::regclass::text, condeferrable, "
        "ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)), "
        "ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = confrelid AND attnum = ANY (confkey)) "
        "FROM pg_constraint WHERE contype = 'f'"
    )
    assert [name for name, source, _, deferrable, _, _ in keys if source in owned and deferrable] == []
    crossing = [
        name
        for name, source, target, _, own, theirs in keys
        if source in owned and target in owned and not ("tenant_id" in own and "tenant_id" in theirs)
    ]
    assert crossing == []
    assert [name for name, source, target, *_ in keys if source not in owned and target in owned] == []


def test_every_column_that_names_a_tenant_owned_row_has_its_foreign_key() -> None:
    from django.apps import apps

    constrained = {
        (table, column)
        for table, columns in rows(
            "SELECT conrelid::regclass::text, ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid "
            "AND attnum = ANY (conkey)) FROM pg_constraint WHERE contype = 'f'"
        )
        for column in columns
    }
    missing = [
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.is_relation and field.name != "tenant" and (model._meta.db_table, field.column) not in constrained
    ]
    assert missing == []


def test_every_tenant_table_is_audited_or_says_why_not() -> None:
    audited = {
        name
        for (name,) in rows(
            "SELECT t.tgrelid::regclass::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE p.proname = 'ledger_audit' AND t.tgenabled IN ('O', 'A') AND t.tgtype & 29 = 29"
        )
    }
    assert (tenant_tables() | {"tenants_tenant"}) - audited - set(NOT_AUDITED) == set()
    assert audited & set(NOT_AUDITED) == set()


def test_no_trigger_is_switched_off() -> None:
    assert rows("SELECT tgname FROM pg_trigger WHERE tgenabled = 'D'") == []


def test_the_application_is_nobody_special() -> None:
    assert rows(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles "
        "WHERE rolname = current_user"
    ) == [(False,) * 5]
    assert rows("SELECT current_user::text, session_user::text") == [(settings.DATABASE_APP_ROLE,) * 2]
    memberships = rows(
        "SELECT r.rolname::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid "
        "WHERE m.member = current_user::regrole"
    )
    assert memberships == []


def test_the_application_owns_nothing_and_creates_nothing() -> None:
    assert rows("SELECT relname FROM pg_class WHERE relowner = current_user::regrole") == []
    assert rows("SELECT proname FROM pg_proc WHERE proowner = current_user::regrole") == []
    assert rows("SELECT has_schema_privilege('public', 'CREATE')") == [(False,)]
    assert rows("SELECT has_database_privilege(current_database(), 'CREATE')") == [(False,)]


def test_the_application_may_not_truncate_reference_or_add_triggers() -> None:
    for privilege in ("TRUNCATE", "REFERENCES", "TRIGGER"):
        granted = [
            name for name in sorted(tables()) if rows("SELECT has_table_privilege(%s, %s)", name, privilege)[0][0]
        ]
        assert granted == [], privilege


def test_the_application_only_adds_to_the_audit_trail() -> None:
    allowed = [
        privilege
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")
        if rows("SELECT has_table_privilege('tenants_auditentry', %s)", privilege)[0][0]
    ]
    assert allowed == ["SELECT", "INSERT"]
    assert rows("SELECT has_any_column_privilege('tenants_auditentry', 'UPDATE')") == [(False,)]


# What may change rows that the application may not: each is named here on purpose.
# One writes balances, and only what the journal gives.
ERASERS = {
    "accounting_erase_books", "accounting_mark_books", "accounting_rebuild_balances",
    "billing_erase_customers", "billing_erase_payments", "billing_erase_vat_checks", "events_erase",
    "invoicing_erase_documents", "invoicing_erase_invoices", "invoicing_mark_drafts", "tenants_erase_answers",
    "tenants_erase_audit", "tenants_mark_deleted", "webhooks_erase",
}  # fmt: skip


def definer_functions() -> list[tuple[Any, ...]]:
    return rows(
        "SELECT p.proname::text, r.rolname::text, p.proconfig, p.provolatile::text, r.rolcanlogin, r.rolbypassrls, "
        "EXISTS (SELECT FROM aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0), "
        "has_function_privilege(p.oid, 'EXECUTE') "
        "FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner "
        "WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace"
    )


def test_the_application_only_reads_what_was_erased() -> None:
    allowed = [
        privilege
        for privilege in ("SELECT", "INSERT", "UPDATE", "DELETE")
        if rows("SELECT has_table_privilege('tenants_erasedobject', %s)", privilege)[0][0]
    ]
    assert allowed == ["SELECT"]


def test_functions_that_cross_tenants_belong_to_the_scan_role_and_are_closed_to_others() -> None:
    functions = [one for one in definer_functions() if one[0] not in ERASERS]
    assert len(functions) >= 3
    for name, owner, config, volatile, can_login, bypasses, public, ours in functions:
        assert owner == settings.DATABASE_SCAN_ROLE, name
        assert config == ["search_path=public, pg_temp"], name
        assert volatile == "s", f"{name} must only read"
        assert (can_login, bypasses, public, ours) == (False, False, False, True), name


def test_erasers_belong_to_the_owner_whom_row_level_security_holds_and_are_closed_to_others() -> None:
    ((owner,),) = rows("SELECT tableowner::text FROM pg_tables WHERE tablename = 'invoicing_invoice'")
    functions = {one[0]: one[1:] for one in definer_functions() if one[0] in ERASERS}
    assert set(functions) == ERASERS
    for name, (who, config, volatile, _, bypasses, public, ours) in functions.items():
        assert (who, config) == (owner, ["search_path=public, pg_temp"]), name
        assert (volatile, bypasses, public, ours) == ("v", False, False, True), name


def test_the_scan_role_reads_some_columns_and_writes_none() -> None:
    for privilege in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
        for name in sorted(tables()):
            whole = rows("SELECT has_table_privilege(%s, %s, %s)", settings.DATABASE_SCAN_ROLE, name, privilege)
            assert whole == [(False,)], f"{privilege} on {name}"
    whole_tables = [
        name
        for name in sorted(tables())
        if rows("SELECT has_table_privilege(%s, %s, 'SELECT')", settings.DATABASE_SCAN_ROLE, name)[0][0]
    ]
    assert whole_tables == []
