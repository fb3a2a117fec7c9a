"""`verify_books`: prove that a tenant's books agree with themselves and with everything that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from accounting.services.verifying import verify_books
from tenants.management.base import TenantCommand
from tenants.scope import tenant_scope


class Command(TenantCommand):
    """Recomputes whatever follows from the journal."""

    help = (
        "Prove the books of a tenant: every entry balances and says what its digest says, every balance and every "
        "checkpoint is the sum of its lines, nothing is below its limit, transfers and holds moved what they say, the "
        "seals are unbroken and leave no entry out, and debits equal credits in every unit. Names what is wrong and "
        "by how much. Exit status 1 when anything is. It cannot show what somebody did who, as a superuser, rewrote "
        "entries, balances and the whole chain of seals so that they agree: for that, keep heads elsewhere "
        "(docs/auditing.md)."
    )
    examples = """
        manage.py verify_books --tenant demo
        manage.py verify_books --json
    """

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant."""
        with tenant_scope(self.context(tenant_id)):
            verdict = verify_books(tenant_id=tenant_id, progress=lambda done: self.progress(f"{slug}: {done}"))
        return {
            "ok": verdict.ok,
            "checked": verdict.checked,
            "findings": [asdict(finding) for finding in verdict.findings],
            "moreFindings": verdict.more,
        }

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """How much was checked, then each finding on a line."""
        lines = [", ".join(f"{name} {count:,}" for name, count in result["checked"].items())]
        lines += [f"  {one['check']}, {one['place']}: {one['problem']}" for one in result["findings"]]
        if result["moreFindings"]:
            lines.append(f"  and {result['moreFindings']:,} more")
        return "\n".join(lines)
