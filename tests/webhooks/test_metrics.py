"""What Prometheus sees of callbacks, over all tenants."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from tests.webhooks.conftest import happen, real_now, run
from webhooks import metrics
from webhooks.selectors import get_backlog

pytestmark = pytest.mark.django_db


def test_attempts_are_counted_by_outcome_and_timed(tenant, sink, subscribe, engine):
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("ledger_webhook_attempts_total", {"outcome": outcome}) or 0

    before = {outcome: counted(outcome) for outcome in ("succeeded", "failed", "dead")}
    timed = REGISTRY.get_sample_value("ledger_webhook_duration_seconds_count") or 0
    sink.answers["/bad"] = lambda request: (500, {}, b"")
    sink.answers["/gone"] = lambda request: (410, {}, b"")
    for path in ("/fine", "/bad", "/gone"):
        subscribe(sink.url(path))
    happen(tenant, "invoice.paid")
    run(engine)
    assert {outcome: counted(outcome) - before[outcome] for outcome in before} == {
        "succeeded": 1, "failed": 1, "dead": 1,
    }  # fmt: skip
    assert REGISTRY.get_sample_value("ledger_webhook_duration_seconds_count") == timed + 3


def test_the_backlog_is_counted_over_all_tenants(tenant, other_tenant, sink, subscribe, engine):
    sink.answers["/bad"] = lambda request: (500, {}, b"")
    sink.answers["/gone"] = lambda request: (410, {}, b"")
    subscribe(sink.url("/bad"))
    subscribe(sink.url("/gone"), owner=other_tenant)
    happen(tenant, "invoice.paid")
    happen(other_tenant, "invoice.paid")
    waiting = get_backlog(now=real_now())
    assert (waiting.open, waiting.due) == (2, 2)
    run(engine)
    left = get_backlog(now=real_now())
    assert (left.open, left.due, left.dead, left.failing, left.disabled) == (1, 0, 1, 2, 1)
    registry = CollectorRegistry()
    metrics.register(registry)
    metrics.register(registry)
    text = generate_latest(registry).decode()
    assert "ledger_webhook_deliveries_open 1.0" in text
    assert "ledger_webhook_subscribers_off 1.0" in text
