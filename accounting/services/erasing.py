"""Erasing what people wrote about the accounts of customers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from django.db import connection


def mark_books_of(*, customer_ids: Sequence[UUID], at: dt.datetime) -> list[UUID]:
    """Mark the accounts of erased customers, and the holds, transfers and entries on them that hold words; their ids.

    Those of the ids that are not marked as erased customers are left alone.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounting_mark_books(%s::uuid[], %s)", [list(customer_ids), at])
        row = cursor.fetchone()
    return list(row[0]) if row else []
