"""Erasing customers: the row stays for the documents that refer to it, and says nothing of a person any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection

_LOCK: Final = """
    SELECT id FROM billing_customer WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND erased_at IS NULL
    ORDER BY id FOR UPDATE
"""


def lock_for_erasing(*, tenant_id: UUID, customer_ids: Sequence[UUID], wait: bool = False) -> list[UUID]:
    """Those of the customers that are not erased yet, held against everything, also against new documents.

    Customers that another transaction holds are left out, or waited for.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LOCK if wait else f"{_LOCK} SKIP LOCKED",
            [tenant_id, list(customer_ids)],
        )
        return [row[0] for row in cursor.fetchall()]


def erase_customers(*, customer_ids: Sequence[UUID], at: dt.datetime) -> list[UUID]:
    """Empty the rows of customers and mark them, with their payments; the ids of what is marked now.

    The caller has asked the retention blockers; higher apps refuse, in the database, whom they are not through with.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_erase_customers(%s::uuid[], %s)", [list(customer_ids), at])
        row = cursor.fetchone()
    return list(row[0]) if row else []
