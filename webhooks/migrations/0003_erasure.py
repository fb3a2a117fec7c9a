"""Bodies of callbacks and answers to them are emptied by an eraser, and by nobody else."""

from django.db import migrations

from tenants.operations import EraserFunction
from webhooks import sql_erasure as sql


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0004_erasure"),
        ("tenants", "0004_erasure"),
        ("webhooks", "0002_queue"),
    ]

    operations = [
        migrations.RunSQL(sql.GUARDS, sql.GUARDS_REVERSE),
        EraserFunction(name="webhooks_erase", arguments="ids uuid[]", returns="bigint", body=sql.ERASE_CALLBACKS),
    ]
