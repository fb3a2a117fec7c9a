"""`verify_numbering`: prove that a tenant's invoices are numbered without gap and unaltered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from invoicing.services.verifying import verify_numbering
from tenants.management.base import TenantCommand
from tenants.scope import tenant_scope


class Command(TenantCommand):
    """Recomputes every document's digest and every series' hash chain."""

    help = (
        "Prove every number series of a tenant: no gap, no duplicate, no altered, removed or inserted document. "
        "Recomputes the digest of each finalised invoice and the hash chain of each series, compares the invoices with "
        "the events and the audit trail, which remember each number that was given, and names what is wrong. Exit "
        "status 1 when anything is. It cannot show what somebody did who, as a superuser, rewrote the invoices, the "
        "series, the events and the audit trail so that they agree, nor that an addressee was erased without being "
        "asked to; for the former keep dumps elsewhere."
    )
    examples = """
        manage.py verify_numbering --tenant demo
        manage.py verify_numbering --json
    """

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant."""
        with tenant_scope(self.context(tenant_id)):
            verdict = verify_numbering(
                tenant_id=tenant_id, progress=lambda done: self.progress(f"{slug}: {done:,} documents checked")
            )
        return {
            "ok": verdict.ok,
            "documents": verdict.documents,
            "series": verdict.series,
            "findings": [asdict(finding) for finding in verdict.findings],
            "moreFindings": verdict.more,
        }

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """How much was checked, then each finding on a line."""
        lines = [f"Documents: {result['documents']:,}, series: {result['series']}"]
        lines += [f"  {one['number'] or one['series']}: {one['problem']}" for one in result["findings"]]
        if result["moreFindings"]:
            lines.append(f"  and {result['moreFindings']:,} more")
        return "\n".join(lines)
