"""What the database refuses about the schedule of revenue, and which tenants have a month to recognise."""

from django.db import migrations

from invoicing import sql_recognition as sql
from tenants.operations import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0006_recognition"), ("tenants", "0005_email_invoices")]

    operations = [
        migrations.RunSQL(sql.RECOGNITION_GUARD, sql.DROP),
        DefinerFunction(
            name="invoicing_tenants_with_recognition",
            arguments="before timestamptz",
            returns="TABLE (tenant_id uuid)",
            body=(
                "SELECT DISTINCT tenant_id FROM invoicing_recognition "
                "WHERE status = 'scheduled' AND effective_at < before"
            ),
            reads={"invoicing_recognition": ["tenant_id", "status", "effective_at"]},
            where={"invoicing_recognition": "status = 'scheduled'"},
        ),
    ]
