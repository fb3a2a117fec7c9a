"""Rates of tax with their windows; tax numbers and certificates of customers, which erasing takes too."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.functions.comparison
from django.db import migrations, models

import common.ids
import tenants.isolation
from billing import sql_taxes


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0007_coupons"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.RunSQL(sql_taxes.TEXT_RANGE, sql_taxes.TEXT_RANGE_REVERSE),
        migrations.CreateModel(
            name="TaxRate",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                ("country", models.CharField(max_length=2)),
                ("region", models.CharField(max_length=64, null=True)),
                ("category", models.CharField(default="standard", max_length=32)),
                ("rate", models.DecimalField(decimal_places=6, max_digits=9)),
                ("label", models.CharField(max_length=50)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="customer",
            name="customer_erased_is_empty",
        ),
        migrations.AddField(
            model_name="customer",
            name="tax_exemption",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="customer",
            name="tax_ids",
            field=models.JSONField(null=True),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at__isnull", True),
                    models.Q(
                        ("address__isnull", True),
                        ("email__isnull", True),
                        ("external_id__isnull", True),
                        ("locale__isnull", True),
                        ("metadata", {}),
                        ("name__isnull", True),
                        ("tax_exemption__isnull", True),
                        ("tax_ids__isnull", True),
                        ("vat_id__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="customer_erased_is_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("tax_exemption__isnull", True), ("tax_exemption__has_key", "certificate"), _connector="OR"
                ),
                name="customer_tax_exemption_has_certificate",
            ),
        ),
        migrations.AddField(
            model_name="taxrate",
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
            model_name="taxrate",
            index=models.Index(fields=["tenant", "country"], name="tax_rate_by_country"),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=tenants.isolation.TenantIsolation(name="tax_rate_isolation"),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="tax_rate_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="tax_rate_tenant"),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=tenants.isolation.Audited(
                entity="taxRate", hidden=(), ignored=("updated_at",), name="tax_rate_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=models.CheckConstraint(
                condition=models.Q(("country__regex", "^[A-Z]{2}$")), name="tax_rate_country_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=models.CheckConstraint(
                condition=models.Q(("region", ""), _negated=True), name="tax_rate_region_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=models.CheckConstraint(
                condition=models.Q(("category__regex", "^[a-z][a-z0-9_-]{0,31}$")), name="tax_rate_category_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=models.CheckConstraint(condition=models.Q(("rate__range", (0, 100))), name="tax_rate_range"),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=models.CheckConstraint(
                condition=models.Q(("label", ""), _negated=True), name="tax_rate_label_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_until__isnull", True), ("valid_until__gte", models.F("valid_from")), _connector="OR"
                ),
                name="tax_rate_window_is_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="taxrate",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    (
                        models.Func(
                            models.F("tenant"),
                            models.F("tenant"),
                            models.Value("[]"),
                            function="ledger_uuid_range",
                            output_field=models.Field(),
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("country"),
                            models.F("country"),
                            models.Value("[]"),
                            function="ledger_text_range",
                            output_field=models.Field(),
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            django.db.models.functions.comparison.Coalesce(models.F("region"), models.Value("")),
                            django.db.models.functions.comparison.Coalesce(models.F("region"), models.Value("")),
                            models.Value("[]"),
                            function="ledger_text_range",
                            output_field=models.Field(),
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("category"),
                            models.F("category"),
                            models.Value("[]"),
                            function="ledger_text_range",
                            output_field=models.Field(),
                        ),
                        "&&",
                    ),
                    (
                        models.Func(
                            models.F("valid_from"),
                            models.F("valid_until"),
                            models.Value("[)"),
                            function="tstzrange",
                            output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField(),
                        ),
                        "&&",
                    ),
                ],
                name="tax_rate_windows_apart",
            ),
        ),
        migrations.RunSQL(sql_taxes.TAX_RATE_GUARDS, sql_taxes.TAX_RATE_GUARDS_REVERSE),
        migrations.RunSQL(sql_taxes.ERASE_CUSTOMERS, sql_taxes.ERASE_CUSTOMERS_REVERSE),
    ]
