"""Verifying VAT numbers with VIES: the intent is committed, then VIES is asked, then the outcome is recorded.

An outage changes nothing about what is known of a number; it is evidence that we asked, and the number is asked about
again, later each time. Whoever dies on the way leaves the intent behind, which the sweep takes up when its lease ends.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from billing.enums import VatSource, VatStatus
from billing.errors import CustomerErased, VatIdMissing
from billing.events import CUSTOMER_UPDATED
from billing.metrics import VAT_CHECKS
from billing.models import Customer, VatVerification
from billing.representations import customer_body
from billing.selectors import customer_balance, customers, get_customer_with_balance, lock_customer
from billing.services.vat_numbers import forget_verification, record_check, record_offline
from billing.tax_numbers import VatNumber, read_vat_number
from billing.vies import NoVerdict, Verdict, ask
from common.errors import DomainError
from common.ids import new_id
from events.domain import DomainEvent
from events.publishing import publish
from tenants.context import Context
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tenants.writers import writers

logger = logging.getLogger("ledger.vat")

LEASE: Final = dt.timedelta(seconds=60)
"""Longer than an exchange may take, so that nobody asks a second time while the first is under way."""
FIRST_PAUSE: Final = dt.timedelta(minutes=1)
LONGEST_PAUSE: Final = dt.timedelta(hours=6)
BATCH: Final = 50


class Outcome(StrEnum):
    """What a verification came to. `busy`: another is at it. `outage`: for any other number it would be the same."""

    VALID = "valid"
    INVALID = "invalid"
    UNVERIFIED = "unverified"
    OUTAGE = "outage"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to ask about one number until its lease ends. `number_of` counts from 1."""

    customer_id: UUID
    number: VatNumber
    requester: VatNumber | None
    token: UUID
    number_of: int


def verify_vat_number(*, context: Context, customer_id: UUID, at: dt.datetime, now: dt.datetime) -> Outcome:
    """Find out now about the number of a customer, and record it. `at` is business time, `now` real time.

    Takes as long as VIES does, in transactions of its own: none may be open. Raises `NotFound`, `CustomerErased`, and
    `VatIdMissing`.
    """
    with writers.turn(), tenant_scope(context):
        begun = _begin(tenant_id=context.tenant_id, customer_id=customer_id, at=at, now=now, trace_id=context.trace_id)
    if isinstance(begun, Outcome):
        return begun
    answer = ask(begun.number, requester=begun.requester)
    with writers.turn(), tenant_scope(context):
        _record(begun, answer, tenant_id=context.tenant_id, at=at, now=now, trace_id=context.trace_id)
    outcome = _outcome_of(answer)
    VAT_CHECKS.labels(outcome).inc()
    return outcome


def request_verification(
    *, tenant_id: UUID, customer_id: UUID, at: dt.datetime, trace_id: str = ""
) -> Outcome | None:  # fmt: skip
    """Have the number verified by the next sweep, in the tenant's scope: nobody is asked now.

    The outcome where nobody has to be asked, else None. Raises as `verify_vat_number` does.
    """
    customer = _customer_with_number(tenant_id=tenant_id, customer_id=customer_id)
    number = read_vat_number(customer.vat_id)
    judged = _judge_offline(customer, number, at=at, trace_id=trace_id)
    if judged is None:
        due, made = VatVerification.objects.get_or_create(tenant_id=tenant_id, customer_id=customer_id)
        if not made and due.lease_token is None and due.next_attempt_at is not None:
            due.next_attempt_at = None
            due.save(update_fields=["next_attempt_at"])
    return judged


def due_verifications(*, now: dt.datetime, limit: int = BATCH) -> list[tuple[UUID, UUID]]:
    """Tenant and customer of the longest due verifications of all tenants."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, customer_id FROM billing_vat_due(%s, %s)", [now, limit])
        return list(cursor.fetchall())


def verify_due(*, context: Context, customer_id: UUID, at: dt.datetime, now: dt.datetime) -> Outcome:
    """As `verify_vat_number`, for one that is due; where there is nothing to verify any more, it is forgotten."""
    try:
        return verify_vat_number(context=context, customer_id=customer_id, at=at, now=now)
    except DomainError:
        with tenant_scope(context):
            for customer in customers(tenant_id=context.tenant_id).filter(id=customer_id):
                forget_verification(customer)
        return Outcome.UNVERIFIED


def unverified_customers(*, tenant_id: UUID) -> Iterator[UUID]:
    """Customers with an unverified number of a member, by id; read a batch at a time in scopes of their own."""
    last: UUID | None = None
    while True:
        with tenant_scope(tenant_id):
            rows = customers(tenant_id=tenant_id).filter(vat_status=VatStatus.UNVERIFIED).order_by("id")
            found = list((rows.filter(id__gt=last) if last else rows).values_list("id", "vat_id")[:BATCH])
        yield from (customer_id for customer_id, vat_id in found if read_vat_number(vat_id) is not None)
        if len(found) < BATCH:
            return
        last = found[-1][0]


def _begin(
    *, tenant_id: UUID, customer_id: UUID, at: dt.datetime, now: dt.datetime, trace_id: str
) -> Attempt | Outcome:
    """The intent, or the outcome where nobody has to be asked, or nobody can be."""
    customer = _customer_with_number(tenant_id=tenant_id, customer_id=customer_id)
    number = read_vat_number(customer.vat_id)
    judged = _judge_offline(customer, number, at=at, trace_id=trace_id)
    if judged is not None:
        return judged
    assert number is not None
    due, _ = VatVerification.objects.get_or_create(tenant_id=tenant_id, customer_id=customer_id)
    if due.lease_token is not None and due.next_attempt_at is not None and due.next_attempt_at > now:
        return Outcome.BUSY
    if not settings.VIES_URL:
        record_offline(customer, number, at=at, otherwise="vies_disabled")
        return Outcome.UNVERIFIED
    due.lease_token, due.next_attempt_at, due.attempts = new_id(), now + LEASE, due.attempts + 1
    due.save(update_fields=["lease_token", "next_attempt_at", "attempts"])
    own = read_vat_number(get_settings(tenant_id=tenant_id).vat_id)
    return Attempt(customer_id, number, own if own and own.problem is None else None, due.lease_token, due.attempts)


def _customer_with_number(*, tenant_id: UUID, customer_id: UUID) -> Customer:
    """The customer, locked: a number that changes meanwhile waits, or has changed before."""
    customer = lock_customer(tenant_id=tenant_id, customer_id=customer_id)
    if customer.erased_at is not None:
        raise CustomerErased()
    if not customer.vat_id:
        raise VatIdMissing()
    return customer


def _judge_offline(
    customer: Customer, number: VatNumber | None, *, at: dt.datetime, trace_id: str
) -> Outcome | None:  # fmt: skip
    """What needs nobody else: a number of no member, and one that cannot be a member's. None for the rest."""
    if number is not None and number.problem is None:
        return None
    status = VatStatus(record_offline(customer, number, at=at).status)
    _settle(customer, status, at=at, trace_id=trace_id)
    return Outcome(status)


def _record(
    attempt: Attempt, answer: Verdict | NoVerdict, *, tenant_id: UUID, at: dt.datetime, now: dt.datetime, trace_id: str
) -> None:
    rows = customers(tenant_id=tenant_id).filter(id=attempt.customer_id, erased_at__isnull=True)
    customer = rows.select_for_update(no_key=True).first()
    if customer is None:
        return  # deleted or erased while VIES was asked: nothing may be written about them any more
    requester = str(attempt.requester) if attempt.requester else None
    # The number in hand is that of the lease only if nobody changed it meanwhile.
    held = VatVerification.objects.filter(
        tenant_id=tenant_id, customer_id=customer.id, lease_token=attempt.token
    )  # fmt: skip
    if isinstance(answer, NoVerdict):
        record_check(
            customer, attempt.number, at=at, source=VatSource.VIES, status=VatStatus.UNVERIFIED, error=answer.error,
            requester=requester,
        )  # fmt: skip
        if answer.again:
            held.update(lease_token=None, next_attempt_at=now + pause_after(attempt.number_of))
        else:
            held.delete()
        return
    status = VatStatus.VALID if answer.valid else VatStatus.INVALID
    record_check(
        customer, attempt.number, at=at, source=VatSource.VIES, status=status, requester=requester,
        request_identifier=answer.request_identifier, answered_at=answer.answered_at, name=answer.name,
        address=answer.address,
    )  # fmt: skip
    if answer.valid and settings.VIES_RECHECK_DAYS:
        again = now + dt.timedelta(days=settings.VIES_RECHECK_DAYS)
        held.update(lease_token=None, attempts=0, next_attempt_at=again)
    else:
        held.delete()
    if read_vat_number(customer.vat_id) == attempt.number:
        _settle(customer, status, at=at, trace_id=trace_id)


def pause_after(attempts: int) -> dt.timedelta:
    """How long nobody asks about a number after so many attempts without a verdict: doubling, six hours at most."""
    doublings = max(0, min(attempts - 1, 20))
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _settle(customer: Customer, status: VatStatus, *, at: dt.datetime, trace_id: str) -> None:
    """The customer has this status now; publishes `customer.updated` where that is news."""
    if customer.vat_status == status:
        return
    customer.vat_status, customer.updated_at = status, at
    customer.save(update_fields=["vat_status", "updated_at"])
    shown = get_customer_with_balance(tenant_id=customer.tenant_id, customer_id=customer.id)
    publish(
        DomainEvent(
            type=CUSTOMER_UPDATED, object_type="customer", object_id=customer.id,
            data=customer_body(shown, balance=customer_balance(shown)), occurred_at=at,
        ),
        tenant_id=customer.tenant_id,
        trace_id=trace_id,
    )  # fmt: skip


def _outcome_of(answer: Verdict | NoVerdict) -> Outcome:
    if isinstance(answer, Verdict):
        return Outcome.VALID if answer.valid else Outcome.INVALID
    return Outcome.OUTAGE if answer.everywhere else Outcome.UNVERIFIED
