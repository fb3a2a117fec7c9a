"""The time of an entry is one that Python can read: no infinity, no year beyond 9999."""

import datetime

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0008_promotions"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="journalentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "created_at__range",
                        (
                            datetime.datetime(1, 1, 2, 0, 0, tzinfo=datetime.UTC),
                            datetime.datetime(9999, 12, 30, 0, 0, tzinfo=datetime.UTC),
                        ),
                    )
                ),
                name="entry_time_readable",
            ),
        ),
    ]
