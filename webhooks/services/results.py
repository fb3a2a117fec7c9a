"""Recording what came of attempts, many at a time: a statement for deliveries and log, another for subscribers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from common.ids import new_id
from webhooks.enums import DeliveryCommand, DeliveryStatus, DisabledReason
from webhooks.models.delivery import MAX_RESPONSE_CHARACTERS
from webhooks.schedule import DISABLED_AFTER, next_attempt, read_retry_after
from webhooks.services.claims import BY_INDEX, Claim
from webhooks.services.deliveries import ERASED
from webhooks.transitions import DELIVERY

GONE: Final = 410
ASKS_FOR_PATIENCE: Final = frozenset({429, 503})
NOTED_EVERY: Final = dt.timedelta(seconds=5)
"""The times of a subscriber's last success and failure are written no more often."""

SUCCEEDED: Final = DELIVERY.next_state(DeliveryStatus.DELIVERING, DeliveryCommand.SUCCEED)
FAILED: Final = DELIVERY.next_state(DeliveryStatus.DELIVERING, DeliveryCommand.FAIL)
DEAD: Final = DELIVERY.next_state(DeliveryStatus.DELIVERING, DeliveryCommand.GIVE_UP)
CANCELLED: Final = DELIVERY.next_state(DeliveryStatus.DELIVERING, DeliveryCommand.CANCEL)

# Locks in the order of ids, as whoever cancels; what is no longer ours changes nothing and is not logged.
_RECORD: Final = """
WITH given AS (
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::uuid[], %s::timestamptz[], %s::integer[],
        %s::smallint[], %s::text[], %s::text[]
    ) AS g (id, token, status, next_at, attempt_id, at, duration_ms, response_status, response_body, error)
), held AS MATERIALIZED (
    SELECT d.id FROM webhooks_delivery d JOIN given ON d.id = given.id AND d.lease_token = given.token
    ORDER BY d.id FOR NO KEY UPDATE OF d
), changed AS (
    UPDATE webhooks_delivery AS work SET
        status = given.status, next_attempt_at = given.next_at, lease_token = NULL, lease_until = NULL,
        last_error = given.error, failures = failures + (given.status IN ('failed', 'dead'))::integer,
        delivered_at = CASE WHEN given.status = 'succeeded' THEN given.at ELSE delivered_at END
    FROM held JOIN given ON given.id = held.id WHERE work.id = held.id
    RETURNING work.id, work.attempts
)
INSERT INTO webhooks_attempt (
    id, tenant_id, delivery_id, number, at, duration_ms, response_status, response_body, error
)
SELECT given.attempt_id, %s::uuid, changed.id, changed.attempts, given.at, given.duration_ms, given.response_status,
    given.response_body, given.error
FROM changed JOIN given ON given.id = changed.id
RETURNING delivery_id
"""
_SUBSCRIBERS: Final = """
UPDATE webhooks_subscriber AS s SET
    failing_since = CASE
        WHEN o.succeeded_at IS NULL THEN COALESCE(s.failing_since, o.failed_at)
        ELSE o.failed_since
    END,
    last_success_at = GREATEST(s.last_success_at, o.succeeded_at),
    last_failure_at = GREATEST(s.last_failure_at, o.last_failed_at),
    active = s.active AND o.verdict IS NULL,
    disabled_reason = CASE WHEN s.active THEN o.verdict ELSE s.disabled_reason END,
    selection_since = CASE WHEN s.active AND o.verdict IS NOT NULL THEN %(now)s ELSE s.selection_since END
FROM (
    SELECT given.*, CASE
        WHEN given.gone THEN %(gone)s
        WHEN given.succeeded_at IS NULL
            AND now.failing_since <= given.last_failed_at - make_interval(secs => %(patience)s)
            THEN %(failing)s
    END AS verdict
    FROM unnest(
        %(ids)s::uuid[], %(succeeded)s::timestamptz[], %(failed)s::timestamptz[], %(failed_since)s::timestamptz[],
        %(last_failed)s::timestamptz[], %(were_gone)s::boolean[]
    ) AS given (id, succeeded_at, failed_at, failed_since, last_failed_at, gone)
    JOIN webhooks_subscriber AS now ON now.id = given.id
) AS o
WHERE s.id = o.id AND s.deleted_at IS NULL AND (
    o.verdict IS NOT NULL
    OR (o.succeeded_at IS NOT NULL AND (
        s.failing_since IS NOT NULL
        OR COALESCE(s.last_success_at < o.succeeded_at - make_interval(secs => %(pause)s), true)))
    OR (o.last_failed_at IS NOT NULL AND (
        s.failing_since IS NULL
        OR COALESCE(s.last_failure_at < o.last_failed_at - make_interval(secs => %(pause)s), true)))
)
RETURNING s.id, s.disabled_reason
"""


@dataclass(frozen=True, slots=True)
class Result:
    """How one attempt ended and what follows from it. `error` is None exactly for a success."""

    claim: Claim
    status: str
    next_attempt_at: dt.datetime | None
    at: dt.datetime
    duration_ms: int
    response_status: int | None
    response_body: str | None
    error: str | None


def judge(
    claim: Claim, *, at: dt.datetime, duration_ms: int, status: int | None, body: bytes, retry_after: str | None,
    error: str | None, chance: float,
) -> Result:  # fmt: skip
    """What an answer means: 2xx succeeds, 410 ends it, anything else and no answer are tried again while there is time.

    `at` is when the attempt began, `chance` in [0, 1) picks the jitter.
    """
    text = body.decode(errors="replace").replace("\x00", "�")[:MAX_RESPONSE_CHARACTERS] if body else None
    ended = at + dt.timedelta(milliseconds=duration_ms)
    if error is None and status is not None and 200 <= status < 300:
        return Result(claim, SUCCEEDED, None, at, duration_ms, status, text, None)
    problem = error or _refusal(status)
    pause = read_retry_after(retry_after, at=ended) if retry_after and status in ASKS_FOR_PATIENCE else None
    following = next_attempt(failures=claim.failures + 1, at=ended, chance=chance, retry_after=pause)
    if following is None or (status == GONE and error is None):
        return Result(claim, DEAD, None, at, duration_ms, status, text, problem)
    return Result(claim, FAILED, following, at, duration_ms, status, text, problem)


def erased(claim: Claim, *, at: dt.datetime) -> Result:
    """A claim whose content was erased: nothing is sent."""
    return Result(claim, CANCELLED, None, at, 0, None, None, ERASED)


def record(results: Sequence[Result], *, tenant_id: UUID, now: dt.datetime) -> tuple[int, dict[UUID, str]]:
    """Write the results of one tenant, in its scope. How many were still ours, and which subscribers were disabled.

    A subscriber that answered 410, or that only failed since five days ago, is switched off.
    """
    with connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        cursor.execute(_SUBSCRIBERS, _summary(results, now))
        disabled = {row[0]: row[1] for row in cursor.fetchall() if row[1] is not None}
        cursor.execute(
            _RECORD,
            [
                [one.claim.id for one in results], [one.claim.token for one in results],
                [one.status for one in results], [one.next_attempt_at for one in results],
                [new_id() for _ in results], [one.at for one in results], [one.duration_ms for one in results],
                [one.response_status for one in results], [one.response_body for one in results],
                [one.error for one in results], tenant_id,
            ],
        )  # fmt: skip
        return len(cursor.fetchall()), disabled


def _summary(results: Sequence[Result], now: dt.datetime) -> dict[str, Any]:
    """What a batch says about each subscriber: its last success, and the failures after it."""
    by_subscriber: dict[UUID, list[Result]] = {}
    for result in sorted(results, key=lambda one: one.at):
        by_subscriber.setdefault(result.claim.subscriber_id, []).append(result)
    ids = sorted(by_subscriber)
    rows = []
    for subscriber_id in ids:
        own = by_subscriber[subscriber_id]
        success = max((one.at for one in own if one.status == SUCCEEDED), default=None)
        failures = [one.at for one in own if one.status in (FAILED, DEAD)]
        since = next((at for at in failures if success is not None and at > success), None)
        gone = any(one.response_status == GONE and one.status == DEAD for one in own)
        rows.append((success, failures[0] if failures else None, since, failures[-1] if failures else None, gone))
    return {
        "ids": ids,
        "succeeded": [row[0] for row in rows],
        "failed": [row[1] for row in rows],
        "failed_since": [row[2] for row in rows],
        "last_failed": [row[3] for row in rows],
        "were_gone": [row[4] for row in rows],
        "now": now,
        "gone": DisabledReason.GONE.value,
        "failing": DisabledReason.FAILING.value,
        "patience": DISABLED_AFTER.total_seconds(),
        "pause": NOTED_EVERY.total_seconds(),
    }


def _refusal(status: int | None) -> str:
    if status is None:
        return "There was no answer."
    if 300 <= status < 400:
        return f"The answer was {status}. Redirects are not followed."
    if status == GONE:
        return "The answer was 410: the subscriber is gone."
    return f"The answer was {status}."
