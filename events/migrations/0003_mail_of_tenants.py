"""Mail is found by tenant, so that one tenant's dead server holds up nobody else; files are attached by reference."""

from django.db import migrations, models

from events import sql
from tenants.operations import DefinerFunction, DropDefinerFunction


class Migration(migrations.Migration):
    dependencies = [("events", "0002_outbox")]

    operations = [
        DropDefinerFunction(
            name="events_mail_due",
            arguments="until timestamptz, batch integer",
            returns="TABLE (tenant_id uuid, ids uuid[])",
            body=sql.due("events_mail", "queued", "sending"),
            reads={"events_mail": ["id", "tenant_id", "status", "next_attempt_at"]},
            where={"events_mail": "status IN ('queued', 'sending')"},
        ),
        migrations.RemoveIndex(model_name="mail", name="mail_due"),
        migrations.AddField(model_name="mail", name="attachments", field=models.JSONField(default=list)),
        migrations.AlterField(model_name="mail", name="sender", field=models.CharField(blank=True, max_length=320)),
        migrations.AddIndex(
            model_name="mail",
            index=models.Index(
                condition=models.Q(("status__in", ["queued", "sending"])),
                fields=["tenant", "next_attempt_at", "id"],
                name="mail_due_of_tenant",
            ),
        ),
        DefinerFunction(
            name="events_mail_due_by_tenant",
            arguments="until timestamptz, senders integer, batch integer",
            returns="TABLE (tenant_id uuid, ids uuid[])",
            body=sql.MAIL_DUE,
            reads={"events_mail": ["id", "tenant_id", "status", "next_attempt_at"]},
            where={"events_mail": "status IN ('queued', 'sending')"},
        ),
        DefinerFunction(
            name="events_mail_oldest",
            arguments="",
            returns="TABLE (since timestamptz)",
            body="SELECT min(next_attempt_at) FROM events_mail WHERE status IN ('queued', 'sending')",
            reads={"events_mail": ["status", "next_attempt_at"]},
            where={"events_mail": "status IN ('queued', 'sending')"},
        ),
    ]
