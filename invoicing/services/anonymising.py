"""Anonymising finished invoices and their customers: the daily run, and one customer who asked for it.

Work is done in bounded transactions of at most `BATCH` objects. A batch that commits is done with everything that was
written about its objects, in all apps; a worker that dies leaves whole batches behind, and the next one goes on. Two
workers share the rows between them: what one has locked the other skips.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import IntegrityError

from accounting.services.erasing import mark_books_of
from billing.errors import CustomerHeld
from billing.selectors import find_customer
from billing.services.erasing import erase_customers, lock_for_erasing
from common.clock import local_date
from common.constraints import violated_constraint
from common.errors import NotFound
from common.ids import encode_id
from common.prefixes import CUSTOMER, INVOICE
from invoicing.metrics import ANONYMISED
from invoicing.retention_selectors import customers_due, cutoff_of, finished_invoices_of, lock_due_invoices
from invoicing.services.erasing import erase_invoices, mark_drafts_of
from tenants.context import Actor, ActorType, Context
from tenants.enums import RetentionCause
from tenants.leases import HeldLease, lease
from tenants.models import RetentionRun
from tenants.registries import reasons_to_keep
from tenants.scope import tenant_scope
from tenants.selectors import get_settings, was_deleted
from tenants.services.erasure import (
    begin_run,
    erase_answers,
    erase_traces,
    finish_run,
    mark_deleted,
    record_progress,
    take_time,
)
from tenants.sql_erasure import REQUESTED, RETENTION

BATCH: Final = 100
logger = logging.getLogger(__name__)


def retention_lease(tenant_id: UUID) -> AbstractContextManager[HeldLease]:
    """The lease under which one process at a time looks through a tenant."""
    return lease(f"invoicing.anonymise:{tenant_id}")


@dataclass(frozen=True, slots=True)
class Clocks:
    """Two times, asked anew for each transaction: `business` of the tenant, `real` of the machine."""

    business: Callable[[], dt.datetime]
    real: Callable[[], dt.datetime]


@dataclass(frozen=True, slots=True)
class Run:
    """One run in one tenant. `go_on` is asked between transactions; after False the next run goes on."""

    context: Context
    clocks: Clocks
    go_on: Callable[[], bool]
    record: RetentionRun

    @property
    def tenant_id(self) -> UUID:
        """The tenant whose data are looked through."""
        return self.context.tenant_id


def anonymise_tenant(
    *, tenant_id: UUID, actor: str, cause: RetentionCause, clocks: Clocks, go_on: Callable[[], bool] = lambda: True
) -> RetentionRun | None:
    """Erase what is due in one tenant: invoices, then customers without any other, then traces of what was deleted.

    Not inside a transaction. Returns the run, unfinished when `go_on` ended it; None when the scheduled run of the
    tenant's day has ended already.
    """
    context = Context(tenant_id=tenant_id, actor=Actor(ActorType.SYSTEM, actor), reason=RETENTION)
    with tenant_scope(context):
        now = clocks.business()
        day = local_date(now, get_settings(tenant_id=tenant_id).time_zone)
        record = begin_run(tenant_id=tenant_id, cause=cause, day=day, at=now)
    if record is None:
        return None
    run = Run(context, clocks, go_on, record)
    if not (_erase_invoices(run) and _erase_deleted(run)):
        return record
    blocked = _erase_customers(run)
    if blocked is None:
        return record
    return _finish(run, blocked=blocked)


def anonymise_customer(*, tenant_id: UUID, customer_id: UUID, actor: str, clocks: Clocks) -> RetentionRun:
    """Erase one customer who asked for it, with all of their invoices, whatever their age. Not inside a transaction.

    Repeated, it erases nothing more. A deleted customer is found by the trail. Raises `NotFound`, and `CustomerHeld`
    with the reasons of the retention blockers: nothing is erased then, unless a reason came up while it was running.
    """
    context = Context(tenant_id=tenant_id, actor=Actor(ActorType.SYSTEM, actor), reason=REQUESTED)
    with tenant_scope(context):
        now = clocks.business()
        customer = find_customer(tenant_id=tenant_id, customer_id=customer_id)
        if customer is None and not was_deleted(tenant_id=tenant_id, entity_type="customer", object_id=customer_id):
            raise NotFound(f"There is and was no customer {encode_id(CUSTOMER, customer_id)}.")
        reasons = reasons_to_keep(tenant_id=tenant_id, customer_id=customer_id) if customer else []
        if reasons:
            raise CustomerHeld(reasons)
        day = local_date(now, get_settings(tenant_id=tenant_id).time_zone)
        record = begin_run(tenant_id=tenant_id, cause=RetentionCause.REQUEST, day=day, at=now)
        assert record is not None
    run = Run(context, clocks, lambda: True, record)
    while customer is not None and _erase_invoices_of(run, customer_id):
        pass
    with tenant_scope(context):
        take_time()
        now = clocks.business()
        if customer is None:
            marked = mark_deleted(at=now, customer_ids=[customer_id])
            ids = marked + mark_books_of(customer_ids=marked, at=now)
            _count(run, Counter(deletedObjects=len(marked)) + erase_traces(tenant_id=tenant_id, ids=ids), now)
        elif lock_for_erasing(tenant_id=tenant_id, customer_ids=[customer_id], wait=True):
            # Asked again under the lock: a document may have come since.
            reasons = reasons_to_keep(tenant_id=tenant_id, customer_id=customer_id)
            _erase_locked_customers(run, [] if reasons else [customer_id], now)
    finished = _finish(run, blocked=len(reasons))
    if reasons:
        raise CustomerHeld(reasons)
    return finished


def _erase_invoices(run: Run) -> bool:
    """Batch by batch, oldest first, until none is due or the run has to stop (False).

    An invoice that the database refuses to erase fails alone: its batch is done one by one, and it is left to people.
    """
    refused: list[UUID] = []
    limit = BATCH
    while run.go_on():
        due: list[UUID] = []
        try:
            with tenant_scope(run.context):
                now = run.clocks.business()
                before = cutoff_of(run.tenant_id, now)
                if before is not None:
                    due = lock_due_invoices(tenant_id=run.tenant_id, before=before, limit=limit, leaving=refused)
                _erase_batch(run, due, now)
        except IntegrityError as problem:
            if limit == 1:
                refused += due
                logger.error(
                    "An invoice could not be erased",
                    extra={"invoice": encode_id(INVOICE, due[0]), "constraint": violated_constraint(problem)},
                )  # fmt: skip
            limit = 1
            continue
        if len(due) < limit:
            return True
    return False


def _erase_invoices_of(run: Run, customer_id: UUID) -> bool:
    """A batch of one customer's finished invoices; False when there was none."""
    with tenant_scope(run.context):
        due = finished_invoices_of(tenant_id=run.tenant_id, customer_id=customer_id, limit=BATCH)
        _erase_batch(run, due, run.clocks.business())
    return bool(due)


def _erase_batch(run: Run, due: list[UUID], now: dt.datetime) -> None:
    if due:
        marked = erase_invoices(invoice_ids=due, at=now)
        erased = erase_traces(tenant_id=run.tenant_id, ids=marked)
        _count(run, Counter(invoices=len(due)) + erased, now)


def _erase_deleted(run: Run) -> bool:
    """Traces of customers, drafts and items that were deleted long ago."""
    while run.go_on():
        with tenant_scope(run.context):
            now = run.clocks.business()
            before = cutoff_of(run.tenant_id, now)
            marked = mark_deleted(at=now, before=before, limit=BATCH) if before else []
            if marked:
                ids = marked + mark_books_of(customer_ids=marked, at=now)
                erased = erase_traces(tenant_id=run.tenant_id, ids=ids)
                _count(run, Counter(deletedObjects=len(marked)) + erased, now)
        if len(marked) < BATCH:
            return True
    return False


def _erase_customers(run: Run) -> int | None:
    """Customers all of whose invoices are erased; how many more a blocker holds, or None when the run has to stop."""
    blocked, after = 0, None
    while run.go_on():
        with tenant_scope(run.context):
            take_time()
            found = customers_due(tenant_id=run.tenant_id, after=after, limit=BATCH)
            free = _not_held(run.tenant_id, found)
            blocked += len(found) - len(free)
            if free:
                # Under the lock no document can be added: what is asked now is what counts.
                free = lock_for_erasing(tenant_id=run.tenant_id, customer_ids=free)
                free = customers_due(tenant_id=run.tenant_id, limit=BATCH, among=free)
                _erase_locked_customers(run, _not_held(run.tenant_id, free), run.clocks.business())
        if len(found) < BATCH:
            return blocked
        after = found[-1]
    return None


def _not_held(tenant_id: UUID, customer_ids: list[UUID]) -> list[UUID]:
    return [one for one in customer_ids if not reasons_to_keep(tenant_id=tenant_id, customer_id=one)]


def _erase_locked_customers(run: Run, customer_ids: list[UUID], now: dt.datetime) -> None:
    if customer_ids:
        marked = erase_customers(customer_ids=customer_ids, at=now)
        done = len(set(marked) & set(customer_ids))
        marked += mark_drafts_of(customer_ids=customer_ids, at=now)
        marked += mark_books_of(customer_ids=customer_ids, at=now)
        erased = erase_traces(tenant_id=run.tenant_id, ids=marked)
        _count(run, Counter(customers=done) + erased, now)


def _count(run: Run, done: Counter[str], now: dt.datetime) -> None:
    record_progress(run.record, done, at=now)
    for kind in ("invoices", "customers"):
        ANONYMISED.labels(kind).inc(done[kind])


def _finish(run: Run, *, blocked: int) -> RetentionRun:
    with tenant_scope(run.context):
        now = run.clocks.business()
        record_progress(run.record, Counter(storedAnswers=erase_answers(now=run.clocks.real())), at=now)
        return finish_run(run.record, blocked=blocked, at=now)
