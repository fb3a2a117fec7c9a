"""The Celery app. Tasks are wake-ups: what is due stands in PostgreSQL, and beat's sweeps find what was missed."""

from __future__ import annotations

import os
from typing import Any

from billiard.process import current_process
from celery import Celery
from celery.signals import worker_init, worker_process_init

from ledger_project.database import PrivilegedConnection
from ledger_project.processes import check_connection, tie_to_supervisor
from ledger_project.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledger_project.settings")
app = Celery("ledger")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


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
