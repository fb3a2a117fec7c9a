"""The sweep that moves deferred revenue to revenue, month by month. Late or twice makes no difference."""

from __future__ import annotations

import datetime as dt
from typing import Final
from uuid import UUID

from django.db import connection

from accounting.services.posting import post_entries
from invoicing.enums import RecognitionCommand, RecognitionStatus
from invoicing.models import Recognition
from invoicing.services.posting import recognition_entry
from invoicing.transitions import apply_recognition_transition
from tenants.scope import tenant_scope

BATCH: Final = 500


def tenants_with_recognition(*, at: dt.datetime) -> list[UUID]:
    """Tenants that have a month which has ended before `at` and is not recognised, across all tenants."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id FROM invoicing_tenants_with_recognition(%s)", [at])
        return [row[0] for row in cursor.fetchall()]


def recognise_revenue(*, tenant_id: UUID, at: dt.datetime) -> int:
    """Recognise a batch of months that have ended before `at`; how many. Fewer than `BATCH`: none are left.

    Each batch is a transaction of its own; two workers share the rows between them.
    """
    with tenant_scope(tenant_id):
        return _recognise_batch(tenant_id=tenant_id, at=at)


def _recognise_batch(*, tenant_id: UUID, at: dt.datetime) -> int:
    due = Recognition.objects.select_for_update(skip_locked=True).filter(
        tenant_id=tenant_id, status=RecognitionStatus.SCHEDULED, effective_at__lt=at
    )
    rows = list(due.order_by("effective_at", "id")[:BATCH])
    drafts = []
    for row in rows:
        draft = recognition_entry(row)
        apply_recognition_transition(row, RecognitionCommand.RECOGNISE)
        row.entry_id = draft.id
        drafts.append(draft)
    post_entries(tenant_id=tenant_id, drafts=drafts)
    Recognition.objects.bulk_update(rows, ["status", "entry"])
    return len(rows)
