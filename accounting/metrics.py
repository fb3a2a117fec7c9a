"""What Prometheus sees of the books: what is not sealed yet, read from the database on each scrape."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator

from django.db import Error, connection
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from common.clock import SystemClock
from common.ids import uuid_time

logger = logging.getLogger(__name__)


class BacklogCollector(Collector):
    """Gauges of what waits for the sealer. Any process gives the same answer; without a database there is none."""

    def describe(self) -> Iterator[Metric]:
        """Nothing: registering must not ask the database."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """The gauges, read now."""
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT entries, oldest FROM accounting_unsealed()")
                entries, oldest = cursor.fetchone() or (0, None)
        except Error as problem:
            logger.warning("The backlog of the sealer could not be read", extra={"problem": str(problem)})
            return
        age = 0
        if oldest is not None:
            age = max(0, (SystemClock().now() - uuid_time(oldest)) // dt.timedelta(seconds=1))
        yield GaugeMetricFamily("ledger_entries_unsealed", "Journal entries that no seal covers yet.", entries)
        yield GaugeMetricFamily("ledger_entries_unsealed_seconds", "Age of the oldest of them.", age)


_backlog = BacklogCollector()


def register(registry: CollectorRegistry = REGISTRY) -> None:
    """Add the backlog to a registry, once: to the process's own, and to that of a scrape over several processes."""
    if _backlog not in registry._collector_to_names:
        registry.register(_backlog)
