"""Coupons, their redemptions and what invoices took; the database counts, and holds the limits."""

import django.db.models.deletion
from django.db import migrations, models

import common.ids
import tenants.isolation
from billing import sql_coupons


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0006_plans"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.CreateModel(
            name="Coupon",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(editable=False)),
                ("updated_at", models.DateTimeField()),
                ("code", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=255)),
                ("type", models.CharField(max_length=16)),
                ("percentage", models.DecimalField(decimal_places=12, max_digits=15, null=True)),
                ("amount", models.BigIntegerField(null=True)),
                ("currency", models.CharField(max_length=3, null=True)),
                ("duration", models.CharField(default="once", max_length=16)),
                ("duration_periods", models.IntegerField(null=True)),
                ("valid_from", models.DateTimeField(null=True)),
                ("valid_until", models.DateTimeField(null=True)),
                ("max_redemptions", models.IntegerField(null=True)),
                ("max_redemptions_per_customer", models.IntegerField(null=True)),
                ("stacking_order", models.IntegerField(default=100)),
                ("keep_remainder", models.BooleanField(default=False)),
                ("active", models.BooleanField(default=True)),
                ("times_redeemed", models.IntegerField(default=0)),
                ("redeemed_at", models.DateTimeField(null=True)),
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
            name="CouponTarget",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("position", models.IntegerField()),
                (
                    "coupon",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="targets",
                        to="billing.coupon",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.plan",
                    ),
                ),
                (
                    "price",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="billing.price",
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
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
            options={
                "verbose_name_plural": "coupons",
            },
        ),
        migrations.CreateModel(
            name="Redemption",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("subscription_id", models.UUIDField(null=True)),
                ("invoice_id", models.UUIDField(null=True)),
                ("applied_at", models.DateTimeField(editable=False)),
                ("periods_used", models.IntegerField(default=0)),
                ("amount_left", models.BigIntegerField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("returned_at", models.DateTimeField(null=True)),
                (
                    "coupon",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="billing.coupon",
                    ),
                ),
                (
                    "customer",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
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
        ),
        migrations.CreateModel(
            name="CouponUse",
            fields=[
                ("id", models.UUIDField(default=common.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("invoice_id", models.UUIDField()),
                ("amount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("applied_at", models.DateTimeField(editable=False)),
                ("returned_at", models.DateTimeField(null=True)),
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
                    "redemption",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="uses",
                        to="billing.redemption",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=tenants.isolation.TenantIsolation(name="coupon_isolation"),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="coupon_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="coupon_tenant"),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=tenants.isolation.TenantForeignKey(field="application", name="coupon_application"),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=tenants.isolation.Audited(
                entity="coupon",
                hidden=(),
                ignored=("updated_at", "times_redeemed", "redeemed_at"),
                name="coupon_audit",
                verbs={},
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.UniqueConstraint(fields=("tenant", "code"), name="coupon_code_unique"),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(("code__regex", "^[A-Z0-9_-]{1,64}$")), name="coupon_code_shape"
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="coupon_name_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount__isnull", True),
                        ("currency__isnull", True),
                        ("percentage__gt", 0),
                        ("percentage__isnull", False),
                        ("percentage__lte", 100),
                        ("type", "percentage"),
                    ),
                    models.Q(
                        ("amount__isnull", False),
                        ("amount__range", (1, 1000000000000000)),
                        ("currency__isnull", False),
                        ("currency__regex", "^[A-Z]{3}$"),
                        ("percentage__isnull", True),
                        ("type", "amount"),
                    ),
                    _connector="OR",
                ),
                name="coupon_takes_a_share_or_an_amount",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("duration__in", ["once", "forever"]), ("duration_periods__isnull", True)),
                    models.Q(
                        ("duration", "repeating"),
                        ("duration_periods__isnull", False),
                        ("duration_periods__range", (1, 1000)),
                    ),
                    _connector="OR",
                ),
                name="coupon_periods_fit_its_duration",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("keep_remainder", False), models.Q(("duration", "once"), ("type", "amount")), _connector="OR"
                ),
                name="coupon_remainder_of_an_amount_that_counts_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_from__isnull", True),
                    ("valid_until__isnull", True),
                    ("valid_until__gt", models.F("valid_from")),
                    _connector="OR",
                ),
                name="coupon_ends_after_it_starts",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("max_redemptions__isnull", True), ("max_redemptions__gte", 1), _connector="OR"),
                    models.Q(
                        ("max_redemptions_per_customer__isnull", True),
                        ("max_redemptions_per_customer__gte", 1),
                        _connector="OR",
                    ),
                ),
                name="coupon_limits_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("times_redeemed__gte", 0),
                    models.Q(
                        ("max_redemptions__isnull", True),
                        ("times_redeemed__lte", models.F("max_redemptions")),
                        _connector="OR",
                    ),
                ),
                name="coupon_redeemed_within_limit",
            ),
        ),
        migrations.AddIndex(
            model_name="coupontarget",
            index=models.Index(
                condition=models.Q(("plan__isnull", False)), fields=["tenant", "plan"], name="coupon_target_by_plan"
            ),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=tenants.isolation.TenantIsolation(name="coupon_target_isolation"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="coupon_target_tenant"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=tenants.isolation.TenantForeignKey(field="coupon", name="coupon_target_coupon"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=tenants.isolation.TenantForeignKey(field="plan", name="coupon_target_plan"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=tenants.isolation.TenantForeignKey(field="product", name="coupon_target_product"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=tenants.isolation.TenantForeignKey(field="price", name="coupon_target_price"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=tenants.isolation.Audited(
                entity="couponTarget", hidden=(), ignored=("updated_at",), name="coupon_target_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=models.UniqueConstraint(fields=("tenant", "coupon", "plan"), name="coupon_target_plan_once"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=models.UniqueConstraint(
                fields=("tenant", "coupon", "product"), name="coupon_target_product_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=models.UniqueConstraint(fields=("tenant", "coupon", "price"), name="coupon_target_price_once"),
        ),
        migrations.AddConstraint(
            model_name="coupontarget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("plan__isnull", False), ("price__isnull", True), ("product__isnull", True)),
                    models.Q(("plan__isnull", True), ("price__isnull", True), ("product__isnull", False)),
                    models.Q(("plan__isnull", True), ("price__isnull", False), ("product__isnull", True)),
                    _connector="OR",
                ),
                name="coupon_target_is_one_thing",
            ),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(fields=["tenant", "customer", "coupon"], name="redemption_by_customer"),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(fields=["tenant", "coupon", "id"], name="redemption_by_coupon"),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=tenants.isolation.TenantIsolation(name="redemption_isolation"),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=tenants.isolation.TenantKey(fields=("tenant", "id"), name="redemption_tenant_key"),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="redemption_tenant"),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=tenants.isolation.TenantForeignKey(field="coupon", name="redemption_coupon"),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=tenants.isolation.TenantForeignKey(field="customer", name="redemption_customer"),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=tenants.isolation.Audited(
                entity="redemption", hidden=(), ignored=("updated_at",), name="redemption_audit", verbs={}
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(("periods_used__gte", 0)), name="redemption_periods_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_left__range", (0, 1000000000000000))), name="redemption_left_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("returned_at__isnull", True),
                    models.Q(("ended_at__isnull", False), ("periods_used", 0)),
                    _connector="OR",
                ),
                name="redemption_returned_is_unused_and_over",
            ),
        ),
        migrations.AddIndex(
            model_name="couponuse",
            index=models.Index(fields=["tenant", "redemption"], name="coupon_use_by_redemption"),
        ),
        migrations.AddConstraint(
            model_name="couponuse",
            constraint=tenants.isolation.TenantIsolation(name="coupon_use_isolation"),
        ),
        migrations.AddConstraint(
            model_name="couponuse",
            constraint=tenants.isolation.TenantForeignKey(field="tenant", name="coupon_use_tenant"),
        ),
        migrations.AddConstraint(
            model_name="couponuse",
            constraint=tenants.isolation.TenantForeignKey(field="redemption", name="coupon_use_redemption"),
        ),
        migrations.AddConstraint(
            model_name="couponuse",
            constraint=models.UniqueConstraint(
                fields=("tenant", "invoice_id", "redemption"), name="coupon_use_once_per_invoice"
            ),
        ),
        migrations.AddConstraint(
            model_name="couponuse",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__range", (0, 1000000000000000))), name="coupon_use_amount_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="couponuse",
            constraint=models.CheckConstraint(
                condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="coupon_use_currency_shape"
            ),
        ),
        migrations.RunSQL(sql_coupons.GUARDS, sql_coupons.GUARDS_REVERSE),
    ]
