"""Features and prices; what is used of a price never changes."""

import django.db.models.deletion
import django.db.models.fields.json
from django.db import migrations, models

import common.ids
import tenants.isolation
from billing import sql_catalogue


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_credit_payments"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.CreateModel(
            name="Feature",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                ("key", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=255)),
                (
                    "type",
                    models.CharField(
                        choices=[("boolean", "Boolean"), ("metered", "Metered"), ("seat", "Seat")], max_length=16
                    ),
                ),
                ("default_limit", models.BigIntegerField(null=True)),
                ("unit", models.CharField(max_length=40, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("active", "Active"), ("archived", "Archived")], default="active", max_length=16
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
            name="Price",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("definition", models.JSONField()),
                ("tax_code", models.CharField(max_length=64, null=True)),
                ("active", models.BooleanField(default=True)),
                ("used_at", models.DateTimeField(null=True)),
                ("metadata", models.JSONField(default=dict)),
                (
                    "feature",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.feature",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.product",
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
        migrations.AddConstraint(
            model_name="feature",
            constraint=tenants.isolation.TenantIsolation(name="feature_isolation"),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="feature_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="feature_tenant"),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=tenants.isolation.TenantForeignKey(field="application", name="feature_application"),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=tenants.isolation.Audited(
                entity="feature", hidden=(), ignored=("updated_at",), name="feature_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.UniqueConstraint(
                fields=("tenant", "application", "key"), name="feature_key_unique", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(("key__regex", "^[a-z][a-z0-9_.-]{0,63}$")), name="feature_key_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="feature_name_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(("type__in", ["boolean", "metered", "seat"])), name="feature_type_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["active", "archived"])), name="feature_status_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(("default_limit__gte", -1)), name="feature_limit_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="feature",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("type", "boolean"), _negated=True), ("default_limit__isnull", True), _connector="OR"
                ),
                name="feature_limit_of_something_counted",
            ),
        ),
        migrations.AddIndex(
            model_name="price",
            index=models.Index(fields=["tenant", "product"], name="price_by_product"),
        ),
        migrations.AddIndex(
            model_name="price",
            index=models.Index(
                condition=models.Q(("feature__isnull", False)), fields=["tenant", "feature"], name="price_by_feature"
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=tenants.isolation.TenantIsolation(name="price_isolation"),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="price_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="price_tenant"),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=tenants.isolation.TenantForeignKey(field="product", name="price_product"),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=tenants.isolation.TenantForeignKey(field="feature", name="price_feature"),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=tenants.isolation.Audited(
                entity="price", hidden=(), ignored=("updated_at",), name="price_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="price_currency_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("currency", django.db.models.fields.json.KeyTextTransform("currency", "definition")),
                    ("definition__has_keys", ["currency", "model"]),
                ),
                name="price_currency_is_that_of_its_definition",
            ),
        ),
        migrations.RunSQL(sql_catalogue.PRICE_GUARD, sql_catalogue.PRICE_GUARD_REVERSE),
    ]
