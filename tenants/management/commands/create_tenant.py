"""`manage.py create_tenant`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from common.ids import encode_id
from common.prefixes import TENANT
from tenants.management.base import OperatorCommand, real_now, text
from tenants.services.tenants import create_tenant


class Command(OperatorCommand):
    """Makes a tenant."""

    help = (
        "Create a tenant with default settings. Its slug is its name for operators and never changes. A test tenant "
        "may have test clocks, and nothing it does is meant to reach real customers."
    )
    examples = """
        manage.py create_tenant --slug acme --name "Acme GmbH"
        manage.py create_tenant --slug acme-test --name "Acme (test)" --test --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Slug, name and kind."""
        parser.add_argument("--slug", required=True, help="Lower-case letters, digits and hyphens, at most 64.")
        parser.add_argument("--name", required=True, type=text, help="The company's name, as on its invoices.")
        parser.add_argument("--test", action="store_true", help="A test tenant: it may have test clocks.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Create it."""
        tenant = create_tenant(
            slug=options["slug"], name=options["name"], is_test=options["test"], at=real_now(),
            actor=f"command:{self.name}",
        )  # fmt: skip
        return {
            "id": encode_id(TENANT, tenant.id), "slug": tenant.slug, "name": tenant.name, "isTest": tenant.is_test,
        }  # fmt: skip
