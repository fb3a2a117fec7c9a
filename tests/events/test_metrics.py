"""What Prometheus is told."""

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from prometheus_client import REGISTRY, generate_latest

from events import metrics
from events.models import EventDelivery
from events.publishing import publish_all
from events.services.dispatching import dispatch
from events.services.mail import queue_mail
from ledger_project.health import together
from tenants.scope import tenant_scope
from tests.events.conftest import NOW, an_event


def fail(event):
    raise ValueError


@pytest.mark.django_db
def test_the_backlog_of_all_tenants_is_shown(tenant, other_tenant, subscribed):
    subscribed(fail)
    for owner in (tenant, other_tenant):
        with tenant_scope(owner.id):
            publish_all([an_event(), an_event()], tenant_id=owner.id)
            queue_mail(tenant_id=owner.id, to=["a@example.com"], subject="s", text="t", at=NOW, now=NOW)
    assert REGISTRY.get_sample_value("ledger_events_pending") == 4
    assert REGISTRY.get_sample_value("ledger_mail_open") == 2
    assert 0 <= (REGISTRY.get_sample_value("ledger_events_oldest_seconds") or 0) < 60
    assert (REGISTRY.get_sample_value("ledger_mail_overdue_seconds") or 0) > 3600  # due since NOW, months ago
    dispatch(now=NOW)
    with tenant_scope(tenant.id):
        EventDelivery.objects.update(status="dead", next_attempt_at=None)
    assert REGISTRY.get_sample_value("ledger_events_pending") == 0
    assert REGISTRY.get_sample_value("ledger_events_dead") == 2
    assert REGISTRY.get_sample_value("ledger_event_deliveries_open") == 2


@pytest.mark.django_db
def test_attempts_are_counted_by_subscriber_and_outcome(tenant, subscribed):
    subscribed(fail, "invoice.paid", name="tests.failing")
    subscribed(lambda event: None, "invoice.paid", name="tests.working")
    with tenant_scope(tenant.id):
        publish_all([an_event()], tenant_id=tenant.id)

    def counted(subscriber: str, outcome: str) -> float:
        labels = {"subscriber": subscriber, "outcome": outcome}
        return REGISTRY.get_sample_value("ledger_event_deliveries_total", labels) or 0

    before = counted("tests.failing", "failed"), counted("tests.working", "succeeded")
    dispatch(now=NOW)
    assert (counted("tests.failing", "failed"), counted("tests.working", "succeeded")) == (before[0] + 1, before[1] + 1)


def test_without_a_database_the_other_metrics_are_still_served(monkeypatch):
    def unreachable(*_args: object):
        raise OperationalError("gone")

    # Every collector asks the database, those of the apps further right too.
    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", unreachable)
    text = generate_latest(REGISTRY).decode()
    assert "ledger_mail_total" in text
    assert "ledger_events_pending" not in text
    assert "ledger_webhook_deliveries_open" not in text


def test_registering_twice_is_harmless():
    metrics.register()


@pytest.mark.django_db
def test_processes_that_share_their_counts_show_the_backlog_too(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert together().get_sample_value("ledger_events_pending") == 0
