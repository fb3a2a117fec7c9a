"""Transactions of the other parallel workers: they live in other databases of the same PostgreSQL.

A snapshot's `xmin` covers the whole installation, so what another worker keeps open would keep entries unsealed here.
"""

from __future__ import annotations

import time

from django.db import connection

WAIT_SECONDS = 240


def wait_for_other_databases() -> None:
    """Until every transaction of another database that is older than now has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        now = cursor.fetchone()[0]
        end = time.monotonic() + WAIT_SECONDS
        while True:
            cursor.execute(
                "SELECT datname, state, xact_start, query FROM pg_stat_activity "
                "WHERE datname <> current_database() AND backend_xid::text::bigint < %s",
                [now],
            )
            running = cursor.fetchall()
            if not running:
                return
            assert time.monotonic() < end, f"a test of another worker keeps its transaction open: {running}"
            time.sleep(0.05)
