"""`manage.py verify_events`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from common.clock import SystemClock
from events.management.selection import add_tenant_option, chosen_tenants
from events.selectors import Health, get_health
from tenants.context import system_context
from tenants.scope import tenant_scope

HELP = """
Check that no event is stuck: that none waits longer than it may for the dispatcher, and that no delivery stands
without its event. Ends with status 1 when something is wrong.

Dead deliveries and failed mails are counted, and are not errors here: they wait for a person (replay_events).
With --strict they are.

Examples:
  manage.py verify_events
  manage.py verify_events --tenant demo --older-than 5 --json
"""


class Command(BaseCommand):
    """Counts what is stuck."""

    help = HELP

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the lines of the help as they are written."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Which tenants, and how patient."""
        add_tenant_option(parser)
        parser.add_argument(
            "--older-than", type=int, default=60, metavar="SECONDS",
            help="an event may wait this long for the dispatcher (default 60)",
        )  # fmt: skip
        parser.add_argument("--strict", action="store_true", help="dead deliveries and failed mails are errors too")
        parser.add_argument("--json", action="store_true", help="one JSON object on standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check tenant by tenant."""
        before = SystemClock().now() - dt.timedelta(seconds=options["older_than"])
        found: dict[str, Health] = {}
        for tenant_id, slug in chosen_tenants(options["tenant"]):
            with tenant_scope(system_context(tenant_id, "command:verify_events")):
                found[slug] = get_health(tenant_id=tenant_id, overdue_before=before)
        wrong = [slug for slug, health in found.items() if _is_wrong(health, strict=options["strict"])]
        if options["json"]:
            report = {"ok": not wrong, "tenants": {slug: asdict(health) for slug, health in found.items()}}
            self.stdout.write(json.dumps(report))
        else:
            self._describe(found, wrong)
        if wrong:
            sys.exit(1)

    def _describe(self, found: dict[str, Health], wrong: list[str]) -> None:
        for slug, health in found.items():
            self.stdout.write(
                f"{'WRONG' if slug in wrong else 'ok   '}  {slug}: {health.undispatched} events waiting "
                f"({health.overdue} too long), {health.open_deliveries} deliveries open, {health.dead} dead, "
                f"{health.orphaned} without event, {health.mail_open} mails open, {health.mail_failed} failed"
            )
        self.stdout.write(f"{len(found)} tenants checked, {len(wrong)} with errors.")


def _is_wrong(health: Health, *, strict: bool) -> bool:
    return bool(health.overdue or health.orphaned or (strict and (health.dead or health.mail_failed)))
