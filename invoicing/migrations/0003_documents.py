"""The documents of invoices, and the version of the settings that each invoice was issued under."""

import django.db.models.deletion
from django.db import migrations, models

import tenants.isolation
from invoicing import sql_documents
from tenants.operations import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_final_rows"),
        ("invoicing", "0002_guards"),
        ("tenants", "0003_branding"),
    ]

    operations = [
        migrations.CreateModel(
            name="DocumentRequest",
            fields=[
                (
                    "invoice",
                    models.OneToOneField(
                        db_column="id",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="invoicing.invoice",
                    ),
                ),
                ("attempts", models.IntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                ("last_error", models.CharField(max_length=500, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="InvoiceDocument",
            fields=[
                (
                    "invoice",
                    models.OneToOneField(
                        db_column="id",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="document",
                        serialize=False,
                        to="invoicing.invoice",
                    ),
                ),
                ("content", models.BinaryField(null=True)),
                ("sha256", models.BinaryField(max_length=32)),
                ("size", models.IntegerField()),
                ("layout", models.CharField(max_length=64)),
                ("boxes", models.IntegerField(default=0)),
                ("rendered_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="invoice",
            name="invoice_audit",
        ),
        migrations.RemoveConstraint(
            model_name="invoice",
            name="invoice_issued_has_number",
        ),
        migrations.AddField(
            model_name="invoice",
            name="settings_version",
            # Rows that exist get 0, the snapshot of those who were here before; a default touches no final row.
            field=models.IntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="settings_version",
            field=models.IntegerField(null=True),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=tenants.isolation.Audited(
                entity="invoice",
                hidden=(),
                ignored=(
                    "updated_at",
                    "settings_version",
                    "buyer_digest",
                    "content_digest",
                    "chain_hash",
                    "tax_breakdown",
                ),
                name="invoice_audit",
                verbs={"pending": "finalised", "void": "voided"},
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("invoice_number__isnull", True),
                        ("issued_at__isnull", True),
                        ("number__isnull", True),
                        ("series__isnull", True),
                        ("status", "draft"),
                        ("year__isnull", True),
                    ),
                    models.Q(
                        models.Q(("status", "draft"), _negated=True),
                        ("buyer_digest__isnull", False),
                        ("chain_hash__isnull", False),
                        ("content_digest__isnull", False),
                        ("due_date__isnull", False),
                        ("invoice_number__isnull", False),
                        ("issued_at__isnull", False),
                        ("number__isnull", False),
                        ("series__isnull", False),
                        ("settings_version__isnull", False),
                        ("year__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="invoice_issued_has_number",
            ),
        ),
        migrations.AddField(
            model_name="documentrequest",
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
            model_name="invoicedocument",
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
            model_name="documentrequest",
            index=models.Index(fields=["next_attempt_at"], name="document_request_by_time"),
        ),
        migrations.AddConstraint(
            model_name="documentrequest",
            constraint=tenants.isolation.TenantIsolation(name="document_request_isolation"),
        ),
        migrations.AddConstraint(
            model_name="documentrequest",
            constraint=tenants.isolation.TenantForeignKey(field="invoice", name="document_request_invoice"),
        ),
        migrations.AddConstraint(
            model_name="invoicedocument",
            constraint=tenants.isolation.TenantIsolation(name="document_isolation"),
        ),
        migrations.AddConstraint(
            model_name="invoicedocument",
            constraint=tenants.isolation.TenantForeignKey(field="invoice", name="document_invoice"),
        ),
        migrations.RunSQL(sql_documents.GUARD, sql_documents.DROP),
        DefinerFunction(
            name="invoicing_document_requests",
            arguments="before timestamptz, most integer",
            returns="TABLE (id uuid, tenant_id uuid)",
            body=(
                "SELECT id, tenant_id FROM invoicing_documentrequest WHERE next_attempt_at <= before "
                "ORDER BY next_attempt_at, id LIMIT most"
            ),
            reads={"invoicing_documentrequest": ["id", "tenant_id", "next_attempt_at"]},
        ),
    ]
