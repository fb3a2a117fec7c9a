"""The whole way with a real Celery worker: publish, wake-up, subscriber, mail, server. And a worker that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from common.clock import SystemClock
from events.models import Event, EventDelivery, Mail
from events.publishing import publish
from events.services.mail import queue_mail
from ledger_project.environment import BASE_DIR
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.events.conftest import NOW, an_event
from tests.events.smtp_sink import SmtpSink

pytestmark = [pytest.mark.serial, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
WAIT_SECONDS = 60
SLOW_SECONDS = 60


class Worker:
    """A Celery worker with beat inside, on the test database, in a process group of its own."""

    def __init__(self, folder: Path, smtp_port: int) -> None:
        self.folder, self.smtp_port = folder, smtp_port
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it is ready when it works."""
        database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        environment = {
            "DATABASE_URL": database, "DATABASE_OWNER_URL": "", "REDIS_URL": settings.REDIS_URL,
            "SECRET_KEY": settings.SECRET_KEY, "ENCRYPTION_KEY": settings.ENCRYPTION_KEY, "JOB_LEASE_SECONDS": "3",
            "JOB_HEARTBEAT_SECONDS": "1", "WORKER_PORT": "0",
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self.smtp_port), "DAWDLE_SECONDS": str(SLOW_SECONDS),
        }  # fmt: skip
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "celery", "--quiet", "-A", "ledger_project", "worker", "-B",
                    "--schedule", str(self.folder / "beat"), "-I", "tests.events.worker_subscribers",
                    "--loglevel", "WARNING",
                ],
                cwd=BASE_DIR, env={**os.environ, **environment}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End it and its children at once, with no chance to tidy up."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def wait_until(self, done: Callable[[], bool], what: str) -> None:
        """Look until it is so; fails with the worker's log."""
        end = time.monotonic() + WAIT_SECONDS
        while not done():
            if time.monotonic() > end:
                pytest.fail(f"{what}: not within {WAIT_SECONDS} s\n{(self.folder / 'worker.log').read_text()[-3000:]}")
            time.sleep(0.02)


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    """Where the mails arrive."""
    with SmtpSink() as server:
        yield server


@pytest.fixture
def worker(tmp_path: Path, sink: SmtpSink) -> Iterator[Worker]:
    """A worker that the test starts."""
    made = Worker(tmp_path, sink.port)
    yield made
    made.kill()


def _publish(tenant: Tenant, count: int) -> None:
    for _ in range(count):
        with tenant_scope(tenant.id):
            publish(an_event(), tenant_id=tenant.id)


def _count(tenant: Tenant, **which: str) -> int:
    with tenant_scope(tenant.id):
        return EventDelivery.objects.filter(**which).count()


def _have_arrived(sink: SmtpSink, wanted: int) -> bool:
    return len({received.message["Message-ID"] for received in sink.received}) >= wanted


def _sent(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return Mail.objects.filter(status="sent").count()


def _have_succeeded(tenant: Tenant, wanted: int) -> bool:
    return _count(tenant, status="succeeded") >= wanted


def test_an_event_becomes_a_mail_at_the_server(tenant: Tenant, worker: Worker, sink: SmtpSink) -> None:
    worker.start()
    _publish(tenant, 1)
    worker.wait_until(lambda: len(sink.received) == 1, "first mail")
    began = time.monotonic()
    _publish(tenant, 1)
    worker.wait_until(lambda: _count(tenant, status="succeeded") == 2, "second event")
    assert time.monotonic() - began < 20
    worker.wait_until(lambda: _sent(tenant) == 2, "second mail")
    with tenant_scope(tenant.id):
        assert {received.message["Message-ID"] for received in sink.received} == set(
            Mail.objects.filter(status="sent").values_list("message_id", flat=True)
        )


def test_a_worker_killed_twice_in_the_middle_loses_and_repeats_no_effect(
    tenant: Tenant, worker: Worker, sink: SmtpSink
) -> None:
    worker.start()
    _publish(tenant, 150)
    for reached in (20, 70):
        worker.wait_until(partial(_have_succeeded, tenant, reached), f"{reached} deliveries")
        worker.kill()
        assert _count(tenant, status="succeeded") < 150
        worker.start()
    worker.wait_until(lambda: _count(tenant, status="succeeded") == 150, "all deliveries")
    with tenant_scope(tenant.id):
        assert Mail.objects.count() == Mail.objects.values("object_id").distinct().count() == 150
        assert set(Mail.objects.values_list("object_id", flat=True)) == set(
            Event.objects.filter(object_type="invoice").values_list("object_id", flat=True)
        )
    worker.wait_until(lambda: len({one.message["Message-ID"] for one in sink.received}) == 150, "all mails")


def test_a_worker_killed_twice_while_it_sends_repeats_only_what_was_on_its_way(
    tenant: Tenant, worker: Worker, sink: SmtpSink
) -> None:
    sink.behaviour.delay = 0.05
    with tenant_scope(tenant.id):
        now = SystemClock().now()
        queued = {
            queue_mail(
                tenant_id=tenant.id, to=["a@example.com"], subject=f"{number}", text="t", at=now, now=now
            ).message_id
            for number in range(40)
        }
    kills = (5, 15)
    for reached in kills:
        worker.start()
        worker.wait_until(partial(_have_arrived, sink, reached), f"{reached} mails")
        worker.kill()
        assert len(sink.received) < 40
    worker.start()
    worker.wait_until(partial(_have_arrived, sink, 40), "all mails")
    with tenant_scope(tenant.id):
        worker.wait_until(lambda: Mail.objects.filter(status="sent").count() == 40, "their records")
    arrived = [received.message["Message-ID"] for received in sink.received]
    assert set(arrived) == queued
    # One sender per tenant, so one mail was on its way at each kill.
    assert len(arrived) <= 40 + len(kills)


def _queue_mail(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        queue_mail(tenant_id=tenant.id, to=["a@example.com"], subject="Now", text="…", at=NOW, now=SystemClock().now())


def test_events_that_keep_every_place_of_their_lane_busy_delay_no_mail(
    tenant: Tenant, worker: Worker, sink: SmtpSink
) -> None:
    worker.start()
    for busy in (1, 2):
        with tenant_scope(tenant.id):
            publish(an_event("payment.slow"), tenant_id=tenant.id)
        worker.wait_until(partial(_are_busy, tenant, busy), f"{busy} busy")
    _queue_mail(tenant)
    began = time.monotonic()
    worker.wait_until(lambda: _have_arrived(sink, 1), "the mail")
    assert _count(tenant, status="delivering") == 2, "they are still busy"
    assert time.monotonic() - began < SLOW_SECONDS / 2


def test_a_mail_server_that_hangs_delays_no_event(tenant: Tenant, worker: Worker, sink: SmtpSink) -> None:
    sink.behaviour.hang_at = "CONNECT"
    worker.start()
    _queue_mail(tenant)
    worker.wait_until(lambda: sink.connections > 0, "the call to the mail server")
    _publish(tenant, 20)
    began = time.monotonic()
    worker.wait_until(lambda: _have_succeeded(tenant, 20), "all events")
    assert time.monotonic() - began < 20


def _are_busy(tenant: Tenant, wanted: int) -> bool:
    return _count(tenant, status="delivering") == wanted
