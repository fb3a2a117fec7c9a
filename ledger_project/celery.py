"""The Celery app. Tasks are wake-ups: what is due stands in PostgreSQL, and beat's sweeps find what was missed."""

from __future__ import annotations

import os
import warnings
from typing import Any

from billiard.process import current_process
from celery import Celery
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import setup_logging, worker_before_create_process, worker_init, worker_process_init, worker_ready
from django.conf import settings

from ledger_project.broker import Connection
from ledger_project.database import PrivilegedConnection
from ledger_project.processes import check_connection, tie_to_supervisor
from ledger_project.schedule import beat_schedule
from ledger_project.worker import running
from ledger_project.worker.lanes import processes
from ledger_project.worker.server import PortTaken

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger_project.settings")
if os.environ.get("LEDGER_TETHERED"):
    # Below bin/up we run as whoever develops, which may be root; only JSON is accepted, so nothing can be smuggled in.
    warnings.simplefilter("ignore", SecurityWarning)
# Repeated at each lost connection: a task that goes on is what we want.
warnings.simplefilter("ignore", CPendingDeprecationWarning)
app = Celery("ledger", task_cls="ledger_project.worker.tasks:LanedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = beat_schedule(poll_seconds=settings.WORKER_POLL_INTERVAL_MS / 1000)
# `celery worker --concurrency` wins over this; the lanes then share fewer or more processes.
app.conf.worker_concurrency = processes(settings.WORKER_LANES)
app.amqp.Connection = Connection
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_kwargs: Any) -> None:
    """Somebody listens, so Celery leaves the logging of Django's settings alone."""


@worker_init.connect
def _prepare(**_kwargs: Any) -> None:
    try:
        check_connection()
        running.prepare()
    except (PrivilegedConnection, PortTaken, ValueError) as problem:
        # Celery logs the exceptions of its signals and goes on.
        raise SystemExit(str(problem)) from problem


@worker_before_create_process.connect
def _before_fork(**_kwargs: Any) -> None:
    running.before_fork()


@worker_process_init.connect
def _die_with_worker(**_kwargs: Any) -> None:
    tie_to_supervisor(parent=getattr(current_process(), "_parent_pid", None))


@worker_ready.connect
def _say_ready(**_kwargs: Any) -> None:
    running.say_ready()
