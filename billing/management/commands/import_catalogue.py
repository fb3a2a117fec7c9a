"""`import_catalogue`: bring the catalogue of a tenant in line with a file of `export_catalogue`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from billing.services.importing import Imported, import_catalogue
from common.api.parsing import parse_json
from common.errors import InvalidRequest
from tenants.clocks import business_now
from tenants.management.base import OperatorCommand, resolve_tenant
from tenants.scope import tenant_scope

KINDS = ("features", "products", "prices", "plans", "coupons", "taxRates")
OUTCOMES = ("created", "changed", "unchanged")
SHOWN = 20


class Command(OperatorCommand):
    """All of the file or nothing."""

    help = (
        "Bring the catalogue of a tenant in line with a file of export_catalogue. What is missing is created, what "
        "differs is changed; nothing is deleted and nothing is published: new plans are drafts, and a published plan "
        "whose terms differ gets a new draft version. Coupons come without their redemptions; of tax rates label and "
        "end change. Importing twice changes nothing the second time. When anything in the file is refused, nothing of "
        "it is done."
    )
    examples = """
        manage.py import_catalogue --tenant acme --from catalogue.json --dry-run
        manage.py import_catalogue --tenant acme --from catalogue.json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whose, where from, and whether to do it."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--from", required=True, dest="file", help="The file to read.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Import, and say what came of it."""
        tenant = resolve_tenant(options["tenant"])
        try:
            document = parse_json(Path(options["file"]).read_bytes())
        except OSError as broken:
            raise CommandError(f"{options['file']} cannot be read: {broken.strerror}") from broken
        try:
            with tenant_scope(self.context(tenant.id, reason="import_catalogue")):
                done = import_catalogue(tenant_id=tenant.id, at=business_now(tenant.id), document=document)
                if options["dry_run"]:
                    transaction.set_rollback(True)
        except InvalidRequest as refused:
            raise CommandError(_said(refused)) from refused
        return {"dryRun": options["dry_run"], **_counts(done)}

    def describe(self, result: Mapping[str, Any]) -> str:
        """A line for each kind."""
        lines = ["Nothing was done; this is what would be."] if result["dryRun"] else []
        for kind in KINDS:
            said = ", ".join(f"{result[kind][outcome]} {outcome}" for outcome in OUTCOMES)
            lines.append(f"{kind:<9} {said}")
        return "\n".join(lines)


def _counts(done: Imported) -> dict[str, dict[str, int]]:
    return {kind: {outcome: done.counts.get(kind, Counter())[outcome] for outcome in OUTCOMES} for kind in KINDS}


def _said(refused: InvalidRequest) -> str:
    lines = [f"  {one.path}: {one.message}" for one in refused.details[:SHOWN]]
    return "\n".join(["The file is refused, and nothing of it was done:", *lines])
