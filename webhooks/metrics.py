"""What Prometheus sees: attempts of this process, and the backlog, read from the database on each scrape."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import Error
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.clock import SystemClock
from webhooks.selectors import get_backlog

logger = logging.getLogger(__name__)

ATTEMPTS = Counter("ledger_webhook_attempts", "Attempts at callbacks, by outcome.", ["outcome"])
DURATION = Histogram(
    "ledger_webhook_duration_seconds",
    "How long the exchanges took, the lookup of the host included.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
DISABLED = Counter("ledger_webhook_subscribers_disabled", "Subscribers that were switched off, by reason.", ["reason"])


class BacklogCollector(Collector):
    """Gauges of what waits. Any process gives the same answer; without a database there is none."""

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not ask the database."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The gauges, read now."""
        try:
            backlog = get_backlog(now=SystemClock().now())
        except Error as problem:
            logger.warning("The backlog could not be read", extra={"problem": str(problem)})
            return
        yield GaugeMetricFamily("ledger_webhook_deliveries_open", "Callbacks not yet finished.", backlog.open)
        yield GaugeMetricFamily("ledger_webhook_deliveries_due", "Callbacks that could be sent now.", backlog.due)
        yield GaugeMetricFamily("ledger_webhook_deliveries_dead", "Callbacks that were given up.", backlog.dead)
        yield GaugeMetricFamily("ledger_webhook_subscribers_failing", "Subscribers that fail.", backlog.failing)
        yield GaugeMetricFamily(
            "ledger_webhook_subscribers_off", "Subscribers switched off because they failed.", backlog.disabled
        )


_backlog = BacklogCollector()


def register(registry: CollectorRegistry = REGISTRY) -> None:
    """Add the backlog to a registry, once: to the process's own, and to that of a scrape over several processes."""
    if _backlog not in registry._collector_to_names:
        registry.register(_backlog)
