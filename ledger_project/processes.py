"""What a web or worker process does once, before it serves."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time

import psycopg
from django.conf import settings

from ledger_project.database import refuse_privileged_connection
from ledger_project.supervisor.tether import die_with_parent
from tenants.writers import writers

WAIT_FOR_DATABASE_SECONDS = 30.0
logger = logging.getLogger(__name__)


def tie_to_supervisor(parent: int | None = None) -> None:
    """Below `bin/up`, have the kernel end this forked process when its parent dies. Elsewhere nothing."""
    if not os.environ.get("LEDGER_TETHERED"):
        return
    forked_by = multiprocessing.parent_process()
    if parent is None and forked_by is not None:
        parent = forked_by.pid
    if parent is not None:
        die_with_parent(parent)


def bound_writers() -> None:
    """Let no more than `WEB_WRITERS` transactions of this process write at once, however many threads it has."""
    writers.bound(settings.WEB_WRITERS)


def check_connection() -> None:
    """Raise `PrivilegedConnection` when row-level security would not hold our role. Waits for a starting database."""
    deadline = time.monotonic() + WAIT_FOR_DATABASE_SECONDS
    while True:
        try:
            refuse_privileged_connection(settings.DATABASE_URL)
        except psycopg.OperationalError as problem:
            if time.monotonic() > deadline:
                raise
            logger.warning("The database does not answer yet", extra={"problem": str(problem)})
            time.sleep(0.5)
        else:
            return
