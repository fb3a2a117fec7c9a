"""How far the sealer has come, what it asks across tenants, and indexes for what is and was held."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from accounting import sql_seals
from tenants.operations import DefinerFunction

READS = {
    "tenants_tenant": ["id"],
    "accounting_sealprogress": ["tenant_id", "horizon", "through", "cluster", "swept"],
    "accounting_journalentry": ["id", "tenant_id", "xid"],
    "accounting_sealedentry": ["id"],
}


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0003_public_api"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.CreateModel(
            name="SealProgress",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("horizon", models.BigIntegerField()),
                ("through", models.UUIDField()),
                ("cluster", models.BigIntegerField()),
                ("swept", models.BooleanField()),
            ],
            options={
                "verbose_name_plural": "seal progress",
            },
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("status", "active")), fields=["tenant", "account"], name="hold_active_by_account"
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(
                condition=models.Q(("status", "active"), _negated=True),
                fields=["tenant", "account", "updated_at"],
                name="hold_ended_by_account",
            ),
        ),
        migrations.AddField(
            model_name="sealprogress",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="sealprogress",
            constraint=tenants.isolation.TenantIsolation(name="seal_progress_isolation"),
        ),
        migrations.AddConstraint(
            model_name="sealprogress",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="seal_progress_tenant"),
        ),
        migrations.AddConstraint(
            model_name="sealprogress",
            constraint=models.UniqueConstraint(fields=("tenant",), name="seal_progress_unique"),
        ),
        DefinerFunction(
            name="accounting_tenants_with_unsealed",
            arguments="",
            returns="TABLE (id uuid)",
            body=sql_seals.TENANTS_WITH_UNSEALED,
            reads=READS,
        ),
        DefinerFunction(
            name="accounting_unsealed",
            arguments="",
            returns="TABLE (entries bigint, oldest uuid)",
            body=sql_seals.BACKLOG,
            reads=READS,
        ),
    ]
