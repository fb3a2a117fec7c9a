"""Prices and coupons on invoices, and how the amounts of these came about."""

import django.db.models.deletion
from django.db import migrations, models

import tenants.isolation
from invoicing import sql_derivations as sql


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_plans"),
        ("invoicing", "0007_recognition_guards"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.AddField("invoice", "coupons", models.JSONField(db_default=[], default=list)),
        migrations.AddField("invoice", "derivation_digest", models.BinaryField(max_length=32, null=True)),
        migrations.RemoveConstraint("invoice", "invoice_audit"),
        migrations.AddConstraint(
            "invoice",
            tenants.isolation.Audited(
                entity="invoice",
                hidden=(),
                ignored=(
                    "updated_at",
                    "settings_version",
                    "buyer_digest",
                    "content_digest",
                    "chain_hash",
                    "tax_breakdown",
                    "derivation_digest",
                ),
                name="invoice_audit",
                verbs={"pending": "finalised", "void": "voided"},
            ),
        ),
        migrations.AddField("invoiceitem", "usage", models.JSONField(null=True)),
        migrations.AddField("invoiceitem", "inclusive", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("invoiceitem", "exchange", models.JSONField(null=True)),
        # The column stays what it is; only Django learns that it names a price.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField("invoiceitem", "price_id"),
                migrations.AddField(
                    "invoiceitem",
                    "price",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="billing.price",
                    ),
                ),
            ]
        ),
        migrations.AddConstraint("invoiceitem", tenants.isolation.TenantForeignKey(field="price", name="item_price")),
        migrations.CreateModel(
            name="InvoiceDerivation",
            fields=[
                (
                    "invoice",
                    models.OneToOneField(
                        db_column="id",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="derivation",
                        serialize=False,
                        to="invoicing.invoice",
                    ),
                ),
                ("body", models.BinaryField()),
                ("digest", models.BinaryField(max_length=32)),
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
        migrations.AddConstraint("invoicederivation", tenants.isolation.TenantIsolation(name="derivation_isolation")),
        migrations.AddConstraint(
            "invoicederivation", tenants.isolation.TenantForeignKey(field="invoice", name="derivation_invoice")
        ),
        migrations.RunSQL(sql.GUARD, sql.DROP),
    ]
