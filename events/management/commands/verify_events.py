"""`manage.py verify_events`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from events.selectors import get_health
from tenants.management.base import TenantCommand, positive, real_now
from tenants.scope import tenant_scope


class Command(TenantCommand):
    """Counts what is stuck."""

    help = (
        "Check that no event is stuck: that none waits longer than it may for the dispatcher, and that no delivery "
        "stands without its event. Ends with status 1 when something is wrong. Dead deliveries and failed mails are "
        "counted, but wait for a person (replay_events) and are errors only with --strict."
    )
    examples = """
        manage.py verify_events
        manage.py verify_events --tenant demo --older-than 5 --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """How patient, and how strict."""
        parser.add_argument(
            "--older-than",
            type=positive,
            default=60,
            metavar="SECONDS",
            help="An event may wait this long for the dispatcher (default 60).",
        )
        parser.add_argument("--strict", action="store_true", help="Dead deliveries and failed mails are errors too.")

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant's counts."""
        before = real_now() - dt.timedelta(seconds=options["older_than"])
        with tenant_scope(self.context(tenant_id)):
            health = get_health(tenant_id=tenant_id, overdue_before=before)
        waits_for_people = health.dead or health.mail_failed
        return {
            "ok": not (health.overdue or health.orphaned or (options["strict"] and waits_for_people)),
            "eventsWaiting": health.undispatched,
            "eventsOverdue": health.overdue,
            "deliveriesOpen": health.open_deliveries,
            "deliveriesDead": health.dead,
            "deliveriesWithoutEvent": health.orphaned,
            "mailOpen": health.mail_open,
            "mailFailed": health.mail_failed,
        }

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """The counts in words."""
        return (
            f"{result['eventsWaiting']} events waiting ({result['eventsOverdue']} too long), "
            f"{result['deliveriesOpen']} deliveries open, {result['deliveriesDead']} dead, "
            f"{result['deliveriesWithoutEvent']} without event, {result['mailOpen']} mails open, "
            f"{result['mailFailed']} failed"
        )
