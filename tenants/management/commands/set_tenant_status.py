"""`manage.py set_tenant_status`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from tenants.enums import TenantStatus
from tenants.management.base import OperatorCommand, real_now, resolve_tenant, text
from tenants.scope import tenant_scope
from tenants.services.tenants import set_tenant_suspended


class Command(OperatorCommand):
    """Suspends a tenant, or lets it work again."""

    help = (
        "Suspend a tenant: its service keys and its members are refused, its data stays as it is. Or lift the "
        "suspension. Setting the status that it has changes nothing."
    )
    examples = """
        manage.py set_tenant_status --tenant acme --status suspended --reason "contract ended"
        manage.py set_tenant_status --tenant acme --status active --reason "renewed"
    """

    def add_options(self, parser: CommandParser) -> None:
        """Which, and why."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--status", required=True, choices=TenantStatus.values, help="The status it shall have.")
        parser.add_argument("--reason", required=True, type=text, help="For the audit trail.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Set it."""
        tenant = resolve_tenant(options["tenant"])
        with tenant_scope(self.context(tenant.id, reason=options["reason"])):
            changed = set_tenant_suspended(
                tenant_id=tenant.id, suspended=options["status"] == TenantStatus.SUSPENDED, at=real_now()
            )
        return {"tenantId": tenant.type_id, "slug": tenant.slug, "status": changed.status}
