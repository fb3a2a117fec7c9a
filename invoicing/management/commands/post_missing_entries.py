"""`post_missing_entries`: give every fact of before the books its entry."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from invoicing.services.posting_missing import post_missing_entries
from tenants.management.base import TenantCommand


class Command(TenantCommand):
    """Posts what has no entry; `prepare_database` runs it after migrating."""

    help = (
        "Post the entries of invoices, payments, write-offs and voids that have none because they are older than the "
        "books, or because an older version was still running while this one was installed. Each fact gets the entry "
        "it would have had, on its own date. Running it again posts nothing more. bin/up and prepare_database run it."
    )
    examples = """
        manage.py post_missing_entries
        manage.py post_missing_entries --tenant demo --json
    """

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant."""
        posted = post_missing_entries(
            context=self.context(tenant_id, reason="Older than the books"),
            progress=lambda done: self.progress(f"{slug}: {done:,} entries posted") if done else None,
        )
        return {"ok": True, "posted": posted}
