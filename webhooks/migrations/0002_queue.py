"""What is never changed, storage of the queue, and the functions that find work across tenants."""

from django.db import migrations

from tenants.operations import DefinerFunction
from webhooks import sql


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_callbacks"), ("tenants", "0002_scan_functions")]

    operations = [
        migrations.RunSQL(sql.MESSAGE_IMMUTABLE, sql.MESSAGE_IMMUTABLE_REVERSE),
        migrations.RunSQL(sql.ATTEMPT_IMMUTABLE, sql.ATTEMPT_IMMUTABLE_REVERSE),
        migrations.RunSQL(sql.DELIVERY_IDENTITY, sql.DELIVERY_IDENTITY_REVERSE),
        migrations.RunSQL(sql.STORAGE, sql.STORAGE_REVERSE),
        DefinerFunction(
            name="webhooks_due",
            arguments="until timestamptz, after uuid, batch integer",
            returns="TABLE (tenant_id uuid, subscriber_id uuid)",
            body=sql.DUE,
            reads={
                "webhooks_delivery": ["tenant_id", "subscriber_id", "status", "next_attempt_at"],
                "webhooks_subscriber": ["id", "active"],
            },
            where={
                "webhooks_delivery": "status IN ('pending', 'delivering', 'failed')",
                "webhooks_subscriber": "active",
            },
        ),
        DefinerFunction(
            name="webhooks_backlog",
            arguments="until timestamptz",
            returns="TABLE (open bigint, due bigint, dead bigint, failing bigint, disabled bigint)",
            body=sql.BACKLOG,
            reads={
                "webhooks_delivery": ["status", "next_attempt_at"],
                "webhooks_subscriber": ["deleted_at", "failing_since", "disabled_reason"],
            },
            where={
                "webhooks_delivery": "status IN ('pending', 'delivering', 'failed', 'dead')",
                "webhooks_subscriber": "deleted_at IS NULL",
            },
        ),
    ]
