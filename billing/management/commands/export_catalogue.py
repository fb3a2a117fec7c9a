"""`export_catalogue`: features, products, prices, plans and coupons of a tenant as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from billing.services.exporting import export_catalogue
from tenants.clocks import business_now
from tenants.management.base import OperatorCommand, resolve_tenant
from tenants.scope import tenant_scope

KINDS = ("features", "products", "plans", "coupons", "taxRates")


class Command(OperatorCommand):
    """Reads only."""

    help = (
        "Write the catalogue of a tenant as JSON: features, products with their prices, tax rates, plans with the "
        "terms that are in force, else with those of their latest version, and coupons. import_catalogue reads it, in "
        "this tenant or another."
    )
    examples = """
        manage.py export_catalogue --tenant demo > catalogue.json
        manage.py export_catalogue --tenant demo --to catalogue.json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whose, and where to."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--to", help="The file to write. Without it: standard output.")

    def run(self, **options: Any) -> dict[str, Any]:
        """The document."""
        tenant = resolve_tenant(options["tenant"])
        with tenant_scope(self.context(tenant.id)):
            document = export_catalogue(tenant_id=tenant.id, at=business_now(tenant.id))
        if options["to"] is None:
            return document
        try:
            Path(options["to"]).write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
        except OSError as broken:
            raise CommandError(f"{options['to']} cannot be written: {broken.strerror}") from broken
        return {"file": options["to"], **{name: len(document[name]) for name in KINDS}}

    def describe(self, result: Mapping[str, Any]) -> str:
        """The document itself, unless it was written to a file."""
        return super().describe(result) if "file" in result else json.dumps(result, ensure_ascii=False, indent=2)
