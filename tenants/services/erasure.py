"""Erasing what was written about objects that are marked as erased, in every app, and the record of each run.

What makes an object due, and erasing the object itself, is the business of the app that owns it; it marks the object
with an eraser function and then calls `erase_traces`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from common.constraints import violated_constraint
from common.ids import new_id
from tenants.enums import RetentionCause, RetentionStatus
from tenants.erasing import number
from tenants.models import RetentionRun
from tenants.models.erasure import ONE_RUN_A_DAY
from tenants.registries import erasers

# A request that was answered before its object was erased may have taken its time to store the answer.
_MARGIN: Final = dt.timedelta(hours=1)


def erase_traces(*, tenant_id: UUID, ids: Sequence[UUID]) -> Counter[str]:
    """Erase what all apps hold about marked objects, in the transaction that marked them; rows by kind.

    From right to left along the line of apps: the trail, leftmost, comes last, because the others' changes enter it.
    """
    erased: Counter[str] = Counter()
    if ids:
        for _, eraser in reversed(list(erasers.entries())):
            erased.update(eraser.erase(tenant_id=tenant_id, ids=ids))
    return erased


def count_traces(*, tenant_id: UUID, ids: Sequence[UUID]) -> Counter[str]:
    """What `erase_traces` would meet; changes nothing."""
    found: Counter[str] = Counter()
    if ids:
        for _, eraser in erasers.entries():
            found.update(eraser.count(tenant_id=tenant_id, ids=ids))
    return found


def remaining_traces(*, tenant_id: UUID, now: dt.datetime) -> Counter[str]:
    """Rows by kind that still hold something about erased objects; none may. `now` is real time."""
    found: Counter[str] = Counter()
    take_time()
    for _, eraser in erasers.entries():
        found.update(eraser.remaining(tenant_id=tenant_id))
    found["storedAnswers"] += number("SELECT tenants_answers_left(%s)", [_answers_since(now)])
    return found


def erase_answers(*, now: dt.datetime) -> int:
    """Empty the stored answers that name an object erased lately, in the tenant's scope; how many there were.

    An answer is kept for a day and cannot be found by the objects it names but by reading all of them: once per run. A
    replay still gets an answer, without what was personal in it. `now` is real time.
    """
    take_time()
    return number("SELECT tenants_erase_answers(%s)", [_answers_since(now)])


def take_time() -> None:
    """Lift the bound of a request from the rest of this transaction: what follows reads whole tables of a tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")


def mark_deleted(
    *, at: dt.datetime, before: dt.datetime | None = None, customer_ids: Sequence[UUID] = (), limit: int = 100
) -> list[UUID]:
    """Mark objects that were deleted before `before`, or these deleted customers: only the trail still tells of them.

    Returns what was marked now, at most `limit`. The database takes no later instant than the retention allows.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tenants_mark_deleted(%s, %s, %s::uuid[], %s)", [at, before, list(customer_ids), limit]
        )  # fmt: skip
        row = cursor.fetchone()
    return list(row[0]) if row else []


def begin_run(*, tenant_id: UUID, cause: RetentionCause, day: dt.date, at: dt.datetime) -> RetentionRun | None:
    """The run to be worked on, in the tenant's scope: a new one, or one that a crash left unfinished.

    A request is always a run of its own. None when the scheduled run of that day has ended.
    """
    runs = RetentionRun.objects.filter(tenant_id=tenant_id, cause=cause)
    left = runs.filter(status=RetentionStatus.RUNNING).order_by("-id").first()
    if left is not None and cause != RetentionCause.REQUEST:
        return left
    try:
        with transaction.atomic():
            return RetentionRun.objects.create(
                id=new_id(), tenant_id=tenant_id, cause=cause, day=day, created_at=at, updated_at=at
            )
    except IntegrityError as refused:
        if violated_constraint(refused) != ONE_RUN_A_DAY:
            raise
        # The scheduled run of the day exists: another worker began it, or it has ended.
        return runs.filter(day=day, status=RetentionStatus.RUNNING).first()


def record_progress(run: RetentionRun, done: Mapping[str, int], *, at: dt.datetime) -> None:
    """Add what a batch has done, in its transaction; two workers on one run wait for each other here, at the end."""
    row = RetentionRun.objects.select_for_update().get(tenant_id=run.tenant_id, id=run.id)
    row.progress, row.updated_at = dict(Counter(row.progress) + Counter(done)), at
    changed = ["progress", "updated_at"]
    if row.status == RetentionStatus.FINISHED:
        # The other worker found nothing left while this one held the last rows: the trail gets the difference.
        row.invoices, row.customers, row.erased = _counted(row.progress)
        changed += ["invoices", "customers", "erased"]
    row.save(update_fields=changed)


def finish_run(run: RetentionRun, *, blocked: int, at: dt.datetime) -> RetentionRun:
    """Set the final counts; they enter the audit trail. A run that has ended stays as it is."""
    row = RetentionRun.objects.select_for_update().get(tenant_id=run.tenant_id, id=run.id)
    if row.status == RetentionStatus.FINISHED:
        return row
    invoices, customers, erased = _counted(row.progress)
    RetentionRun.objects.filter(tenant_id=row.tenant_id, id=row.id).update(
        status=RetentionStatus.FINISHED, invoices=invoices, customers=customers, blocked=blocked, erased=erased,
        finished_at=at, updated_at=at,
    )  # fmt: skip
    row.refresh_from_db()
    return row


def _counted(progress: Mapping[str, int]) -> tuple[int, int, dict[str, int]]:
    """Invoices, customers, and rows of all other kinds."""
    rows = dict(progress)
    return rows.pop("invoices", 0), rows.pop("customers", 0), rows


def _answers_since(now: dt.datetime) -> dt.datetime:
    return now - dt.timedelta(hours=settings.IDEMPOTENCY_KEY_HOURS) - _MARGIN
