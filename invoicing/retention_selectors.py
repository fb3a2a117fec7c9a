"""Which documents and customers are due for erasure, in the tenant's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from invoicing.retention import cutoff
from invoicing.sql_erasure import FINISHED, FINISHED_AT
from tenants.selectors import get_settings

_FINISHED: Final = ", ".join(f"'{status}'" for status in FINISHED)
_DUE: Final = (
    f"i.tenant_id = %(tenant)s AND i.status IN ({_FINISHED}) AND i.erased_at IS NULL "
    f"AND {FINISHED_AT.format(i='i.')} < %(before)s"
)
# Whoever has a finished invoice that is not due yet is no candidate; one with an open invoice is, and is held by it.
_CUSTOMERS: Final = f"""
    SELECT c.id FROM billing_customer c
    WHERE c.tenant_id = %(tenant)s AND c.erased_at IS NULL
        AND (%(after)s::uuid IS NULL OR c.id > %(after)s::uuid)
        AND (%(among)s::uuid[] IS NULL OR c.id = ANY (%(among)s::uuid[]))
        AND NOT EXISTS (
            SELECT 1 FROM invoicing_invoice i
            WHERE i.tenant_id = c.tenant_id AND i.customer_id = c.id AND i.status IN ({_FINISHED})
                AND i.erased_at IS NULL
                AND (%(before)s::timestamptz IS NULL OR {FINISHED_AT.format(i="i.")} >= %(before)s)
        )
        AND EXISTS (
            SELECT 1 FROM invoicing_invoice i
            WHERE i.tenant_id = c.tenant_id AND i.customer_id = c.id AND i.status IN ({_FINISHED})
        )
    ORDER BY c.id LIMIT %(limit)s
"""  # noqa: S608 - constants of this module


def cutoff_of(tenant_id: UUID, now: dt.datetime) -> dt.datetime | None:
    """The tenant's cutoff at the business time `now`; None when nothing can be that old."""
    settings = get_settings(tenant_id=tenant_id)
    return cutoff(now, days=settings.data_retention_days, time_zone=settings.time_zone)


def lock_due_invoices(*, tenant_id: UUID, before: dt.datetime, limit: int, leaving: Sequence[UUID] = ()) -> list[UUID]:
    """Invoices finished before the instant and not erased yet, held for this transaction; longest finished first.

    Left out are those in `leaving`, and what another transaction holds: it is being erased, or changing, and will be
    met again.
    """
    sql = (
        f"SELECT i.id FROM invoicing_invoice i WHERE {_DUE} AND i.id <> ALL (%(leaving)s::uuid[]) "  # noqa: S608
        f"ORDER BY {FINISHED_AT.format(i='i.')} "
        "LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED"
    )
    return _ids(sql, {"tenant": tenant_id, "before": before, "limit": limit, "leaving": list(leaving)})


def invoices_due(
    *, tenant_id: UUID, before: dt.datetime, limit: int, after: tuple[dt.datetime, UUID] | None = None
) -> list[tuple[dt.datetime, UUID]]:
    """The same without holding them, a page at a time: when each was finished, and its id."""
    finished = FINISHED_AT.format(i="i.")
    further = f"AND ({finished}, i.id) > (%(at)s, %(id)s)" if after else ""
    sql = f"SELECT {finished}, i.id FROM invoicing_invoice i WHERE {_DUE} {further} ORDER BY 1, 2 LIMIT %(limit)s"  # noqa: S608
    values: dict[str, Any] = {"tenant": tenant_id, "before": before, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(sql, values | ({"at": after[0], "id": after[1]} if after else {}))
        return [(row[0], row[1]) for row in cursor.fetchall()]


def finished_invoices_of(*, tenant_id: UUID, customer_id: UUID, limit: int) -> list[UUID]:
    """Finished invoices of a customer that are not erased yet, held for this transaction."""
    sql = (
        f"SELECT id FROM invoicing_invoice WHERE tenant_id = %(tenant)s AND customer_id = %(customer)s "  # noqa: S608
        f"AND status IN ({_FINISHED}) AND erased_at IS NULL ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE"
    )
    return _ids(sql, {"tenant": tenant_id, "customer": customer_id, "limit": limit})


def customers_due(
    *, tenant_id: UUID, limit: int, before: dt.datetime | None = None, after: UUID | None = None,
    among: Sequence[UUID] | None = None,
) -> list[UUID]:  # fmt: skip
    """Customers who have finished invoices, all of them erased, or with `before` to be erased: finished before then.

    Blockers are not asked here.
    """
    values = {"tenant": tenant_id, "before": before, "limit": limit, "after": after}
    return _ids(_CUSTOMERS, values | {"among": None if among is None else list(among)})


def traces_of(*, invoice_ids: Sequence[UUID]) -> list[UUID]:
    """The invoices, and what else would be marked with them: their payments, and items that the trail knows."""
    found = _ids("SELECT id FROM invoicing_traces(%(ids)s::uuid[])", {"ids": list(invoice_ids)})
    return [*invoice_ids, *found]


def _ids(sql: str, values: dict[str, Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
