"""Events of one object are found by an index, and an eraser may take out of them what names somebody."""

from django.db import migrations, models

from events import sql_erasure as sql
from tenants.operations import EraserFunction


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_mail_of_tenants"),
        ("tenants", "0004_erasure"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["tenant", "object_id"], name="event_by_object"),
        ),
        migrations.RunSQL(sql.GUARD, sql.GUARD_REVERSE),
        EraserFunction(name="events_erase", arguments="ids uuid[]", returns="bigint", body=sql.ERASE_EVENTS),
    ]
