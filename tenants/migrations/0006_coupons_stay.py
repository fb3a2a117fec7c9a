"""What a coupon took stays in the events and answers of whoever is erased, as taxes do."""

from django.db import migrations

from tenants import sql_erasure as sql

# What is left of a document must not depend on when it was erased: both directions leave the same function.
REVERSE = migrations.RunSQL.noop


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_email_invoices")]

    operations = [migrations.RunSQL(sql.DOCUMENT_ERASED, REVERSE)]
