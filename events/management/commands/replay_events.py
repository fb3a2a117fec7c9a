"""`manage.py replay_events`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from common.clock import parse_instant
from common.ids import InvalidId, decode_id
from common.prefixes import EVENT
from events import wakeup
from events.services.replay import Selection, check_selection, replay_batch
from tenants.management.base import TenantCommand, real_now
from tenants.scope import tenant_scope


class Command(TenantCommand):
    """Makes deliveries pending again."""

    help = (
        "Deliver events to subscribers once more. A delivery that failed ten times is dead: it waits for somebody to "
        "repair the cause and run this command. Without --all and --event only dead deliveries are made pending again; "
        "the worker then takes them within a second. With --all, events that were delivered, or that were published "
        "before the subscriber existed, are delivered too, and --event does the same for one event: the subscriber's "
        "handler then runs again for what it has handled before, so make sure that it bears that. Deliveries that are "
        "pending or running are never touched; running the command twice is harmless."
    )
    examples = """
        manage.py replay_events --dry-run
        manage.py replay_events --tenant demo --subscriber invoicing.mark_paid
        manage.py replay_events --tenant demo --event evt_01hqx3qgf2c8mhwy9s6zwmf3yh
        manage.py replay_events --subscriber audit.copy --all --type 'invoice.*' --since 2026-03-01T09:30:00Z
    """

    def add_options(self, parser: CommandParser) -> None:
        """The selection."""
        parser.add_argument("--subscriber", metavar="NAME", help="Only deliveries to this subscriber.")
        parser.add_argument("--type", metavar="TYPE", help="Only events of this type: invoice.paid or 'invoice.*'.")
        parser.add_argument("--since", metavar="INSTANT", help="Only events published since (2026-03-01T00:00:00Z).")
        parser.add_argument("--event", metavar="EVENT", help="Only this event (evt_…), whatever became of it.")
        parser.add_argument("--all", action="store_true", help="Also what was delivered; needs --subscriber.")
        parser.add_argument("--dry-run", action="store_true", help="Only count.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Check the selection, work through the tenants, and wake the dispatcher."""
        selection = Selection(
            subscriber=options["subscriber"],
            type=options["type"],
            since=_instant(options["since"]),
            event_id=_event_id(options["event"]),
            everything=options["all"] or options["event"] is not None,
        )
        if options["all"] and selection.subscriber is None:
            raise CommandError("--all needs --subscriber: name who is to receive the events again.")
        check_selection(selection)
        dry_run = options["dry_run"]
        result = super().run(tenant=options["tenant"], selection=selection, dry_run=dry_run)
        total = sum(one["replayed"] for one in result["tenants"])
        if total and not dry_run:
            wakeup.nudge()
        return {**result, "replayed": total, "dryRun": dry_run}

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant's events in batches, each in a transaction of its own."""
        total, after = 0, None
        while True:
            with tenant_scope(self.context(tenant_id)):
                count, after = replay_batch(
                    options["selection"], tenant_id=tenant_id, now=real_now(), after=after, dry_run=options["dry_run"]
                )
            total += count
            if after is None:
                return {"replayed": total}
            self.progress(f"{slug}: {total} deliveries")

    def describe(self, result: Mapping[str, Any]) -> str:
        """The tenants that had any, and the sum."""
        lines = [f"{one['tenant']}: {one['replayed']}" for one in result["tenants"] if one["replayed"]]
        verb = "would be" if result["dryRun"] else "are"
        return "\n".join([*lines, f"{result['replayed']} deliveries {verb} pending again."])


def _instant(text: str | None) -> dt.datetime | None:
    try:
        return None if text is None else parse_instant(text)
    except ValueError as malformed:
        raise CommandError(f"--since: {malformed}") from malformed


def _event_id(text: str | None) -> UUID | None:
    try:
        return None if text is None else decode_id(EVENT, text)
    except InvalidId as malformed:
        raise CommandError(f"--event: {malformed}") from malformed
