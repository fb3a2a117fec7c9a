"""Finished invoices may be erased, by an eraser; a customer after the last of their invoices."""

from django.db import migrations, models

from invoicing import sql_erasure as sql
from tenants.operations import EraserFunction


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0003_erasure"),
        ("invoicing", "0003_documents"),
        ("tenants", "0004_erasure"),
    ]

    operations = [
        migrations.AddField(
            model_name="invoice",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("erased_at__isnull", True),
                    models.Q(
                        ("metadata", {}),
                        models.Q(("void_reason__isnull", True), ("void_reason", "erased"), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="invoice_erased_is_empty",
            ),
        ),
        migrations.RunSQL(sql.INDEX, sql.INDEX_REVERSE),
        migrations.RunSQL(sql.GUARDS, sql.GUARDS_REVERSE),
        migrations.RunSQL(sql.TRACES, sql.TRACES_REVERSE),
        EraserFunction(
            name="invoicing_erase_invoices",
            arguments="ids uuid[], at timestamptz",
            returns="uuid[]",
            body=sql.ERASE_INVOICES,
        ),
        EraserFunction(
            name="invoicing_erase_documents", arguments="ids uuid[]", returns="bigint", body=sql.ERASE_DOCUMENTS
        ),
        EraserFunction(
            name="invoicing_mark_drafts",
            arguments="customers uuid[], at timestamptz",
            returns="uuid[]",
            body=sql.MARK_DRAFTS,
        ),
    ]
