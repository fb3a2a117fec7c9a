"""The eraser functions of invoices: one transaction marks what it erases, and returns the ids of all it has marked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection


def erase_invoices(*, invoice_ids: Sequence[UUID], at: dt.datetime) -> list[UUID]:
    """Erase those of the invoices that are finished; the ids of what is marked now: invoices, payments, items."""
    return _marked("SELECT invoicing_erase_invoices(%s::uuid[], %s)", [list(invoice_ids), at])


def mark_drafts_of(*, customer_ids: Sequence[UUID], at: dt.datetime) -> list[UUID]:
    """Mark the deleted drafts of erased customers; their ids, and those of their items."""
    return _marked("SELECT invoicing_mark_drafts(%s::uuid[], %s)", [list(customer_ids), at])


def _marked(sql: str, parameters: Sequence[Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return list(row[0]) if row else []
