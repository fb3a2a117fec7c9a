"""Balances can be replayed from the journal, by a function that can write nothing else."""

from django.db import migrations

from accounting import sql_rebuild
from tenants.operations import EraserFunction


class Migration(migrations.Migration):
    dependencies = [("accounting", "0005_chart"), ("tenants", "0005_email_invoices")]

    operations = [
        migrations.RunSQL(sql_rebuild.GUARD, sql_rebuild.GUARD_REVERSE),
        EraserFunction(
            name="accounting_rebuild_balances",
            arguments="wanted uuid[]",
            returns="void",
            body=sql_rebuild.REBUILD,
        ),
    ]
