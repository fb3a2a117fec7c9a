"""`verify_invoices`: prove every amount of a tenant's invoices by deriving it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from invoicing.services.verifying_amounts import verify_amounts
from tenants.management.base import TenantCommand
from tenants.scope import tenant_scope


class Command(TenantCommand):
    """Replays the derivation of each finalised invoice and compares every cent."""

    help = (
        "Prove the amounts of every finalised invoice of a tenant: the derivation that was stored when it got its "
        "number is computed again from its inputs (prices, usage, coupons, taxes), and lines, discounts, taxes and "
        "totals of the document are compared with it. Documents without prices and coupons are computed from their "
        "own lines. Names each place with what is stated and what is computed. Exit status 1 when a cent differs."
    )
    examples = """
        manage.py verify_invoices --tenant demo
        manage.py verify_invoices --json
    """

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant."""
        with tenant_scope(self.context(tenant_id)):
            verdict = verify_amounts(
                tenant_id=tenant_id, progress=lambda done, of: self.bar(slug, done, of, "invoices")
            )
        return {
            "ok": verdict.ok,
            "invoices": verdict.invoices,
            "storedDerivations": verdict.stored,
            "findings": [asdict(finding) for finding in verdict.findings],
            "moreFindings": verdict.more,
        }

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """How much was checked, then each finding on a line."""
        lines = [f"Invoices: {result['invoices']:,}, with a stored derivation: {result['storedDerivations']:,}"]
        lines += [
            f"  {one['number']}: {one['path']} is {one['stated']}, and comes to {one['computed']}"
            for one in result["findings"]
        ]
        if result["moreFindings"]:
            lines.append(f"  and {result['moreFindings']:,} more")
        return "\n".join(lines)
