"""`manage.py verify_erasure`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from invoicing.services.retention_report import verify_erasure
from tenants.clocks import business_now
from tenants.management.base import TenantCommand, real_now


class Command(TenantCommand):
    """Looks for what should be gone."""

    help = (
        "Check that nothing personal is left of erased customers and invoices in any place that an eraser knows: "
        "documents, payments, events, mails, callbacks, the audit trail, stored answers. Ends with status 1 when "
        "something is. What is due and not erased yet is counted, and is an error only with --strict."
    )
    examples = """
        manage.py verify_erasure
        manage.py verify_erasure --tenant demo --strict --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """How strict."""
        parser.add_argument("--strict", action="store_true", help="What is due and not erased yet is an error too.")

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant's verdict."""
        verdict = verify_erasure(self.context(tenant_id), at=business_now(tenant_id), now=real_now())
        due = verdict.due.invoices + verdict.due.customers
        return {
            "ok": verdict.ok and not (options["strict"] and due),
            "remaining": {kind: count for kind, count in sorted(verdict.remaining.items()) if count},
            "invoicesDue": verdict.due.invoices,
            "customersDue": verdict.due.customers,
            "customersHeld": verdict.due.blocked,
        }

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """In words."""
        left = ", ".join(f"{kind} {count:,}" for kind, count in result["remaining"].items())
        return (
            f"{f'Left behind: {left}' if left else 'Nothing is left of what was erased'}. Due: "
            f"{result['invoicesDue']:,} invoices, {result['customersDue']:,} customers; "
            f"held: {result['customersHeld']:,}"
        )
