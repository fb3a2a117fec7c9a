"""What the database does and refuses about the books."""

from django.db import migrations

from accounting import sql


class Migration(migrations.Migration):
    dependencies = [("accounting", "0001_books"), ("tenants", "0005_email_invoices")]

    operations = [
        migrations.RunSQL(sql.LINES + sql.ENTRIES + sql.ACCOUNTS + sql.HOLDS + sql.TRANSFERS + sql.SEALS, sql.DROP),
        migrations.RunSQL(sql.STORAGE, migrations.RunSQL.noop),
    ]
