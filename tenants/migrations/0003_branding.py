"""How documents look, and a snapshot of each version of the settings for the documents issued under it."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from tenants.operations import each_tenant
from tenants.sql_snapshots import DROP_SNAPSHOTS, FIRST_SNAPSHOTS, SNAPSHOTS


def first_snapshots(apps, schema_editor):
    """The settings of tenants that exist already."""
    for _ in each_tenant(schema_editor):
        schema_editor.execute(FIRST_SNAPSHOTS)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0002_scan_functions"),
    ]

    operations = [
        migrations.CreateModel(
            name="SettingsSnapshot",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("version", models.IntegerField()),
                ("data", models.JSONField()),
            ],
        ),
        migrations.AddField(
            model_name="tenantsettings",
            name="brand_color",
            field=models.CharField(max_length=7, null=True),
        ),
        migrations.AddField(
            model_name="tenantsettings",
            name="invoice_texts",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="tenantsettings",
            name="payment_instructions",
            field=models.CharField(max_length=2000, null=True),
        ),
        migrations.CreateModel(
            name="Logo",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("sha256", models.CharField(max_length=64)),
                ("media_type", models.CharField(choices=[("image/png", "Png"), ("image/jpeg", "Jpeg")], max_length=16)),
                ("width", models.IntegerField()),
                ("height", models.IntegerField()),
                ("content", models.BinaryField()),
                ("created_at", models.DateTimeField()),
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
        migrations.AddField(
            model_name="tenantsettings",
            name="logo",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.logo",
            ),
        ),
        migrations.AddConstraint(
            model_name="tenantsettings",
            constraint=tenants.isolation.TenantForeignKey(field="logo", name="settings_logo"),
        ),
        migrations.AddConstraint(
            model_name="tenantsettings",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("brand_color__isnull", True), ("brand_color__regex", "^#[0-9a-f]{6}$"), _connector="OR"
                ),
                name="settings_brand_color_shape",
            ),
        ),
        migrations.AddField(
            model_name="settingssnapshot",
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
            model_name="logo",
            constraint=tenants.isolation.TenantIsolation(name="logo_isolation"),
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="logo_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="logo_tenant"),
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=tenants.isolation.Audited(
                entity="logo", hidden=(), ignored=("content",), name="logo_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=models.UniqueConstraint(fields=("tenant", "sha256"), name="logo_unique"),
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=models.CheckConstraint(
                condition=models.Q(("media_type__in", ["image/png", "image/jpeg"])), name="logo_media_type_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=models.CheckConstraint(
                condition=models.Q(("height__range", (1, 2000)), ("width__range", (1, 2000))), name="logo_size_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="settingssnapshot",
            constraint=tenants.isolation.TenantIsolation(name="snapshot_isolation"),
        ),
        migrations.AddConstraint(
            model_name="settingssnapshot",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="snapshot_tenant"),
        ),
        migrations.AddConstraint(
            model_name="settingssnapshot",
            constraint=models.UniqueConstraint(fields=("tenant", "version"), name="snapshot_unique"),
        ),
        migrations.RunPython(first_snapshots, migrations.RunPython.noop),
        migrations.RunSQL(SNAPSHOTS, DROP_SNAPSHOTS),
    ]
