"""What was erased, the runs of the retention, and the eraser functions of the trail and of stored answers."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from tenants import sql_erasure as sql
from tenants.operations import EraserFunction


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0003_branding"),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasedObject",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("erased_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "recorded_at"], name="erased_object_by_time")],
                "constraints": [
                    tenants.isolation.TenantIsolation(name="erased_object_isolation"),
                    tenants.isolation.TenantForeignKey(field="tenant", name="erased_object_tenant"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RetentionRun",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                (
                    "cause",
                    models.CharField(
                        choices=[("schedule", "Schedule"), ("command", "Command"), ("request", "Request")],
                        max_length=16,
                    ),
                ),
                ("day", models.DateField()),
                (
                    "status",
                    models.CharField(
                        choices=[("running", "Running"), ("finished", "Finished")], default="running", max_length=16
                    ),
                ),
                ("progress", models.JSONField(default=dict)),
                ("invoices", models.IntegerField(null=True)),
                ("customers", models.IntegerField(null=True)),
                ("blocked", models.IntegerField(null=True)),
                ("erased", models.JSONField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "-id"], name="retention_run_newest")],
                "constraints": [
                    tenants.isolation.TenantIsolation(name="retention_run_isolation"),
                    tenants.isolation.TenantForeignKey(field="tenant", name="retention_run_tenant"),
                    tenants.isolation.Audited(
                        entity="retentionRun",
                        hidden=(),
                        ignored=("updated_at", "progress"),
                        name="retention_run_audit",
                        verbs={},
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("cause", "schedule")),
                        fields=("tenant", "day"),
                        name="retention_run_once_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cause__in", ["schedule", "command", "request"])),
                        name="retention_run_cause_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at__isnull", True), ("status", "running")),
                            models.Q(
                                ("blocked__isnull", False),
                                ("customers__isnull", False),
                                ("erased__isnull", False),
                                ("finished_at__isnull", False),
                                ("invoices__isnull", False),
                                ("status", "finished"),
                            ),
                            _connector="OR",
                        ),
                        name="retention_run_finished_has_counts",
                    ),
                ],
            },
        ),
        migrations.RunSQL(sql.HELPERS, sql.HELPERS_REVERSE),
        migrations.RunSQL(sql.GUARDS, sql.GUARDS_REVERSE),
        migrations.RunSQL(sql.DELETIONS_INDEX, "DROP INDEX audit_deletions"),
        EraserFunction(name="tenants_erase_audit", arguments="ids uuid[]", returns="bigint", body=sql.ERASE_AUDIT),
        EraserFunction(
            name="tenants_erase_answers", arguments="since timestamptz", returns="bigint", body=sql.ERASE_ANSWERS
        ),
        EraserFunction(
            name="tenants_mark_deleted",
            arguments="at timestamptz, until timestamptz, ids uuid[], batch integer",
            returns="uuid[]",
            body=sql.MARK_DELETED,
        ),
        migrations.RunSQL(
            f"CREATE FUNCTION tenants_answers_left(since timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS "
            f"$ledger${sql.ANSWERS_LEFT}$ledger$",
            "DROP FUNCTION tenants_answers_left(timestamptz)",
        ),
    ]
