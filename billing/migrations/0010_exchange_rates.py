"""Exchange rates, which never change."""

from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from billing import sql_catalogue


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0009_vat_checks"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("from_currency", models.CharField(max_length=3)),
                ("to_currency", models.CharField(max_length=3)),
                ("rate", models.DecimalField(decimal_places=12, max_digits=22)),
                ("valid_from", models.DateTimeField()),
                ("source", models.CharField(max_length=255, null=True)),
                ("created_at", models.DateTimeField(editable=False)),
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
            model_name="exchangerate",
            constraint=tenants.isolation.TenantIsolation(name="exchange_rate_isolation"),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="exchange_rate_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="exchange_rate_tenant"),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=tenants.isolation.Audited(
                entity="exchangeRate", hidden=(), ignored=("updated_at",), name="exchange_rate_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.UniqueConstraint(
                fields=("tenant", "from_currency", "to_currency", "valid_from"), name="exchange_rate_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(("from_currency__regex", "^[A-Z]{3}$"), ("to_currency__regex", "^[A-Z]{3}$")),
                name="exchange_rate_currency_shape",
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(("from_currency", models.F("to_currency")), _negated=True),
                name="exchange_rate_of_two_currencies",
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(("rate__range", (Decimal("1E-12"), Decimal(1000000000)))),
                name="exchange_rate_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(("source", ""), _negated=True), name="exchange_rate_source_not_empty"
            ),
        ),
        migrations.RunSQL(sql_catalogue.EXCHANGE_RATE_GUARD, sql_catalogue.EXCHANGE_RATE_GUARD_REVERSE),
    ]
