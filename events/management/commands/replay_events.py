"""`manage.py replay_events`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.clock import SystemClock, parse_instant
from common.errors import DomainError
from common.ids import InvalidId, decode_id
from common.prefixes import EVENT
from events import wakeup
from events.management.selection import add_tenant_option, chosen_tenants
from events.services.replay import Selection, check_selection, replay_batch
from tenants.context import system_context
from tenants.scope import tenant_scope

HELP = """
Deliver events to subscribers once more.

A delivery that failed ten times is dead: it waits for somebody to repair the cause and run this command. Without
--all and --event only dead deliveries are made pending again; the worker then takes them within a second.

With --all, events that were delivered, or that were published before the subscriber existed, are delivered too. The
subscriber's handler then runs again for what it has handled before: make sure that it bears that. --event does the
same for one event. Deliveries that are pending or running are never touched. Running the command twice is harmless.

Examples:
  manage.py replay_events --dry-run                               what is dead, in all tenants
  manage.py replay_events --tenant demo --subscriber invoicing.mark_paid
  manage.py replay_events --tenant demo --subscriber audit.copy --all --type 'invoice.*' --since 2026-03-01T00:00:00Z
  manage.py replay_events --tenant demo --event evt_01hqx3qgf2c8mhwy9s6zwmf3yh
"""


class Command(BaseCommand):
    """Makes deliveries pending again."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the lines of the help as they are written."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """The selection, and how to report."""
        add_tenant_option(parser)
        parser.add_argument("--subscriber", metavar="NAME", help="only deliveries to this subscriber")
        parser.add_argument("--type", metavar="TYPE", help="only events of this type: invoice.paid, 'invoice.*' or '*'")
        parser.add_argument("--since", metavar="INSTANT", help="only events published since (2026-03-01T00:00:00Z)")
        parser.add_argument("--event", metavar="EVENT", help="only this event (evt_…), whatever became of it")
        parser.add_argument("--all", action="store_true", help="also what was delivered; needs --subscriber")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work through the tenants in batches, each in a transaction of its own."""
        selection = self._selection(options)
        by_tenant: dict[str, int] = {}
        for tenant_id, slug in chosen_tenants(options["tenant"]):
            by_tenant[slug] = self._replay(tenant_id, slug, selection, dry_run=options["dry_run"])
        total = sum(by_tenant.values())
        if total and not options["dry_run"]:
            wakeup.nudge()
        if options["json"]:
            report = {"replayed": total, "dryRun": options["dry_run"], "tenants": by_tenant}
            self.stdout.write(json.dumps(report))
            return
        verb = "would be made pending again" if options["dry_run"] else "are pending again"
        self.stdout.write(f"{total} deliveries {verb}.")

    def _replay(self, tenant_id: UUID, slug: str, selection: Selection, *, dry_run: bool) -> int:
        total, after = 0, None
        context = system_context(tenant_id, "command:replay_events")
        while True:
            with tenant_scope(context):
                count, after = replay_batch(
                    selection, tenant_id=tenant_id, now=SystemClock().now(), after=after, dry_run=dry_run
                )
            total += count
            if count:
                self.stderr.write(f"{slug}: {total}")
            if after is None:
                return total

    def _selection(self, options: dict[str, Any]) -> Selection:
        selection = Selection(
            subscriber=options["subscriber"],
            type=options["type"],
            since=_instant(options["since"]),
            event_id=_event_id(options["event"]),
            everything=options["all"] or options["event"] is not None,
        )
        if options["all"] and selection.subscriber is None:
            raise CommandError("--all needs --subscriber: name who is to receive the events again.")
        try:
            check_selection(selection)
        except DomainError as refused:
            raise CommandError(f"--subscriber: {refused.message}") from refused
        return selection


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
