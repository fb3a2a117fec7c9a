"""A customer redeems a coupon once, unless it says how often. What was redeemed more often before stays as it is.

Databases that were made before get the function that new ones have from the start. Nothing goes back: the function of
before gave a coupon again to whoever had used it up.
"""

from django.db import migrations

from billing.sql_coupons import REDEMPTION_COUNT


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_exchange_rates")]

    operations = [
        migrations.RunSQL(
            REDEMPTION_COUNT.replace("CREATE FUNCTION ", "CREATE OR REPLACE FUNCTION ").replace(
                "CREATE TRIGGER ", "CREATE OR REPLACE TRIGGER "
            ),
            migrations.RunSQL.noop,
        )
    ]
