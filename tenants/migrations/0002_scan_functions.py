"""What must be read before the tenant is known, and the protection of the audit trail."""

from django.db import migrations

from tenants import sql
from tenants.operations import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql.FINAL_ROWS,
            "DROP TRIGGER audit_append_only ON tenants_auditentry; "
            "DROP TRIGGER audit_written_by_triggers ON tenants_auditentry; "
            "DROP TRIGGER idempotency_final ON tenants_idempotencykey",
        ),
        DefinerFunction(
            name="tenants_service_key",
            arguments="wanted bytea",
            returns=(
                "TABLE (id uuid, tenant_id uuid, application_id uuid, scopes varchar[], rate_limit integer, "
                "expires_at timestamptz, revoked_at timestamptz, tenant_status varchar)"
            ),
            body=(
                "SELECT k.id, k.tenant_id, k.application_id, k.scopes, k.rate_limit_per_minute, k.expires_at, "
                "k.revoked_at, t.status FROM tenants_servicekey k JOIN tenants_tenant t ON t.id = k.tenant_id "
                "WHERE k.digest = wanted"
            ),
            reads={
                "tenants_servicekey": [
                    "id",
                    "tenant_id",
                    "application_id",
                    "scopes",
                    "rate_limit_per_minute",
                    "expires_at",
                    "revoked_at",
                    "digest",
                ],
                "tenants_tenant": ["id", "status"],
            },
        ),
        DefinerFunction(
            name="tenants_memberships",
            arguments="wanted uuid",
            returns="TABLE (tenant_id uuid, slug varchar, name varchar, role varchar, tenant_status varchar)",
            body=(
                "SELECT m.tenant_id, t.slug, t.name, m.role, t.status FROM tenants_membership m "
                "JOIN tenants_tenant t ON t.id = m.tenant_id WHERE m.user_id = wanted AND m.active"
            ),
            reads={
                "tenants_membership": ["tenant_id", "user_id", "role", "active"],
                "tenants_tenant": ["id", "slug", "name", "status"],
            },
            where={"tenants_membership": "active"},
        ),
        DefinerFunction(
            name="tenants_all",
            arguments="",
            returns="TABLE (id uuid, slug varchar)",
            body="SELECT id, slug FROM tenants_tenant",
            reads={"tenants_tenant": ["id", "slug"]},
        ),
    ]
