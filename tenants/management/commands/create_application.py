"""`manage.py create_application`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from common.ids import encode_id
from common.prefixes import APPLICATION
from tenants.management.base import OperatorCommand, real_now, resolve_tenant, text
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application


class Command(OperatorCommand):
    """Makes an application of a tenant."""

    help = (
        "Create an application: one of a tenant's products or sites. A service key can belong to it, so that the audit "
        "trail tells which of a company's services called."
    )
    examples = """
        manage.py create_application --tenant acme --slug shop --name "Web shop"
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whose application, and its names."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--slug", required=True, help="Short name: lower case letters, digits and hyphens.")
        parser.add_argument("--name", required=True, type=text, help="Name for people.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Create it."""
        tenant = resolve_tenant(options["tenant"])
        with tenant_scope(self.context(tenant.id)):
            application = create_application(
                tenant_id=tenant.id, slug=options["slug"], name=options["name"], at=real_now()
            )
        return {"id": encode_id(APPLICATION, application.id), "tenantId": tenant.type_id, "slug": application.slug}
