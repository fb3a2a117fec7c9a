"""Databases that were made before these functions learnt more get what new ones have from the start.

Ending a hold takes part in the lock of the books, what has expired backs neither a debit nor a hold, and rebuilding
balances waits for no hold. Nothing goes back: the functions of before had faults, and their names stay the same.
"""

from django.db import migrations

from accounting import sql_erasure, sql_grants, sql_rebuild


def again(source: str) -> str:
    """Functions and triggers that may exist already."""
    return source.replace("CREATE FUNCTION ", "CREATE OR REPLACE FUNCTION ").replace(
        "CREATE TRIGGER ", "CREATE OR REPLACE TRIGGER "
    )


class Migration(migrations.Migration):
    dependencies = [("accounting", "0009_readable_times")]

    operations = [
        migrations.RunSQL(sql_erasure.GUARDS + again(sql_grants.TAKING + sql_grants.GUARDS), migrations.RunSQL.noop),
        migrations.RunSQL(
            sql_grants.changed_eraser("accounting_rebuild_balances", "wanted uuid[]", "void", sql_rebuild.REBUILD),
            migrations.RunSQL.noop,
        ),
    ]
