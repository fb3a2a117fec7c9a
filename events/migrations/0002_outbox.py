"""Immutability and storage of the outbox, and the functions that find work across tenants."""

from django.db import migrations

from events import sql
from tenants.operations import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial"), ("tenants", "0002_scan_functions")]

    operations = [
        migrations.RunSQL(sql.OUTBOX_STORAGE, sql.OUTBOX_STORAGE_REVERSE),
        migrations.RunSQL(sql.EVENT_IMMUTABLE, sql.EVENT_IMMUTABLE_REVERSE),
        DefinerFunction(
            name="events_due",
            arguments="batch integer",
            returns="TABLE (tenant_id uuid, ids uuid[])",
            body=(
                "SELECT due.tenant_id, array_agg(due.id ORDER BY due.id) FROM ("
                "SELECT e.tenant_id, e.id FROM events_event e WHERE e.dispatched_at IS NULL ORDER BY e.id LIMIT batch"
                ") AS due GROUP BY due.tenant_id ORDER BY (array_agg(due.id ORDER BY due.id))[1]"
            ),
            reads={"events_event": ["id", "tenant_id", "dispatched_at"]},
            where={"events_event": "dispatched_at IS NULL"},
        ),
        DefinerFunction(
            name="events_deliveries_due",
            arguments="until timestamptz, batch integer",
            returns="TABLE (tenant_id uuid, ids uuid[])",
            body=sql.due("events_eventdelivery", "pending", "delivering"),
            reads={"events_eventdelivery": ["id", "tenant_id", "status", "next_attempt_at"]},
            where={"events_eventdelivery": "status IN ('pending', 'delivering')"},
        ),
        DefinerFunction(
            name="events_mail_due",
            arguments="until timestamptz, batch integer",
            returns="TABLE (tenant_id uuid, ids uuid[])",
            body=sql.due("events_mail", "queued", "sending"),
            reads={"events_mail": ["id", "tenant_id", "status", "next_attempt_at"]},
            where={"events_mail": "status IN ('queued', 'sending')"},
        ),
        DefinerFunction(
            name="events_backlog",
            arguments="",
            returns=(
                "TABLE (events_pending bigint, oldest uuid, deliveries_open bigint, dead bigint, "
                "mail_open bigint, mail_failed bigint)"
            ),
            body=(
                "SELECT "
                "(SELECT count(*) FROM (SELECT 1 FROM events_event WHERE dispatched_at IS NULL LIMIT 100000) AS e), "
                "(SELECT id FROM events_event WHERE dispatched_at IS NULL ORDER BY id LIMIT 1), "
                "(SELECT count(*) FROM (SELECT 1 FROM events_eventdelivery "
                "WHERE status IN ('pending', 'delivering') LIMIT 100000) AS d), "
                "(SELECT count(*) FROM (SELECT 1 FROM events_eventdelivery WHERE status = 'dead' LIMIT 100000) AS d), "
                "(SELECT count(*) FROM (SELECT 1 FROM events_mail WHERE status IN ('queued', 'sending') LIMIT 100000) AS m), "
                "(SELECT count(*) FROM (SELECT 1 FROM events_mail WHERE status = 'failed' LIMIT 100000) AS m)"
            ),
            reads={
                "events_event": ["id", "dispatched_at"],
                "events_eventdelivery": ["status"],
                "events_mail": ["status"],
            },
            where={
                "events_event": "dispatched_at IS NULL",
                "events_eventdelivery": "status IN ('pending', 'delivering', 'dead')",
                "events_mail": "status IN ('queued', 'sending', 'failed')",
            },
        ),
    ]
