"""An erased customer is empty, and only an eraser makes it so; texts of payments go with them."""

from django.db import migrations, models

from billing import sql_erasure as sql
from tenants.operations import EraserFunction


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_final_rows"),
        ("tenants", "0004_erasure"),
    ]

    operations = [
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
                        ("vat_id__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="customer_erased_is_empty",
            ),
        ),
        migrations.RunSQL(sql.GUARDS, sql.GUARDS_REVERSE),
        EraserFunction(
            name="billing_erase_customers",
            arguments="ids uuid[], at timestamptz",
            returns="uuid[]",
            body=sql.ERASE_CUSTOMERS,
        ),
        EraserFunction(
            name="billing_erase_payments", arguments="ids uuid[]", returns="bigint", body=sql.ERASE_PAYMENTS
        ),
    ]
