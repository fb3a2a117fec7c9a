"""Grants: credit with a priority and an end, the guards that spend it in order, and the one wallet of a customer."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from accounting import sql_grants
from tenants.operations import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0006_rebuilding"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                ("amount", models.BigIntegerField()),
                ("remaining", models.BigIntegerField()),
                ("currency", models.CharField(max_length=16)),
                (
                    "source",
                    models.CharField(
                        choices=[("purchased", "Purchased"), ("promotional", "Promotional"), ("included", "Included")],
                        default="promotional",
                        max_length=16,
                    ),
                ),
                ("priority", models.SmallIntegerField(default=50)),
                ("effective_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("rollover_min", models.BigIntegerField(null=True)),
                ("rollover_max", models.BigIntegerField(null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("scheduled", "Scheduled"),
                            ("active", "Active"),
                            ("used", "Used"),
                            ("expired", "Expired"),
                            ("revoked", "Revoked"),
                        ],
                        default="scheduled",
                        max_length=16,
                    ),
                ),
                ("metadata", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="GrantUse",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("position", models.SmallIntegerField()),
                ("amount", models.BigIntegerField()),
                ("created_at", models.DateTimeField(editable=False)),
            ],
        ),
        migrations.AddField(
            model_name="account",
            name="is_wallet",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_wallet", True), models.Q(("status", "closed"), _negated=True)),
                fields=("tenant", "owner_id", "currency"),
                name="account_one_wallet",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_wallet", False),
                    models.Q(
                        ("owner_type", "customer"),
                        ("type", "liability"),
                        models.Q(("overdraft_policy", "unlimited"), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="account_wallet_is_owed",
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounting.account",
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="rolled_from",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounting.grant",
            ),
        ),
        migrations.AddField(
            model_name="grant",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="grantuse",
            name="entry",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounting.journalentry",
            ),
        ),
        migrations.AddField(
            model_name="grantuse",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="uses",
                to="accounting.grant",
            ),
        ),
        migrations.AddField(
            model_name="grantuse",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(
                condition=models.Q(("status__in", ["scheduled", "active"])),
                fields=["tenant", "account"],
                name="grant_live",
            ),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(fields=["tenant", "account", "id"], name="grant_by_account"),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(fields=["tenant", "id"], name="grant_newest"),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(fields=["tenant", "status", "id"], name="grant_by_status"),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(
                condition=models.Q(("status", "scheduled")), fields=["effective_at"], name="grant_beginning"
            ),
        ),
        migrations.AddIndex(
            model_name="grant",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False), ("status", "active")),
                fields=["expires_at"],
                name="grant_expiring",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=tenants.isolation.TenantIsolation(name="grant_isolation"),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="grant_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=tenants.isolation.TenantForeignKey(field="account", name="grant_account"),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=tenants.isolation.TenantForeignKey(field="rolled_from", name="grant_rolled_from"),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=tenants.isolation.Audited(
                entity="grant",
                hidden=(),
                ignored=("updated_at", "remaining"),
                name="grant_audit",
                verbs={"active": "activated"},
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__range", (1, 1000000000000000))), name="grant_amount_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("remaining__gte", 0), ("remaining__lte", models.F("amount"))),
                name="grant_remaining_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["purchased", "promotional", "included"])), name="grant_source_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(("priority__range", (0, 255))), name="grant_priority_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("remaining__gte", 1), ("status", "active")),
                    models.Q(("remaining", models.F("amount")), ("status", "scheduled")),
                    models.Q(("remaining", 0), ("status__in", ["used", "expired", "revoked"])),
                    _connector="OR",
                ),
                name="grant_status_fits_remaining",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at__isnull", True), ("expires_at__gt", models.F("effective_at")), _connector="OR"
                ),
                name="grant_expires_after_it_begins",
            ),
        ),
        migrations.AddConstraint(
            model_name="grant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("rollover_max", None), ("rollover_min", None)),
                    models.Q(
                        ("expires_at__isnull", False),
                        ("rollover_max__gte", models.F("rollover_min")),
                        ("rollover_max__range", (1, 1000000000000000)),
                        ("rollover_min__gte", 0),
                    ),
                    _connector="OR",
                ),
                name="grant_rollover_is_a_range",
            ),
        ),
        migrations.AddIndex(
            model_name="grantuse",
            index=models.Index(fields=["tenant", "grant"], name="grant_use_by_grant"),
        ),
        migrations.AddConstraint(
            model_name="grantuse",
            constraint=tenants.isolation.TenantIsolation(name="grant_use_isolation"),
        ),
        migrations.AddConstraint(
            model_name="grantuse",
            constraint=tenants.isolation.TenantForeignKey(field="grant", name="grant_use_grant"),
        ),
        migrations.AddConstraint(
            model_name="grantuse",
            constraint=tenants.isolation.TenantForeignKey(field="entry", name="grant_use_entry"),
        ),
        migrations.AddConstraint(
            model_name="grantuse",
            constraint=models.UniqueConstraint(
                fields=("tenant", "entry", "position", "grant"), name="grant_use_once_per_line"
            ),
        ),
        migrations.AddConstraint(
            model_name="grantuse",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount__range", (-1000000000000000, 1000000000000000)), models.Q(("amount", 0), _negated=True)
                ),
                name="grant_use_amount_range",
            ),
        ),
        migrations.RunSQL(sql_grants.TAKING + sql_grants.GUARDS, sql_grants.DROP),
        migrations.RunSQL(sql_grants.ERASERS, sql_grants.ERASERS_REVERSE),
        DefinerFunction(
            name="accounting_tenants_with_due_grants",
            arguments="before timestamptz",
            returns="TABLE (tenant_id uuid)",
            body=sql_grants.DUE,
            reads={"accounting_grant": ["tenant_id", "status", "effective_at", "expires_at"]},
            where={"accounting_grant": "status IN ('scheduled', 'active')"},
        ),
    ]
