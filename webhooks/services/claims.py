"""Taking due deliveries for a while, many at a time, so that they survive the death of whoever sends them.

As `events.services.leases`, but set-wise and per subscriber: a claim gives a delivery a new token and a lease, and
counts the attempt before it begins. Whoever records an outcome shows the token; an old one opens nothing. Any number of
processes may claim at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from webhooks.schedule import MAX_ABANDONED

ABANDONED: Final = "The worker ended during this attempt; whether it arrived is not known."
FIRST_SUBSCRIBER: Final = UUID(int=0)
SHORTEST_LEASE: Final = dt.timedelta(seconds=30)
"""Longer than a claimed delivery waits for its turn (10 s) and its exchange takes (15 s)."""

# The tables are small when the first plan is made, and plans are kept: without this a plan that reads all rows would
# survive until the next analysis.
BY_INDEX: Final = "SELECT set_config('enable_seqscan', 'off', true)"
# Nobody waits for the commit of a claim: if a crash of the server takes it back, the attempt is made once more, as
# after a crash of ours.
_UNWAITED: Final = BY_INDEX + ", set_config('synchronous_commit', 'off', true)"

_RECIPIENTS: Final = """
SELECT id, url, legacy_secret_header, secret_encrypted, previous_secret_encrypted, previous_secret_until, failing_since
FROM webhooks_subscriber WHERE id = ANY(%s::uuid[]) AND active AND deleted_at IS NULL
    AND (failing_since IS NULL OR id <> ALL(%s::uuid[]))
"""
_CLAIM: Final = """
WITH chosen AS (
    SELECT due.* FROM unnest(%(subscribers)s::uuid[], %(rooms)s::integer[]) AS wanted (subscriber_id, room)
    CROSS JOIN LATERAL (
        SELECT d.id, d.status AS former_status, d.attempts AS former_attempts, d.lease_until AS former_lease,
            d.status = 'delivering' AND d.abandoned + 1 >= %(most)s AS spent
        FROM webhooks_delivery d
        WHERE d.subscriber_id = wanted.subscriber_id AND d.status IN ('pending', 'delivering', 'failed')
            AND d.next_attempt_at <= %(now)s::timestamptz
        ORDER BY d.next_attempt_at, d.id LIMIT wanted.room
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS due
), claimed AS (
    UPDATE webhooks_delivery AS work SET
        status = CASE WHEN spent THEN 'dead' ELSE 'delivering' END,
        attempts = CASE WHEN spent THEN attempts ELSE attempts + 1 END,
        abandoned = CASE WHEN former_status = 'delivering' THEN abandoned + 1 ELSE abandoned END,
        lease_token = CASE WHEN spent THEN NULL ELSE gen_random_uuid() END,
        lease_until = CASE WHEN spent THEN NULL ELSE %(until)s::timestamptz END,
        next_attempt_at = CASE WHEN spent THEN NULL ELSE %(until)s::timestamptz END,
        last_error = CASE WHEN former_status = 'delivering' THEN %(abandoned)s ELSE last_error END
    FROM chosen WHERE work.id = chosen.id
    RETURNING work.id, work.lease_token, work.attempts, work.failures, work.subscriber_id, work.message_id,
        work.event_type, former_status, former_attempts, former_lease
), logged AS (
    INSERT INTO webhooks_attempt (id, tenant_id, delivery_id, number, at, duration_ms, error)
    SELECT ledger_uuid7(), %(tenant)s::uuid, id, former_attempts, former_lease - make_interval(secs => %(lease)s), 0,
        %(abandoned)s
    FROM claimed WHERE former_status = 'delivering'
)
SELECT c.id, c.lease_token, c.attempts, c.failures, c.subscriber_id, c.message_id, c.event_type, m.body
FROM claimed c JOIN webhooks_message m ON m.id = c.message_id WHERE c.lease_token IS NOT NULL
"""
_HAND_BACK: Final = """
UPDATE webhooks_delivery AS work SET
    status = CASE WHEN failures > 0 THEN 'failed' ELSE 'pending' END, next_attempt_at = %s, attempts = attempts - 1,
    lease_token = NULL, lease_until = NULL
FROM unnest(%s::uuid[], %s::uuid[]) AS given (id, token) WHERE work.id = given.id AND work.lease_token = given.token
"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A subscriber as the engine needs it, at the moment of the claim."""

    id: UUID
    url: str
    legacy_secret_header: bool
    secret_encrypted: str
    previous_secret_encrypted: str | None
    previous_secret_until: dt.datetime | None
    failing_since: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to attempt one delivery until the lease ends. `attempt` counts from 1; `body` is None once erased."""

    id: UUID
    token: UUID
    attempt: int
    failures: int
    subscriber_id: UUID
    message_id: UUID
    event_type: str
    body: bytes | None
    tenant_id: UUID


def lease_time() -> dt.timedelta:
    """How long a claim lasts: `JOB_LEASE_SECONDS`, but never so short that an exchange outlives it."""
    return max(dt.timedelta(seconds=settings.JOB_LEASE_SECONDS), SHORTEST_LEASE)


def find_due(*, now: dt.datetime, after: UUID = FIRST_SUBSCRIBER, limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and id of at most `limit` subscribers, in the order of ids after `after`, that have due deliveries.

    Needs no scope. Costs a probe of an index for each subscriber with open deliveries.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, subscriber_id FROM webhooks_due(%s, %s, %s)", [now, after, limit])
        return [(row[0], row[1]) for row in cursor.fetchall()]


def claim(
    *,
    tenant_id: UUID,
    rooms: Mapping[UUID, int],
    now: dt.datetime,
    lease: dt.timedelta | None = None,
    unless_failing: Collection[UUID] = (),
) -> tuple[dict[UUID, Recipient], list[Claim]]:
    """Claim due deliveries, for each subscriber the longest due ones up to its room, in the tenant's scope.

    Deliveries that another process holds are passed over, subscribers that are switched off get none, nor do those of
    `unless_failing` that failed last. An attempt that
    was abandoned is logged as such; a delivery whose attempts are abandoned again and again is given up.
    """
    lease = lease or lease_time()
    with connection.cursor() as cursor:
        cursor.execute(_UNWAITED)
        cursor.execute(_RECIPIENTS, [list(rooms), list(unless_failing)])
        recipients = {row[0]: Recipient(*row) for row in cursor.fetchall()}
        if not recipients:
            return {}, []
        cursor.execute(
            _CLAIM,
            {
                "subscribers": list(recipients),
                "rooms": [rooms[one] for one in recipients],
                "now": now,
                "until": now + lease,
                "lease": lease.total_seconds(),
                "most": MAX_ABANDONED,
                "abandoned": ABANDONED,
                "tenant": tenant_id,
            },
        )
        claims = [
            Claim(
                id=row[0], token=row[1], attempt=row[2], failures=row[3], subscriber_id=row[4], message_id=row[5],
                event_type=row[6], body=bytes(row[7]) if row[7] is not None else None, tenant_id=tenant_id,
            )
            for row in cursor.fetchall()
        ]  # fmt: skip
    # UUIDv7: what was made first goes first.
    return recipients, sorted(claims, key=lambda claimed: claimed.message_id)


def hand_back(claims: Sequence[Claim], *, at: dt.datetime) -> None:
    """Undo claims that were not begun, with their attempt, in the tenant's scope."""
    with connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        cursor.execute(_HAND_BACK, [at, [one.id for one in claims], [one.token for one in claims]])
