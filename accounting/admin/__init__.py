"""Pages of the accounting app: accounts, journal, transfers, grants, holds, units; and reports about the books."""

from accounting.admin import accounts, grants, holds, journal, reports, statement, transfers, units
from tenants.backoffice.references import pages

pages.update(
    {
        "account": "accounting_account", "journalEntry": "accounting_journalentry", "transfer": "accounting_transfer",
        "grant": "accounting_grant", "hold": "accounting_hold",
    }
)  # fmt: skip

__all__ = ["accounts", "grants", "holds", "journal", "reports", "statement", "transfers", "units"]
