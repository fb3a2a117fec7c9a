"""What the public API needs: indexes of its lists, locking before deciding, due holds, and erasing what people wrote."""

from django.db import migrations, models

from accounting import sql_erasure, sql_locking
from tenants.operations import DefinerFunction, EraserFunction


class Migration(migrations.Migration):
    dependencies = [
        ("accounting", "0002_guards"),
        ("tenants", "0005_email_invoices"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="journalline",
            index=models.Index(fields=["tenant", "account_id", "entry"], name="line_by_account_entry"),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(fields=["tenant", "currency", "id"], name="account_by_currency"),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("status__in", ["suspended", "closed"])),
                fields=["tenant", "status", "id"],
                name="account_by_rare_status",
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("type__in", ["asset", "income", "expense", "equity"])),
                fields=["tenant", "type", "id"],
                name="account_by_rare_type",
            ),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(fields=["tenant", "id"], name="hold_newest"),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(fields=["tenant", "status", "id"], name="hold_by_status"),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(fields=["tenant", "currency", "id"], name="transfer_by_currency"),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("status", "voided")), fields=["tenant", "id"], name="transfer_voided"
            ),
        ),
        migrations.RunSQL(sql_locking.LOCK_ACCOUNTS, sql_locking.LOCK_ACCOUNTS_REVERSE),
        DefinerFunction(
            name="accounting_tenants_with_due_holds",
            arguments="before timestamptz",
            returns="TABLE (tenant_id uuid)",
            body="SELECT DISTINCT tenant_id FROM accounting_hold WHERE status = 'active' AND expires_at <= before",
            reads={"accounting_hold": ["tenant_id", "status", "expires_at"]},
            where={"accounting_hold": "status = 'active'"},
        ),
        migrations.RunSQL(sql_erasure.GUARDS, sql_erasure.GUARDS_REVERSE),
        EraserFunction(
            name="accounting_mark_books",
            arguments="customers uuid[], at timestamptz",
            returns="uuid[]",
            body=sql_erasure.MARK_BOOKS,
        ),
        EraserFunction(
            name="accounting_erase_books", arguments="ids uuid[]", returns="bigint", body=sql_erasure.ERASE_BOOKS
        ),
    ]
