"""Plans and their versions; what was published never changes, and windows never overlap."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from billing import sql_catalogue


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_features_and_prices"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.RunSQL(sql_catalogue.UUID_RANGE, sql_catalogue.UUID_RANGE_REVERSE),
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                ("name", models.CharField(max_length=255)),
                ("slug", models.CharField(max_length=64)),
                ("description", models.TextField(null=True)),
                ("currency", models.CharField(max_length=3)),
                ("multiple", models.BooleanField(default=False)),
                (
                    "status",
                    models.CharField(
                        choices=[("draft", "Draft"), ("active", "Active"), ("archived", "Archived")],
                        default="draft",
                        max_length=16,
                    ),
                ),
                ("metadata", models.JSONField(default=dict)),
                (
                    "application",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.application",
                    ),
                ),
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
        ),
        migrations.CreateModel(
            name="PlanVersion",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                ("number", models.IntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[("draft", "Draft"), ("published", "Published"), ("deactivated", "Deactivated")],
                        default="draft",
                        max_length=16,
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("description", models.TextField(null=True)),
                ("currency", models.CharField(max_length=3)),
                ("trial_days", models.IntegerField(default=0)),
                ("minimum_commitment", models.BigIntegerField(null=True)),
                ("starts_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("published_at", models.DateTimeField(null=True)),
                ("deactivated_at", models.DateTimeField(null=True)),
                ("deactivation_reason", models.CharField(max_length=500, null=True)),
                ("metadata", models.JSONField(default=dict)),
                (
                    "plan",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="billing.plan",
                    ),
                ),
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
        ),
        migrations.CreateModel(
            name="PlanPrice",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("position", models.IntegerField()),
                (
                    "price",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.price",
                    ),
                ),
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
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="billing.planversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PlanFeature",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("limit", models.BigIntegerField(null=True)),
                ("soft_limit", models.BooleanField(default=False)),
                (
                    "reset_period",
                    models.CharField(
                        choices=[
                            ("billing_period", "Billing Period"),
                            ("month", "Month"),
                            ("year", "Year"),
                            ("never", "Never"),
                        ],
                        max_length=16,
                    ),
                ),
                ("position", models.IntegerField()),
                (
                    "feature",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.feature",
                    ),
                ),
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
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="features",
                        to="billing.planversion",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=tenants.isolation.TenantIsolation(name="plan_isolation"),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="plan_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="plan_tenant"),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=tenants.isolation.TenantForeignKey(field="application", name="plan_application"),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=tenants.isolation.Audited(
                entity="plan", hidden=(), ignored=("updated_at",), name="plan_audit", verbs={"active": "activated"}
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.UniqueConstraint(
                fields=("tenant", "application", "slug"), name="plan_slug_unique", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="plan_name_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("slug__regex", "^[a-z0-9-]{1,64}$")), name="plan_slug_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="plan_currency_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="plan",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["draft", "active", "archived"])), name="plan_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=tenants.isolation.TenantIsolation(name="plan_version_isolation"),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="plan_version_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="plan_version_tenant"),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=tenants.isolation.TenantForeignKey(field="plan", name="plan_version_plan"),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=tenants.isolation.Audited(
                entity="planVersion", hidden=(), ignored=("updated_at",), name="plan_version_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.UniqueConstraint(fields=("tenant", "plan", "number"), name="plan_version_number_unique"),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="plan_version_number_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="plan_version_name_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="plan_version_currency_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("trial_days__range", (0, 3650))), name="plan_version_trial_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("minimum_commitment__range", (0, 1000000000000000))),
                name="plan_version_commitment_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("deactivated_at", None),
                        ("deactivation_reason", None),
                        ("ends_at", None),
                        ("published_at", None),
                        ("starts_at", None),
                        ("status", "draft"),
                    ),
                    models.Q(
                        ("deactivated_at", None),
                        ("deactivation_reason", None),
                        ("published_at__isnull", False),
                        ("starts_at__isnull", False),
                        ("status", "published"),
                    ),
                    models.Q(
                        ("deactivated_at__isnull", False),
                        ("deactivation_reason__isnull", False),
                        ("ends_at__isnull", False),
                        ("published_at__isnull", False),
                        ("starts_at__isnull", False),
                        ("status", "deactivated"),
                    ),
                    _connector="OR",
                ),
                name="plan_version_status_fits_its_times",
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at__isnull", True),
                    ("ends_at__gt", models.F("starts_at")),
                    models.Q(("ends_at", models.F("starts_at")), ("status", "deactivated")),
                    _connector="OR",
                ),
                name="plan_version_window_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("status", "draft"), _negated=True),
                expressions=[
                    (
                        models.Func(
                            models.F("plan"),
                            models.F("plan"),
                            models.Value("[]"),
                            function="ledger_uuid_range",
                            output_field=models.Field(),
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("starts_at"),
                            models.F("ends_at"),
                            models.Value("[)"),
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="plan_version_windows_apart",
            ),
        ),
        migrations.AddIndex(
            model_name="planprice",
            index=models.Index(fields=["tenant", "price"], name="plan_price_by_price"),
        ),
        migrations.AddConstraint(
            model_name="planprice",
            constraint=tenants.isolation.TenantIsolation(name="plan_price_isolation"),
        ),
        migrations.AddConstraint(
            model_name="planprice",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="plan_price_tenant"),
        ),
        migrations.AddConstraint(
            model_name="planprice",
            constraint=tenants.isolation.TenantForeignKey(field="version", name="plan_price_version"),
        ),
        migrations.AddConstraint(
            model_name="planprice",
            constraint=tenants.isolation.TenantForeignKey(field="price", name="plan_price_price"),
        ),
        migrations.AddConstraint(
            model_name="planprice",
            constraint=tenants.isolation.Audited(
                entity="planPrice", hidden=(), ignored=("updated_at",), name="plan_price_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="planprice",
            constraint=models.UniqueConstraint(fields=("tenant", "version", "price"), name="plan_price_once"),
        ),
        migrations.AddIndex(
            model_name="planfeature",
            index=models.Index(fields=["tenant", "feature"], name="plan_feature_by_feature"),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=tenants.isolation.TenantIsolation(name="plan_feature_isolation"),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="plan_feature_tenant"),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=tenants.isolation.TenantForeignKey(field="version", name="plan_feature_version"),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=tenants.isolation.TenantForeignKey(field="feature", name="plan_feature_feature"),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=tenants.isolation.Audited(
                entity="planFeature", hidden=(), ignored=("updated_at",), name="plan_feature_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=models.UniqueConstraint(fields=("tenant", "version", "feature"), name="plan_feature_once"),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=models.CheckConstraint(condition=models.Q(("limit__gte", -1)), name="plan_feature_limit_range"),
        ),
        migrations.AddConstraint(
            model_name="planfeature",
            constraint=models.CheckConstraint(
                condition=models.Q(("reset_period__in", ["billing_period", "month", "year", "never"])),
                name="plan_feature_reset_known",
            ),
        ),
        migrations.RunSQL(
            sql_catalogue.VERSION_GUARD + sql_catalogue.CONTENT_GUARD, sql_catalogue.VERSION_GUARDS_REVERSE
        ),
    ]
