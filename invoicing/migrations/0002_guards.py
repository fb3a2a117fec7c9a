"""What the database refuses about invoices, and the scan for those that fell due."""

from django.db import migrations

from invoicing import sql
from tenants.operations import DefinerFunction


class Migration(migrations.Migration):
    dependencies = [("invoicing", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql.INVOICE_GUARD + sql.ITEM_GUARD + sql.BUYER_GUARD + sql.SERIES_GUARD + sql.ALLOCATION_GUARD, sql.DROP
        ),
        migrations.RunSQL(sql.STORAGE, migrations.RunSQL.noop),
        DefinerFunction(
            name="invoicing_tenants_with_due",
            arguments="before timestamptz",
            returns="TABLE (tenant_id uuid)",
            body=(
                "SELECT DISTINCT tenant_id FROM invoicing_invoice "
                "WHERE status IN ('pending', 'failed') AND due_date < before"
            ),
            reads={"invoicing_invoice": ["tenant_id", "status", "due_date"]},
            where={"invoicing_invoice": "status IN ('pending', 'failed')"},
        ),
    ]
