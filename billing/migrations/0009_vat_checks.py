"""What was found out about VAT numbers, kept as evidence; and what VIES is to be asked next."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from billing import sql_vat as sql
from tenants.operations import DefinerFunction, EraserFunction


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_tax_rates"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.CreateModel(
            name="VatCheck",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("number", models.CharField(max_length=64, null=True)),
                (
                    "status",
                    models.CharField(
                        choices=[("unverified", "Unverified"), ("valid", "Valid"), ("invalid", "Invalid")],
                        max_length=16,
                    ),
                ),
                ("source", models.CharField(choices=[("checksum", "Checksum"), ("vies", "Vies")], max_length=16)),
                ("checked_at", models.DateTimeField()),
                ("requester", models.CharField(max_length=64, null=True)),
                ("request_identifier", models.CharField(max_length=64, null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("name", models.TextField(null=True)),
                ("address", models.TextField(null=True)),
                ("error", models.CharField(max_length=64, null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="billing.customer",
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
            options={
                "indexes": [models.Index(fields=["tenant", "customer", "id"], name="vat_check_by_customer")],
            },
        ),
        migrations.CreateModel(
            name="VatVerification",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("attempts", models.IntegerField(db_default=0, default=0)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("lease_token", models.UUIDField(null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="billing.customer",
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
            options={
                "indexes": [models.Index(fields=["next_attempt_at"], name="vat_verification_due")],
            },
        ),
        migrations.AddConstraint(
            model_name="vatcheck", constraint=tenants.isolation.TenantIsolation(name="vat_check_isolation")
        ),
        migrations.AddConstraint(
            model_name="vatcheck",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="vat_check_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="vatcheck",
            constraint=tenants.isolation.TenantForeignKey(cascade=True, field="customer", name="vat_check_customer"),
        ),
        migrations.AddConstraint(
            model_name="vatcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["unverified", "valid", "invalid"])),
                name="vat_check_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="vatcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(("source__in", ["checksum", "vies"])), name="vat_check_source_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="vatcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("error__isnull", True), ("source", "vies"), ("status", "valid")),
                    models.Q(("error__isnull", True), ("source", "vies"), ("status", "invalid")),
                    models.Q(("error__isnull", False), ("source", "checksum"), ("status", "invalid")),
                    models.Q(("error__isnull", False), ("status", "unverified")),
                    _connector="OR",
                ),
                name="vat_check_error_explains",
            ),
        ),
        migrations.AddConstraint(
            model_name="vatcheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("source", "vies"),
                    models.Q(
                        ("address__isnull", True),
                        ("answered_at__isnull", True),
                        ("name__isnull", True),
                        ("request_identifier__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="vat_check_answer_is_of_vies",
            ),
        ),
        migrations.AddConstraint(
            model_name="vatverification",
            constraint=tenants.isolation.TenantIsolation(name="vat_verification_isolation"),
        ),
        migrations.AddConstraint(
            model_name="vatverification",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="vat_verification_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="vatverification",
            constraint=tenants.isolation.TenantForeignKey(
                cascade=True, field="customer", name="vat_verification_customer"
            ),
        ),
        migrations.AddConstraint(
            model_name="vatverification",
            constraint=models.UniqueConstraint(fields=("tenant", "customer"), name="vat_verification_once"),
        ),
        migrations.AddConstraint(
            model_name="vatverification",
            constraint=models.CheckConstraint(
                condition=models.Q(("attempts__gte", 0)), name="vat_verification_attempts_counted"
            ),
        ),
        migrations.AddConstraint(
            model_name="vatverification",
            constraint=models.CheckConstraint(
                condition=models.Q(("lease_token__isnull", True), ("next_attempt_at__isnull", False), _connector="OR"),
                name="vat_verification_lease_ends",
            ),
        ),
        migrations.RunSQL(sql.GUARD, sql.GUARD_REVERSE),
        EraserFunction(name="billing_erase_vat_checks", arguments="ids uuid[]", returns="bigint", body=sql.ERASE),
        DefinerFunction(
            name="billing_vat_due",
            arguments="now timestamptz, most integer",
            returns="TABLE (tenant_id uuid, customer_id uuid)",
            body=sql.DUE,
            reads={"billing_vatverification": ["id", "tenant_id", "customer_id", "next_attempt_at"]},
        ),
    ]
