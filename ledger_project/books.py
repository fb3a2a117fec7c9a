"""The books of an installation whose version has just changed."""

from __future__ import annotations

from invoicing.services.posting_missing import post_missing_entries
from tenants.context import system_context
from tenants.selectors import all_tenants


def post_missing_everywhere() -> int:
    """Post, for all tenants, what has no entry because it is older than the books; how many facts there were."""
    return sum(
        post_missing_entries(context=system_context(tenant_id, "ledger", reason="Older than the books"))
        for tenant_id, _ in all_tenants()
    )
