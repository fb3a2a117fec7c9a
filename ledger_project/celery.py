"""The Celery app. Tasks are wake-ups: what is due stands in PostgreSQL, and beat's sweeps find what was missed."""

from __future__ import annotations

import os
import warnings
from typing import Any

from billiard.process import current_process
from celery import Celery
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import setup_logging, worker_init, worker_process_init, worker_ready

from ledger_project.database import PrivilegedConnection
from ledger_project.environment import worker_ready_file
from ledger_project.processes import check_connection, tie_to_supervisor
from ledger_project.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger_project.settings")
if os.environ.get("LEDGER_TETHERED"):
    # Below bin/up we run as whoever develops, which may be root; only JSON is accepted, so nothing can be smuggled in.
    warnings.simplefilter("ignore", SecurityWarning)
# Repeated at each lost connection: a task that goes on is what we want.
warnings.simplefilter("ignore", CPendingDeprecationWarning)
app = Celery("ledger")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_kwargs: Any) -> None:
    """Somebody listens, so Celery leaves the logging of Django's settings alone."""


@worker_init.connect
def _refuse_privileged_connection(**_kwargs: Any) -> None:
    try:
        check_connection()
    except PrivilegedConnection as problem:
        # Celery logs the exceptions of its signals and goes on.
        raise SystemExit(str(problem)) from problem


@worker_process_init.connect
def _die_with_worker(**_kwargs: Any) -> None:
    tie_to_supervisor(parent=getattr(current_process(), "_parent_pid", None))


@worker_ready.connect
def _say_ready(**_kwargs: Any) -> None:
    if os.environ.get("LEDGER_TETHERED"):
        worker_ready_file().touch()
