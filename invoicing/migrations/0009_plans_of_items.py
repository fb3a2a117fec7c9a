"""Of which plan the price of an item is, for coupons of plans."""

import django.db.models.deletion
from django.db import migrations, models

import tenants.isolation


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0011_coupons_once_per_customer"),
        ("invoicing", "0008_derivations"),
        ("tenants", "0006_coupons_stay"),
    ]

    operations = [
        migrations.AddField(
            model_name="invoiceitem",
            name="plan",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to="billing.plan",
            ),
        ),
        migrations.AddIndex(
            model_name="invoiceitem",
            index=models.Index(
                condition=models.Q(("plan__isnull", False)), fields=["tenant", "plan"], name="item_by_plan"
            ),
        ),
        migrations.AddConstraint(
            model_name="invoiceitem",
            constraint=tenants.isolation.TenantForeignKey(field="plan", name="item_plan"),
        ),
        migrations.AddConstraint(
            model_name="invoiceitem",
            constraint=models.CheckConstraint(
                condition=models.Q(("plan__isnull", True), ("price__isnull", False), _connector="OR"),
                name="item_plan_of_a_price",
            ),
        ),
    ]
