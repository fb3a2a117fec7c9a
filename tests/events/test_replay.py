"""Dead letters come back when an operator says so."""

import datetime as dt
import json
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from common.clock import SystemClock
from common.ids import encode_id
from events.models import Event, EventDelivery
from events.publishing import publish_all
from events.selectors import first_id_at
from events.services.dispatching import dispatch, make_deliveries
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.events.conftest import NOW, an_event

pytestmark = pytest.mark.django_db


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    call_command("replay_events", "--json", *arguments)
    return json.loads(capsys.readouterr().out)


def _publish(tenant: Tenant, *types: str) -> list[UUID]:
    with tenant_scope(tenant.id):
        ids = publish_all([an_event(event_type) for event_type in types], tenant_id=tenant.id)
    make_deliveries(now=NOW)
    return ids


def _bury(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        EventDelivery.objects.update(status="dead", attempts=10, next_attempt_at=None, last_error="ValueError: wrong")


def _states(tenant: Tenant) -> list[tuple[str, str, int]]:
    with tenant_scope(tenant.id):
        rows = EventDelivery.objects.order_by("event_id", "subscriber").values_list("subscriber", "status", "attempts")
        return list(rows)


def nothing(event):
    pass


@pytest.fixture
def got(subscribed):
    """What the subscriber `tests.copy` received."""
    seen = []
    subscribed(lambda event: seen.append(event.id))
    return seen


def test_a_replayed_dead_letter_is_delivered_with_fresh_attempts(tenant, got, capsys):
    (event_id,) = _publish(tenant, "invoice.paid")
    _bury(tenant)
    assert run(capsys=capsys) == {
        "ok": True,
        "tenants": [{"tenant": tenant.slug, "tenantId": encode_id("tnt", tenant.id), "replayed": 1}],
        "replayed": 1,
        "dryRun": False,
    }
    assert _states(tenant) == [("tests.copy", "pending", 0)]
    dispatch(now=SystemClock().now())
    assert got == [event_id]
    assert _states(tenant) == [("tests.copy", "succeeded", 1)]
    assert run(capsys=capsys)["replayed"] == 0


def test_a_dry_run_counts_and_changes_nothing(tenant, got, capsys):
    _publish(tenant, "invoice.paid", "invoice.voided")
    _bury(tenant)
    assert run("--dry-run", capsys=capsys)["replayed"] == 2
    assert {status for _, status, _ in _states(tenant)} == {"dead"}


def test_the_selection_narrows(tenant, other_tenant, got, subscribed, capsys):
    subscribed(nothing, name="tests.other")
    _publish(tenant, "invoice.paid", "customer.created")
    _publish(other_tenant, "invoice.paid")
    _bury(tenant)
    _bury(other_tenant)
    dry = ("--dry-run", "--tenant", tenant.slug)
    assert run("--dry-run", capsys=capsys)["replayed"] == 6
    assert run("--dry-run", "--tenant", encode_id("tnt", tenant.id), capsys=capsys)["replayed"] == 4
    assert run(*dry, "--subscriber", "tests.other", capsys=capsys)["replayed"] == 2
    assert run(*dry, "--type", "invoice.*", capsys=capsys)["replayed"] == 2
    assert run(*dry, "--type", "customer.created", "--subscriber", "tests.copy", capsys=capsys)["replayed"] == 1
    soon = (SystemClock().now() + dt.timedelta(hours=1)).isoformat(timespec="milliseconds")
    assert run(*dry, "--since", soon, capsys=capsys)["replayed"] == 0
    assert run(*dry, "--since", "2026-01-01T00:00:00Z", capsys=capsys)["replayed"] == 4


def test_a_new_subscriber_can_be_given_the_past(tenant, subscribed, capsys):
    ids = _publish(tenant, "invoice.paid", "customer.created", "invoice.voided")
    seen = []
    subscribed(lambda event: seen.append(event.id), "invoice.*")
    assert run("--all", "--subscriber", "tests.copy", capsys=capsys)["replayed"] == 2
    dispatch(now=SystemClock().now())
    assert seen == [ids[0], ids[2]]


def test_one_event_is_delivered_again_whatever_became_of_it(tenant, got, capsys):
    first, second = _publish(tenant, "invoice.paid", "invoice.paid")
    dispatch(now=NOW)
    assert run("--event", encode_id("evt", second), capsys=capsys)["replayed"] == 1
    dispatch(now=SystemClock().now())
    assert got == [first, second, second]


def test_open_deliveries_are_left_alone(tenant, got, capsys):
    _publish(tenant, "invoice.paid")
    assert run("--all", "--subscriber", "tests.copy", capsys=capsys)["replayed"] == 0


def test_long_replays_go_in_batches(tenant, got, capsys, monkeypatch):
    monkeypatch.setattr("events.services.replay.BATCH", 3)
    _publish(tenant, *["invoice.paid"] * 7)
    _bury(tenant)
    assert run(capsys=capsys)["replayed"] == 7
    dispatch(now=SystemClock().now())
    assert len(got) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--subscriber", "nobody.here"], "No subscriber is called 'nobody.here'"),
        (["--all"], "--all needs --subscriber"),
        (["--since", "yesterday"], "--since: "),
        (["--event", "inv_x"], "--event: "),
        (["--tenant", "nowhere"], "There is no tenant 'nowhere'"),
    ],
)
def test_wrong_arguments_are_named(db, arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("replay_events", *arguments)


def test_verify_counts_and_fails_on_an_event_that_nobody_dispatches(tenant, other_tenant, got, capsys, monkeypatch):
    two_minutes_later = SystemClock().now() + dt.timedelta(minutes=2)
    call_command("verify_events")
    with tenant_scope(tenant.id):
        publish_all([an_event()], tenant_id=tenant.id)
    call_command("verify_events", "--tenant", tenant.slug)
    assert "1 events waiting (0 too long)" in capsys.readouterr().out
    monkeypatch.setattr("tenants.management.base.SystemClock.now", lambda self: two_minutes_later)
    with pytest.raises(SystemExit) as ended:
        call_command("verify_events", "--json")
    assert ended.value.code == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert {one["tenant"]: one["eventsOverdue"] for one in report["tenants"]} == {tenant.slug: 1, other_tenant.slug: 0}


def test_dead_letters_are_errors_only_when_strict(tenant, got, capsys):
    _publish(tenant, "invoice.paid")
    _bury(tenant)
    call_command("verify_events")
    with pytest.raises(SystemExit):
        call_command("verify_events", "--strict")
    assert "1 dead" in capsys.readouterr().out


def test_the_first_id_of_an_instant_divides_before_from_after(scope):
    before = SystemClock().now()
    (event_id,) = publish_all([an_event()], tenant_id=scope.id)
    assert first_id_at(before) < event_id < first_id_at(SystemClock().now() + dt.timedelta(milliseconds=2))
    assert Event.objects.filter(id__gte=first_id_at(before)).count() == 1
