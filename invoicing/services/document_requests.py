"""Documents that a job makes soon after finalisation, so that hardly anybody has to wait for one."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.db import connection

from common.clock import SystemClock
from invoicing import metrics
from invoicing.errors import DocumentErased
from invoicing.models import DocumentRequest
from invoicing.services.documents import invoice_document
from tenants.context import system_context
from tenants.scope import tenant_scope

logger = logging.getLogger(__name__)

BATCH: Final = 50
FIRST_PAUSE: Final = dt.timedelta(seconds=10)
LONGEST_PAUSE: Final = dt.timedelta(hours=6)

_REQUEST = """
INSERT INTO invoicing_documentrequest (id, tenant_id, attempts, next_attempt_at)
SELECT %s, %s, 0, %s WHERE NOT EXISTS (SELECT 1 FROM invoicing_invoicedocument d WHERE d.tenant_id = %s AND d.id = %s)
ON CONFLICT (id) DO NOTHING
"""


def request_document(*, tenant_id: UUID, invoice_id: UUID, now: dt.datetime) -> None:
    """Have the document of a finalised invoice made soon, unless it is there. `now` is real time."""
    with connection.cursor() as cursor:
        cursor.execute(_REQUEST, [invoice_id, tenant_id, now, tenant_id, invoice_id])


def make_requested(*, now: dt.datetime, keep: Callable[[], bool] = lambda: True) -> int:
    """Make documents that are due, of all tenants, oldest wish first, at most `BATCH`; how many were attempted.

    `keep` is asked before each: whether this run may go on. One that fails is tried again later and holds up no other.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, tenant_id FROM invoicing_document_requests(%s, %s)", [now, BATCH])
        due = cursor.fetchall()
    done = 0
    for invoice_id, tenant_id in due:
        if not keep():
            break
        _make(tenant_id, invoice_id)
        done += 1
    return done


def _make(tenant_id: UUID, invoice_id: UUID) -> None:
    context = system_context(tenant_id, "task:render_documents")
    now = SystemClock().now()
    try:
        invoice_document(context=context, invoice_id=invoice_id, now=now)
    except DocumentErased:
        pass  # nobody wants it any more
    except Exception as problem:
        logger.warning("A document could not be made", exc_info=True, extra={"invoice_id": str(invoice_id)})
        metrics.DOCUMENTS.labels("failed").inc()
        with tenant_scope(context):
            _postpone(tenant_id, invoice_id, f"{type(problem).__name__}: {problem}"[:500], now)
        return
    with tenant_scope(context):
        DocumentRequest.objects.filter(tenant_id=tenant_id, invoice_id=invoice_id).delete()


def _postpone(tenant_id: UUID, invoice_id: UUID, error: str, now: dt.datetime) -> None:
    request = DocumentRequest.objects.filter(tenant_id=tenant_id, invoice_id=invoice_id).first()
    if request is None:
        return
    request.next_attempt_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(request.attempts, 20))
    request.attempts += 1
    request.last_error = error
    request.save(update_fields=["attempts", "next_attempt_at", "last_error"])
