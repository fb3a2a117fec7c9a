"""What Prometheus sees: counters of this process, and the backlog, which is read from the database on each scrape."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

from django.db import Error
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.clock import SystemClock
from common.ids import uuid_time
from events.selectors import get_backlog

logger = logging.getLogger(__name__)

DELIVERIES = Counter(
    "ledger_event_deliveries", "Attempts to deliver an event, by subscriber and outcome.", ["subscriber", "outcome"]
)
MAIL = Counter("ledger_mail", "Attempts to send a mail, by outcome.", ["outcome"])
MAIL_SECONDS = Histogram(
    "ledger_mail_seconds", "Time to make and hand in a mail that was taken.", buckets=(0.05, 0.2, 0.5, 1, 2, 5, 10, 20)
)


class BacklogCollector(Collector):
    """Gauges of what waits. Any process gives the same answer; without a database there is none."""

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not ask the database."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The gauges, read now."""
        try:
            backlog = get_backlog()
        except Error as problem:
            logger.warning("The backlog could not be read", extra={"problem": str(problem)})
            return
        age = 0.0
        if backlog.oldest is not None:
            age = max(0.0, (SystemClock().now() - uuid_time(backlog.oldest)) / dt.timedelta(seconds=1))
        yield GaugeMetricFamily("ledger_events_pending", "Events not yet dispatched.", backlog.events_pending)
        yield GaugeMetricFamily("ledger_events_oldest_seconds", "Age of the oldest event not yet dispatched.", age)
        yield GaugeMetricFamily(
            "ledger_event_deliveries_open", "Deliveries that are pending or running.", backlog.deliveries_open
        )
        yield GaugeMetricFamily("ledger_events_dead", "Deliveries that were given up.", backlog.dead)
        yield GaugeMetricFamily("ledger_mail_open", "Mails not yet sent.", backlog.mail_open)
        yield GaugeMetricFamily("ledger_mail_failed", "Mails that were given up.", backlog.mail_failed)
        overdue = 0.0
        if backlog.mail_due_since is not None:
            overdue = max(0.0, (SystemClock().now() - backlog.mail_due_since) / dt.timedelta(seconds=1))
        yield GaugeMetricFamily(
            "ledger_mail_overdue_seconds", "How long the longest due mail has been waiting for a sender.", overdue
        )


_backlog = BacklogCollector()


def register(registry: CollectorRegistry = REGISTRY) -> None:
    """Add the backlog to a registry, once: to the process's own, and to that of a scrape over several processes."""
    if _backlog not in registry._collector_to_names:
        registry.register(_backlog)
