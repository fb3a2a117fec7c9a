"""`manage.py verify_callbacks`."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from common.api.names import camel
from tenants.management.base import TenantCommand, positive, real_now
from tenants.scope import tenant_scope
from webhooks.services.verifying import verify_callbacks

SENTENCES: Mapping[str, str] = {
    "missing": "events that a subscriber wanted have no delivery",
    "fanOutDead": "events were given up before their deliveries were made",
    "withoutEvent": "messages have no event",
    "ofDeletedSubscribers": "open deliveries belong to deleted subscribers",
    "overdue": "deliveries are overdue though their subscriber works",
    "succeededWithoutSuccess": "deliveries count as succeeded without an attempt that did",
    "deadWithoutReason": "deliveries were given up without a reason",
    "cancelledWithoutReason": "deliveries were cancelled without a reason",
    "logHasGaps": "deliveries miss attempts in their log",
    "ofAnotherType": "deliveries name another type than their message",
}


class Command(TenantCommand):
    """Holds events, deliveries and attempts against each other."""

    help = (
        "Check the callbacks: that every public event has one delivery for each subscriber that wanted it, that each "
        "open delivery is due some time and none is overdue, and that each finished one is explained by its "
        "attempts. Ends with status 1 when something is wrong."
    )
    examples = """
        manage.py verify_callbacks
        manage.py verify_callbacks --tenant demo --overdue-after 300 --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """How patient."""
        parser.add_argument(
            "--overdue-after",
            type=positive,
            default=120,
            metavar="SECONDS",
            help="A delivery to a subscriber that works may be late by this much (default 120).",
        )
        parser.add_argument(
            "--settling",
            type=positive,
            default=10,
            metavar="SECONDS",
            help="Leave out events of so long after a subscriber's selection changed (default 10).",
        )

    def handle_tenant(self, tenant_id: UUID, slug: str, **options: Any) -> dict[str, Any]:
        """One tenant's counts."""
        with tenant_scope(self.context(tenant_id)):
            found = verify_callbacks(
                tenant_id=tenant_id,
                now=real_now(),
                overdue_after=dt.timedelta(seconds=options["overdue_after"]),
                settling=dt.timedelta(seconds=options["settling"]),
            )
        return {"ok": found.ok, **{camel(name): count for name, count in dataclasses.asdict(found).items()}}

    def describe_tenant(self, result: Mapping[str, Any]) -> str:
        """What is wrong in words, then what waits."""
        wrong = [f"{result[name]} {sentence}" for name, sentence in SENTENCES.items() if result[name]]
        waiting = f"{result['open']} open ({result['paused']} paused), {result['dead']} dead"
        return "; ".join([*wrong, waiting])
