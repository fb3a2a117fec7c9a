"""`rebuild_balances`: replay the balances from the journal and put them right where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from accounting.services.rebuilding import (
    Difference,
    WrongCheckpoint,
    compare_balances,
    swap_balances,
    swap_checkpoints,
)
from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import ACCOUNT
from tenants.management.base import TenantCommand
from tenants.scope import tenant_scope


class Command(TenantCommand):
    """Compares first, and locks only for what differs."""

    help = (
        "Replay the balances of all accounts from their lines and holds, and compare them with those that are kept. "
        "Where they differ, the tenant's books are locked, the account is replayed once more, and the result takes the "
        "place of the balance. So do the checkpoints, at which balances of accounts without a bound begin, while "
        "nothing is sealed. Without a difference nobody waits. A balance is left as it is, with exit status 1, when "
        "the journal itself overdraws the account: then look at verify_books. A dry run ends with status 1 when "
        "anything differs."
    )
    examples = """
        manage.py rebuild_balances --tenant demo --dry-run
        manage.py rebuild_balances
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whether to change anything."""
        parser.add_argument("--dry-run", action="store_true", help="Only compare.")

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant."""
        dry_run: bool = options["dry_run"]
        with tenant_scope(self.context(tenant_id)):
            found = compare_balances(
                tenant_id=tenant_id, progress=lambda done: self.progress(f"{slug}: {done:,} accounts replayed")
            )
        if found.differences and not dry_run:
            with tenant_scope(self.context(tenant_id, reason="rebuild_balances")):
                swap_balances(tenant_id=tenant_id, differences=found.differences)
        if found.checkpoints and not dry_run:
            with tenant_scope(self.context(tenant_id, reason="rebuild_balances")):
                swap_checkpoints(tenant_id=tenant_id, wrong=found.checkpoints)
        left = [one for one in found.differences if dry_run or not one.can_be_swapped]
        return {
            "ok": not left and not (dry_run and found.checkpoints),
            "accounts": found.accounts,
            "differences": [_shown(one, swapped=one not in left) for one in found.differences],
            "checkpoints": [_checkpoint(one, swapped=not dry_run) for one in found.checkpoints],
        }

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """What differed, each on a line."""
        lines = [f"Accounts: {result['accounts']:,}, differences: {len(result['differences']):,}"]
        for one in result["differences"]:
            kept, replayed = (
                "none" if one[name] is None else ", ".join(f"{key} {value}" for key, value in one[name].items())
                for name in ("kept", "replayed")
            )
            done = "put right" if one["swapped"] else "left as it is"
            lines.append(f"  {one['account']}: kept {kept}; replayed {replayed}; {done}")
        for one in result["checkpoints"]:
            done = "put right" if one["swapped"] else "left as it is"
            lines.append(
                f"  {one['account']}: checkpoint of {one['at']}: kept {one['kept']}; replayed {one['replayed']}; {done}"
            )
        return "\n".join(lines)


def _checkpoint(wrong: WrongCheckpoint, *, swapped: bool) -> dict[str, Any]:
    return {
        "account": encode_id(ACCOUNT, wrong.account_id), "at": format_instant(wrong.line_at), "kept": wrong.kept,
        "replayed": wrong.replayed, "swapped": swapped,
    }  # fmt: skip


def _shown(difference: Difference, *, swapped: bool) -> dict[str, Any]:
    return {
        "account": encode_id(ACCOUNT, difference.account_id),
        "kept": asdict(difference.kept) if difference.kept else None,
        "replayed": asdict(difference.replayed) if difference.replayed else None,
        "swapped": swapped,
    }
