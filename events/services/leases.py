"""Claiming work for a while: how deliveries and mails survive the death of whoever is busy with them.

A claim gives the row a new token and a lease, and counts the attempt before it begins, so that work which kills its
worker is given up in the end. Whoever records an outcome shows the token; after the lease ran out and somebody else
claimed the row, the old token opens nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from events.enums import DeliveryCommand, DeliveryStatus, MailCommand, MailStatus
from events.transitions import DELIVERY, MAIL

ABANDONED: Final = "The worker ended during the last attempt."
MAX_ERROR_CHARACTERS: Final = 2000


@dataclass(frozen=True, slots=True)
class Queue:
    """A table of leased work: its states, and how patient we are.

    The pause after attempt n is `first_pause` seconds × 2^(n-1), at most `longest_pause`, a fifth more or less.
    """

    table: str
    done_column: str
    waiting: str
    running: str
    done: str
    given_up: str
    max_attempts: int
    first_pause: float
    longest_pause: float


DELIVERIES: Final = Queue(
    table="events_eventdelivery",
    done_column="succeeded_at",
    waiting=DELIVERY.next_state(DeliveryStatus.DELIVERING, DeliveryCommand.RETRY),
    running=DELIVERY.next_state(DeliveryStatus.PENDING, DeliveryCommand.CLAIM),
    done=DELIVERY.next_state(DeliveryStatus.DELIVERING, DeliveryCommand.SUCCEED),
    given_up=DELIVERY.next_state(DeliveryStatus.DELIVERING, DeliveryCommand.GIVE_UP),
    max_attempts=10,
    first_pause=2,
    longest_pause=3600,
)
MAILS: Final = Queue(
    table="events_mail",
    done_column="sent_at",
    waiting=MAIL.next_state(MailStatus.SENDING, MailCommand.RETRY),
    running=MAIL.next_state(MailStatus.QUEUED, MailCommand.CLAIM),
    done=MAIL.next_state(MailStatus.SENDING, MailCommand.SUCCEED),
    given_up=MAIL.next_state(MailStatus.SENDING, MailCommand.GIVE_UP),
    max_attempts=8,
    first_pause=120,
    longest_pause=6 * 3600,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one row until its lease ends. `attempt` counts from 1."""

    id: UUID
    token: UUID
    attempt: int


def default_lease() -> dt.timedelta:
    """How long a claim lasts (`JOB_LEASE_SECONDS`)."""
    return dt.timedelta(seconds=settings.JOB_LEASE_SECONDS)


def find_due_deliveries(*, now: dt.datetime, limit: int) -> list[tuple[UUID, list[UUID]]]:
    """The longest due deliveries of all tenants, at most `limit`, by tenant. Others may claim them first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, ids FROM events_deliveries_due(%s, %s)", [now, limit])
        return list(cursor.fetchall())


def find_due_mail(*, now: dt.datetime, senders: int, limit: int) -> list[tuple[UUID, list[UUID]]]:
    """At most `senders` tenants that have mail due, longest due first, each with at most `limit` ids.

    Tenants whose mail is being sent right now are left out. Others may claim the mails first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, ids FROM events_mail_due_by_tenant(%s, %s, %s)", [now, senders, limit])
        return list(cursor.fetchall())


def claim(queue: Queue, ids: Sequence[UUID], *, now: dt.datetime, lease: dt.timedelta) -> list[Claim]:
    """Claim those of `ids` that are still due and that nobody holds, in the tenant's scope, in the order of ids.

    Rows that were abandoned in their last attempt are given up instead.
    """
    return claim_or_give_up(queue, ids, now=now, lease=lease)[0]


def claim_or_give_up(
    queue: Queue, ids: Sequence[UUID], *, now: dt.datetime, lease: dt.timedelta
) -> tuple[list[Claim], list[UUID]]:
    """As `claim`, and the ids of the rows that were given up."""
    until = now + lease
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH chosen AS (
                SELECT id, attempts >= %(most)s AS spent FROM {queue.table}
                WHERE id = ANY(%(ids)s::uuid[]) AND status IN (%(waiting)s, %(running)s) AND next_attempt_at <= %(now)s
                ORDER BY id FOR UPDATE SKIP LOCKED
            )
            UPDATE {queue.table} AS work SET
                status = CASE WHEN spent THEN %(given_up)s ELSE %(running)s END,
                attempts = CASE WHEN spent THEN attempts ELSE attempts + 1 END,
                lease_token = CASE WHEN spent THEN NULL ELSE gen_random_uuid() END,
                lease_until = CASE WHEN spent THEN NULL ELSE %(until)s::timestamptz END,
                next_attempt_at = CASE WHEN spent THEN NULL ELSE %(until)s::timestamptz END,
                last_error = CASE WHEN status = %(running)s THEN %(abandoned)s ELSE last_error END
            FROM chosen WHERE work.id = chosen.id
            RETURNING work.id, work.lease_token, work.attempts
            """,  # noqa: S608
            {
                "most": queue.max_attempts,
                "ids": list(ids),
                "now": now,
                "until": until,
                "waiting": queue.waiting,
                "running": queue.running,
                "given_up": queue.given_up,
                "abandoned": ABANDONED,
            },
        )
        rows = cursor.fetchall()
    claims = [Claim(*row) for row in rows if row[1] is not None]
    return sorted(claims, key=lambda claimed: claimed.id), sorted(row[0] for row in rows if row[1] is None)


def hold(queue: Queue, claimed: Claim) -> bool:
    """Lock the claimed row for the rest of the transaction; False when the claim is no longer ours.

    As long as this transaction lives, nobody else can claim the row, even after the lease has run out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {queue.table} WHERE id = %s AND lease_token = %s FOR UPDATE",  # noqa: S608
            [claimed.id, claimed.token],
        )
        return cursor.fetchone() is not None


def record_success(queue: Queue, claimed: Claim, *, at: dt.datetime) -> bool:
    """Finish the work; False when the claim is no longer ours, and nothing is recorded."""
    return _record(
        queue, claimed,
        f"status = %s, {queue.done_column} = %s, next_attempt_at = NULL, last_error = NULL",
        [queue.done, at],
    )  # fmt: skip


def record_failure(queue: Queue, claimed: Claim, *, at: dt.datetime, error: str, final: bool = False) -> str | None:
    """Plan the next attempt, or give up after the last one or when `final`. The new status; None when not ours."""
    if final or claimed.attempt >= queue.max_attempts:
        recorded = _record(
            queue, claimed,
            "status = %s, next_attempt_at = NULL, last_error = %s",
            [queue.given_up, error[:MAX_ERROR_CHARACTERS]],
        )  # fmt: skip
        return queue.given_up if recorded else None
    pause = min(queue.first_pause * 2 ** (claimed.attempt - 1), queue.longest_pause)
    recorded = _record(
        queue, claimed,
        "status = %s, last_error = %s, "
        "next_attempt_at = %s::timestamptz + make_interval(secs => %s::float8 * (0.8 + 0.4 * random()))",
        [queue.waiting, error[:MAX_ERROR_CHARACTERS], at, pause],
    )  # fmt: skip
    return queue.waiting if recorded else None


def begin_again(queue: Queue, row_id: UUID, *, now: dt.datetime) -> bool:
    """Open work that was given up once more, with all its attempts; False when it has not been given up."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {queue.table} SET status = %s, attempts = 0, next_attempt_at = %s "  # noqa: S608
            "WHERE id = %s AND status = %s",
            [queue.waiting, now, row_id, queue.given_up],
        )
        return bool(cursor.rowcount == 1)


def postpone(queue: Queue, *, tenant_id: UUID, until: dt.datetime) -> None:
    """Leave what waits for this tenant alone until then; no attempt is counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {queue.table} SET next_attempt_at = %s "  # noqa: S608
            "WHERE tenant_id = %s AND status = %s AND next_attempt_at < %s",
            [until, tenant_id, queue.waiting, until],
        )


def hand_back(queue: Queue, claims: Sequence[Claim], *, at: dt.datetime) -> None:
    """Undo claims that were not begun, with their attempt."""
    for claimed in claims:
        _record(queue, claimed, "status = %s, next_attempt_at = %s, attempts = attempts - 1", [queue.waiting, at])


def _record(queue: Queue, claimed: Claim, assignments: str, values: list[Any]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {queue.table} SET {assignments}, lease_token = NULL, lease_until = NULL "  # noqa: S608
            "WHERE id = %s AND lease_token = %s",
            [*values, claimed.id, claimed.token],
        )
        return bool(cursor.rowcount == 1)
