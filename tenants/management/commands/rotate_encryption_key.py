"""`manage.py rotate_encryption_key`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from tenants.keyring import EncryptedColumn, encrypted_columns, keyring
from tenants.management.base import TenantCommand, positive
from tenants.scope import tenant_scope
from tenants.services.rotation import rotate_batch
from tenants.services.second_factors import rotate_second_factors

_SHOWN = 20


class Command(TenantCommand):
    """Moves every stored secret to the current key."""

    help = (
        "Re-encrypt every stored secret with the current key. Put the new key into ENCRYPTION_KEY and the former one "
        "into ENCRYPTION_KEYS_OLD, restart all processes, then run this; when it says ok for all tenants, the former "
        "key may be removed. It works in small transactions beside normal operation and can be stopped and run again "
        "at any time: what has been moved is skipped. Values that no key opens are listed and left alone, and the exit "
        "status is 1."
    )
    examples = """
        manage.py rotate_encryption_key --dry-run
        manage.py rotate_encryption_key
        manage.py rotate_encryption_key --tenant acme --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """How."""
        parser.add_argument("--dry-run", action="store_true", help="Only count what is under a former key.")
        parser.add_argument("--batch-size", type=positive, default=200, help="Values per transaction. Default: 200.")

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """All registered columns of one tenant."""
        rotated, unreadable = 0, []
        for column in encrypted_columns():
            moved, failed = self._rotate(tenant_id, slug, column, options["batch_size"], dry_run=options["dry_run"])
            rotated += moved
            unreadable += [f"{column.table}.{column.column} of {row}" for row in failed]
        return {
            "ok": not unreadable,
            "rotated": rotated,
            "dryRun": options["dry_run"],
            "keyId": keyring().current_key_id,
            "unreadable": unreadable,
        }

    def run(self, **options: Any) -> dict[str, Any]:
        """All tenants, and without `--tenant` the second factors of staff, who belong to none."""
        named, dry_run = options["tenant"], options["dry_run"]
        result = super().run(**options)
        if named:
            return result
        rotated, unreadable = rotate_second_factors(dry_run=dry_run)
        factors = {"rotated": rotated, "dryRun": dry_run, "unreadable": unreadable}
        return {**result, "ok": result["ok"] and not unreadable, "secondFactors": factors}

    def describe(self, result: Mapping[str, Any]) -> str:
        """A line for the second factors, besides."""
        lines = super().describe(result)
        factors = result.get("secondFactors")
        if factors is None:
            return lines
        verdict = "NOT OK" if factors["unreadable"] else "ok"
        return f"{lines}\nSecond factors of staff: {verdict}. {self.describe_tenant(factors)}"

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """In words."""
        verb = "to be re-encrypted" if result["dryRun"] else "re-encrypted"
        lines = [f"{result['rotated']} {verb}."]
        lost = result["unreadable"]
        if lost:
            lines.append(f"{len(lost)} cannot be read with any key: " + "; ".join(lost[:_SHOWN]))
        return " ".join(lines)

    def _rotate(
        self, tenant_id: UUID, slug: str, column: EncryptedColumn, limit: int, *, dry_run: bool
    ) -> tuple[int, list[UUID]]:
        rotated, unreadable, after = 0, list[UUID](), None
        while True:
            with tenant_scope(self.context(tenant_id, reason="encryption key rotated")):
                batch = rotate_batch(tenant_id=tenant_id, column=column, after=after, limit=limit, dry_run=dry_run)
            if batch.last is None:
                return rotated, unreadable
            rotated, after = rotated + batch.rotated, batch.last
            unreadable += batch.unreadable
            self.progress(f"{slug}: {column.table}.{column.column}: {rotated}")
