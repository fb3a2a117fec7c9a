"""Beat sends names: a name that no worker knows would be dropped with a line in the log. And every sweep is safe."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Task
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection, transaction
from django.db.models import Sum

from accounting.models import Account, JournalEntry, Seal
from accounting.posting import EntryDraft, credit, debit
from accounting.services.accounts import Overdraft, open_account
from accounting.services.grants import make_grant
from accounting.services.holds import place_hold
from accounting.services.posting import post_entries
from billing.models import Customer
from billing.services.customers import create_customer
from events.models import Event
from events.publishing import publish_all
from events.services.dispatching import dispatch
from events.services.mail import queue_mail
from invoicing.models import InvoiceDocument
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.services.issuing import create_invoice
from ledger_project.celery import app
from ledger_project.schedule import SWEEPS, Guard, Sweep, beat_schedule, lane_of
from tenants.leases import claim_lease
from tenants.models import AuditEntry, IdempotencyKey, Lease, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.events.conftest import NOW, an_event
from tests.ledger_project.instances import wait_until
from tests.webhooks.conftest import happen
from tests.webhooks.sink import Sink
from webhooks import tasks
from webhooks.egress import judge_url
from webhooks.services.subscribers import create_subscriber

LEASED = [sweep for sweep in SWEEPS.values() if sweep.guard is Guard.LEASE]
COUNT = 20
Counted = Callable[[], int]


def task_of(sweep: Sweep) -> Task[..., Any]:
    app.loader.import_default_modules()
    return app.tasks[sweep.task]


@pytest.mark.parametrize("name", SWEEPS)
def test_every_entry_names_a_task_that_exists(name: str):
    app.loader.import_default_modules()
    assert SWEEPS[name].task in app.tasks


def test_every_task_of_ours_is_named_by_its_path():
    app.loader.import_default_modules()
    ours = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    assert ours
    assert {name: f"{task.__module__}.{task.__name__}" for name, task in ours.items()} == {name: name for name in ours}


def test_what_has_no_pause_of_its_own_is_looked_for_at_the_poll_interval():
    entries = beat_schedule(poll_seconds=0.25)
    assert {name for name, entry in entries.items() if entry["schedule"] == 0.25} == {
        name for name, sweep in SWEEPS.items() if sweep.seconds is None
    }
    assert entries["dispatch-events"]["schedule"] == 0.25


def test_no_entry_waits_longer_than_an_hour_for_a_beat_that_forgets():
    assert all(entry["schedule"] <= 3600 for entry in beat_schedule(poll_seconds=1).values())


def test_a_task_runs_in_the_lane_of_its_entry_and_any_other_among_the_sweeps():
    assert lane_of("events.tasks.send_mail") == "mail"
    assert lane_of("somebody.tasks.anything") == "sweeps"


@pytest.mark.django_db
@pytest.mark.parametrize("sweep", LEASED, ids=lambda sweep: sweep.task)
def test_a_sweep_under_a_lease_does_nothing_while_another_holds_it(sweep: Sweep):
    held = claim_lease(sweep.task, seconds=60)
    assert task_of(sweep)() is None
    assert held.renew()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sweep", LEASED, ids=lambda sweep: sweep.task)
def test_a_sweep_under_a_lease_gives_it_back(sweep: Sweep):
    task_of(sweep)()
    assert not Lease.objects.exists()


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sweep", LEASED, ids=lambda sweep: sweep.task)
def test_when_the_holder_is_killed_another_takes_over_as_soon_as_the_lease_ends(sweep: Sweep, at_work: dict[str, Any]):
    count = at_work[sweep.task]()
    holder = (
        "import django, time; django.setup();"
        "from tenants.leases import claim_lease;"
        f"assert claim_lease({sweep.task!r}, seconds=5); print('held', flush=True); time.sleep(60)"
    )
    environment = os.environ | {
        "DATABASE_URL": django_settings.DATABASE_URL.rpartition("/")[0] + f"/{connection.settings_dict['NAME']}",
        "SECRET_KEY": django_settings.SECRET_KEY,
    }
    with subprocess.Popen([sys.executable, "-c", holder], env=environment, stdout=subprocess.PIPE, text=True) as busy:
        assert busy.stdout is not None
        assert busy.stdout.readline() == "held\n"
        busy.send_signal(signal.SIGKILL)
    task_of(sweep)()
    assert count() == 0
    wait_until(lambda: task_of(sweep)() is not None, "another holder")
    assert count() == COUNT


def test_every_entry_has_work_for_the_test_below(at_work: dict[str, Any]):
    assert set(at_work) == {sweep.task for sweep in SWEEPS.values()}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sweep", SWEEPS.values(), ids=lambda sweep: sweep.task)
def test_twice_at_once_the_work_is_done_once(sweep: Sweep, at_work: dict[str, Any]):
    count = at_work[sweep.task]()
    ready, failed = threading.Barrier(2), []

    def run() -> None:
        try:
            ready.wait(10)
            task_of(sweep)()
        except Exception as problem:
            failed.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    task_of(sweep)()
    assert count() == COUNT


@pytest.fixture
def at_work(request: pytest.FixtureRequest) -> dict[str, Callable[[], Counted]]:
    """For each task of the schedule: makes `COUNT` pieces of work, and gives what counts how often one was done."""

    def of(name: str) -> Any:
        return request.getfixturevalue(name)

    return {
        "accounting.tasks.seal_entries": lambda: _entries(of("tenant")),
        "accounting.tasks.expire_holds": lambda: _holds(of("tenant")),
        "accounting.tasks.settle_grants": lambda: _grants(of("tenant")),
        "billing.tasks.verify_vat_numbers": lambda: _vat_numbers(of("tenant"), of("sink"), of("settings")),
        "events.tasks.dispatch_events": lambda: _events(of("tenant"), of("subscribed")),
        "events.tasks.send_mail": lambda: _mails(of("tenant")),
        "invoicing.tasks.render_documents": lambda: _documents(of("tenant"), of("api")),
        "invoicing.tasks.mark_past_due": lambda: _overdue(of("tenant"), of("api")),
        "invoicing.tasks.recognise_revenue": lambda: _months(of("tenant")),
        "invoicing.tasks.anonymise": lambda: _finished_long_ago(of("tenant")),
        "tenants.tasks.purge_idempotency_keys": lambda: _keys(of("tenant")),
        "tenants.tasks.purge_sessions": lambda: _sessions(of("tenant")),
        "webhooks.tasks.deliver_callbacks": lambda: _callbacks(of("tenant"), of("sink"), of("settings")),
    }


@pytest.fixture
def subscribed(request: pytest.FixtureRequest) -> Any:
    """As the tests of events have it."""
    from events.registry import subscribe, unsubscribe

    def register(handler: Any) -> None:
        subscribe("tests.schedule", ("invoice.paid",), handler)
        request.addfinalizer(lambda: unsubscribe("tests.schedule"))

    return register


def _events(tenant: Tenant, subscribed: Callable[..., None]) -> Counted:
    seen: list[Any] = []
    subscribed(lambda event: seen.append(event.id))
    with tenant_scope(tenant.id):
        publish_all([an_event() for _ in range(COUNT)], tenant_id=tenant.id)
    return lambda: len(seen)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver of callbacks."""
    made = Sink()
    yield made
    made.close()


def _callbacks(tenant: Tenant, sink: Sink, settings: Any) -> Counted:
    settings.LEDGER_EGRESS_ALLOW = "127.0.0.1"
    tasks._engines.clear()
    with tenant_scope(tenant.id):
        create_subscriber(tenant_id=tenant.id, at=NOW, now=NOW, name="sink", url=judge_url(sink.url()))
    happen(tenant, *["invoice.paid"] * COUNT)
    return lambda: len(sink.received)


def _vat_numbers(tenant: Tenant, sink: Sink, settings: Any) -> Counted:
    settings.VIES_URL, settings.LEDGER_EGRESS_ALLOW = sink.url("/vies"), "127.0.0.1"
    sink.answers["/vies"] = lambda _: (200, {}, b'{"valid": true}')
    with tenant_scope(tenant.id):
        for _ in range(COUNT):
            create_customer(tenant_id=tenant.id, at=NOW, vat_id="DE811907980")
    return lambda: len(sink.received)


def _entries(tenant: Tenant) -> Counted:
    with tenant_scope(tenant.id):
        books, wallet = (
            Account.objects.create(
                tenant_id=tenant.id, currency="EUR", overdraft_policy="unlimited", created_at=NOW, updated_at=NOW
            )
            for _ in range(2)
        )
        lines = [debit(books.id, 1), credit(wallet.id, 1)]
        post_entries(tenant_id=tenant.id, drafts=[EntryDraft(lines=lines, at=NOW) for _ in range(COUNT)])

    def sealed() -> int:
        with tenant_scope(tenant.id):
            return int(Seal.objects.aggregate(entries=Sum("entry_count", default=0))["entries"])

    return sealed


def _grants(tenant: Tenant) -> Counted:
    long_ago = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with tenant_scope(tenant.id):
        wallet = Account.objects.create(
            tenant_id=tenant.id, currency="EUR", created_at=long_ago, updated_at=long_ago
        )  # fmt: skip
        for _ in range(COUNT):
            make_grant(
                tenant_id=tenant.id, account_id=wallet.id, amount=1, currency="EUR", at=long_ago,
                expires_at=long_ago + dt.timedelta(days=1),
            )  # fmt: skip

    def ended() -> int:
        with tenant_scope(tenant.id):
            return JournalEntry.objects.filter(kind="grant.expired").count()

    return ended


def _mails(tenant: Tenant) -> Counted:
    with tenant_scope(tenant.id):
        for number in range(COUNT):
            queue_mail(tenant_id=tenant.id, to=["a@example.com"], subject=str(number), text="t", at=NOW, now=NOW)
    return lambda: len(mail.outbox)


def _overdue(tenant: Tenant, api: Api) -> Counted:
    for _ in range(COUNT):
        body = {
            "userId": "u", "items": [{"description": "d", "unitPrice": 100}], "dueDate": "2026-01-31T00:00:00.000Z",
        }  # fmt: skip
        answer = api.post("/api/invoices", body)
        assert answer.status_code == 201, answer.content

    def announced() -> int:
        with tenant_scope(tenant.id):
            return Event.objects.filter(type="invoice.past_due").count()

    return announced


def _months(tenant: Tenant) -> Counted:
    start, end = dt.datetime(2015, 2, 1, tzinfo=dt.UTC), dt.datetime(2016, 10, 1, tzinfo=dt.UTC)
    with tenant_scope(tenant.id):
        customer = create_customer(tenant_id=tenant.id, at=start, name="Ada")
        create_invoice(
            tenant_id=tenant.id, customer=customer, settings=TenantSettings.objects.get(), at=start, draft=False,
            request=InvoiceRequest(
                items=[ItemRequest(description="Plan", unit_price=100_000)], period_start=start, period_end=end
            ), trace_id="",
        )  # fmt: skip

    def recognised() -> int:
        with tenant_scope(tenant.id):
            return JournalEntry.objects.filter(kind="revenue.recognised").count()

    return recognised


def _documents(tenant: Tenant, api: Api) -> Counted:
    for _ in range(COUNT):
        answer = api.post("/api/invoices", {"userId": "u", "items": [{"description": "d", "unitPrice": 100}]})
        assert answer.status_code == 201, answer.content
    dispatch(now=NOW)

    def made() -> int:
        with tenant_scope(tenant.id):
            return InvoiceDocument.objects.count()

    return made


def _finished_long_ago(tenant: Tenant) -> Counted:
    long_ago = dt.datetime(2015, 1, 31, tzinfo=dt.UTC)
    with tenant_scope(tenant.id):
        customer = create_customer(tenant_id=tenant.id, at=long_ago, name="Ada")
        for _ in range(COUNT):
            create_invoice(
                tenant_id=tenant.id, customer=customer, settings=TenantSettings.objects.get(), at=long_ago, draft=False,
                request=InvoiceRequest(items=[ItemRequest(description="Free", unit_price=0)]), trace_id="",
            )  # fmt: skip

    def erased() -> int:
        with tenant_scope(tenant.id):
            erasures = AuditEntry.objects.filter(action="invoice.updated", after__has_key="erased_at")
            return erasures.count() if Customer.objects.filter(erased_at__isnull=False).exists() else 0

    return erased


def _holds(tenant: Tenant) -> Counted:
    long_ago = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with tenant_scope(tenant.id):
        account = open_account(tenant_id=tenant.id, currency="EUR", at=long_ago, overdraft=Overdraft("unlimited"))
        for _ in range(COUNT):
            place_hold(tenant_id=tenant.id, account_id=account.id, amount=5, currency="EUR", at=long_ago)

    def expired() -> int:
        with tenant_scope(tenant.id):
            return AuditEntry.objects.filter(action="hold.expired").count()

    return expired


def _sessions(tenant: Tenant) -> Counted:
    long_ago = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    Session.objects.bulk_create(
        Session(session_key=f"expired{number}", session_data="", expire_date=long_ago) for number in range(COUNT)
    )
    return lambda: COUNT - Session.objects.count()


def _keys(tenant: Tenant) -> Counted:
    long_ago = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with tenant_scope(tenant.id), transaction.atomic():
        for number in range(COUNT):
            IdempotencyKey.objects.create(
                tenant_id=tenant.id, key=f"k{number}", fingerprint=b"f", status=200, body="{}", expires_at=long_ago
            )

    def gone() -> int:
        with tenant_scope(tenant.id):
            return COUNT - IdempotencyKey.objects.count()

    return gone
