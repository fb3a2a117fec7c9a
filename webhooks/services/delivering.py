"""The engine: claims what is due, has it sent by a thread of libcurl, and records what came of it, many at a time.

The database belongs to the thread that calls `run`; exchanges run on the thread of `webhooks.transport.Transfers`,
which also starts the next one of a subscriber as soon as one has ended. All that must survive stands in PostgreSQL:
killed at any moment, the engine leaves claims that run out, and what was under way is sent again by another. Any number
of engines may run at once.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import math
import queue
import random
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import DataError, Error, IntegrityError, connection

from common.clock import SystemClock
from common.crypto import DecryptionFailed
from common.egress import Resolver, Target, UrlNotAllowed, parse_url, resolve_with_system
from common.ids import encode_id
from common.prefixes import EVENT, WEBHOOK_DELIVERY, WEBHOOK_SUBSCRIBER
from tenants.context import system_context
from tenants.keyring import EncryptionNotConfigured
from tenants.scope import tenant_scope
from webhooks import metrics
from webhooks.egress import policy
from webhooks.keys import PREVIOUS_SECRET, SECRET, opened
from webhooks.lanes import Lanes
from webhooks.services import claims as claiming
from webhooks.services.claims import Claim, Recipient
from webhooks.services.results import Result, erased, judge, record
from webhooks.signing import signature
from webhooks.transport import AddressBook, Exchange, Outcome, Transfers
from webhooks.transport.exchange import DEADLINE_SECONDS

SUBSCRIBERS_PER_LOOK: Final = 500
LOOK_EVERY_SECONDS: Final = 0.05
TICK_SECONDS: Final = 0.25
RESULTS_PER_STATEMENT: Final = 1000
GATHER_SECONDS: Final = 0.02
WAITS_AT_MOST_SECONDS: Final = 10.0
"""A claimed delivery whose turn has not come by then is handed back."""
USER_AGENT: Final = "Ledger-Webhooks/1"

logger = logging.getLogger(__name__)
_clock = SystemClock()


@dataclass(frozen=True, slots=True)
class _Job:
    """A claimed delivery on its way."""

    claim: Claim
    exchange: Exchange
    claimed_at: float


@dataclass(frozen=True, slots=True)
class Done:
    """What a run did. `more`: it ended because its time was over, not its work."""

    attempts: int
    succeeded: int
    more: bool


class Engine:
    """One per process: it keeps connections, addresses and what it learned about subscribers from run to run."""

    def __init__(
        self, *, resolver: Resolver = resolve_with_system, deadline_seconds: float = DEADLINE_SECONDS,
        ca_file: str | None = None,
    ) -> None:  # fmt: skip
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._lanes: Lanes[_Job] = Lanes()
        self._lock = threading.Lock()  # of the lanes, which both threads use
        self._deadline = deadline_seconds
        self._transfers = Transfers(
            AddressBook(policy(), resolver=resolver), self._ended, deadline_seconds=deadline_seconds, ca_file=ca_file
        )
        self._unwritten: dict[UUID, list[Result]] = defaultdict(list)
        self._after = claiming.FIRST_SUBSCRIBER
        self._ticked = time.monotonic()
        self._attempts = self._succeeded = 0

    @property
    def alive(self) -> bool:
        """Whether it can send; otherwise another one is needed."""
        return self._transfers.alive

    def close(self) -> None:
        """End the thread; nothing may be under way."""
        self._transfers.stop()

    def run(self, *, seconds: float) -> Done:
        """Deliver for `seconds`, or until nothing is due or in hand, then end soon; twice the deadline later at most.

        Subscribers that failed last or are slow are served only while what they take may end within the time. The
        others are served until the end, and beyond it as long as a slow one is waited for: nobody waits for somebody
        else. Raises the database's error when it stays away until the claims have run out, and RuntimeError when the
        thread of the exchanges has ended; nothing is lost by either.
        """
        started = time.monotonic()
        end = started + seconds
        self._attempts = self._succeeded = 0
        looked_at, found, nothing_left = 0.0, True, False
        while True:
            if not self.alive:
                raise RuntimeError("The thread of the exchanges has ended.")
            now = time.monotonic()
            over = now >= end and (now >= end + self._deadline or not self._slow())
            idle = not self._busy()
            if not over and (found or idle or now - looked_at >= LOOK_EVERY_SECONDS):
                found, looked_at = self._look(left=end - now), now
                nothing_left = idle and not found and self._after == claiming.FIRST_SUBSCRIBER
            if nothing_left or (over and idle):
                self._write(until=end + claiming.lease_time().total_seconds())
                return Done(self._attempts, self._succeeded, more=over)
            self._collect(patience=0.0 if found and not over else LOOK_EVERY_SECONDS)
            self._hand_back(everything=over)
            self._write(until=end + claiming.lease_time().total_seconds())
            self._tick()

    def _slow(self) -> bool:
        with self._lock:
            return self._lanes.lingering()

    def _busy(self) -> bool:
        with self._lock:
            return bool(self._lanes.in_hand()) or not self._outcomes.empty() or bool(self._unwritten)

    def _look(self, *, left: float) -> bool:
        """Claim for the next subscribers in turn, with so many seconds left; whether looking again is worth it."""
        sure_only = left < self._deadline
        within = left if sure_only else math.inf
        try:
            due = claiming.find_due(now=_clock.now(), after=self._after, limit=SUBSCRIBERS_PER_LOOK)
        except Error as problem:
            self._database_away(problem)
            return False
        self._after = due[-1][1] if len(due) == SUBSCRIBERS_PER_LOOK else claiming.FIRST_SUBSCRIBER
        by_tenant: dict[UUID, dict[UUID, int]] = defaultdict(dict)
        unknown: set[UUID] = set()
        with self._lock:
            for tenant_id, subscriber_id in due:
                room = self._lanes.room_of(subscriber_id, sure_only=sure_only, within=within)
                # What begins before the end of the run ends before others have to wait for it.
                if left < 0 and not self._lanes.knows(subscriber_id):
                    unknown.add(subscriber_id)
                if room > 0:
                    by_tenant[tenant_id][subscriber_id] = room
        found = 0
        for tenant_id, rooms in by_tenant.items():
            try:
                found += self._claim(tenant_id, rooms, unless_failing=unknown)
            except Error as problem:
                self._database_away(problem)
                return False
        return found > 0

    def _claim(self, tenant_id: UUID, rooms: dict[UUID, int], *, unless_failing: set[UUID]) -> int:
        with tenant_scope(system_context(tenant_id, "webhooks:deliver")):
            recipients, claims = claiming.claim(
                tenant_id=tenant_id, rooms=rooms, now=_clock.now(), unless_failing=unless_failing
            )
        makers: dict[UUID, _Maker | str] = {}
        claimed_at, starting = time.monotonic(), []
        for claim in claims:
            recipient = recipients[claim.subscriber_id]
            if claim.body is None:
                self._unwritten[tenant_id].append(erased(claim, at=_clock.now()))
                continue
            maker = makers.get(recipient.id)
            if maker is None:
                maker = makers[recipient.id] = _maker_of(recipient, tenant_id)
            if isinstance(maker, str):
                self._refuse(claim, maker)
                continue
            job = _Job(claim, maker.exchange(claim, claim.body), claimed_at)
            with self._lock:
                lane = self._lanes.of(recipient.id, failing=recipient.failing_since is not None)
                lane.waiting.append(job)
        with self._lock:
            for subscriber_id in recipients:
                starting += self._lanes.of(
                    subscriber_id, failing=recipients[subscriber_id].failing_since is not None
                ).startable()
        if starting:
            self._transfers.start([job.exchange for job in starting])
        return len(claims)

    def _refuse(self, claim: Claim, problem: str) -> None:
        """A failed attempt without an exchange."""
        self._keep(
            judge(
                claim, at=_clock.now(), duration_ms=0, status=None, body=b"", retry_after=None, error=problem,
                chance=random.random(),  # noqa: S311 - jitter
            )
        )  # fmt: skip

    def _ended(self, outcome: Outcome) -> None:
        """Called by the transfers: note it, and begin the subscriber's next."""
        claim: Claim = outcome.exchange.tag
        succeeded = outcome.error is None and outcome.status is not None and 200 <= outcome.status < 300
        with self._lock:
            lane = self._lanes.of(claim.subscriber_id)
            lane.ended(
                answered=outcome.error is None, succeeded=succeeded, seconds=outcome.duration_ms / 1000
            )  # fmt: skip
            following = lane.startable()
        self._outcomes.put(outcome)
        if following:
            self._transfers.start([job.exchange for job in following])

    def _collect(self, *, patience: float) -> None:
        """Take in what has ended; with `patience`, wait for the first and then a moment for others."""
        taken = 0
        deadline = time.monotonic() + patience
        while taken < RESULTS_PER_STATEMENT:
            try:
                left = deadline - time.monotonic()
                outcome = self._outcomes.get(timeout=left) if left > 0 else self._outcomes.get_nowait()
            except queue.Empty:
                return
            if not taken:
                deadline = min(deadline, time.monotonic() + GATHER_SECONDS)
            taken += 1
            self._keep(
                judge(
                    outcome.exchange.tag, at=outcome.at, duration_ms=outcome.duration_ms, status=outcome.status,
                    body=outcome.body, retry_after=outcome.retry_after, error=outcome.error,
                    chance=random.random(),  # noqa: S311 - jitter
                )
            )  # fmt: skip

    def _keep(self, result: Result) -> None:
        self._unwritten[result.claim.tenant_id].append(result)
        self._attempts += 1
        self._succeeded += result.error is None
        metrics.ATTEMPTS.labels(result.status).inc()
        metrics.DURATION.observe(result.duration_ms / 1000)

    def _write(self, *, until: float) -> None:
        """Record what has been collected. While the database is away it is kept, until all claims have run out."""
        for tenant_id in list(self._unwritten):
            while results := self._unwritten[tenant_id][:RESULTS_PER_STATEMENT]:
                try:
                    self._record(tenant_id, results)
                except Error as problem:
                    if time.monotonic() > until:
                        raise
                    self._database_away(problem)
                    return
                del self._unwritten[tenant_id][: len(results)]
            del self._unwritten[tenant_id]

    def _record(self, tenant_id: UUID, results: Sequence[Result]) -> None:
        """Write them; one that the database refuses is left to its lease, and keeps no other from being written."""
        try:
            with tenant_scope(system_context(tenant_id, "webhooks:deliver")):
                _, disabled = record(results, tenant_id=tenant_id, now=_clock.now())
        except (DataError, IntegrityError):
            if len(results) > 1:
                half = len(results) // 2
                self._record(tenant_id, results[:half])
                self._record(tenant_id, results[half:])
                return
            logger.exception(
                "The end of an attempt could not be recorded",
                extra={"delivery": encode_id(WEBHOOK_DELIVERY, results[0].claim.id)},
            )
            return
        for subscriber_id, reason in disabled.items():
            metrics.DISABLED.labels(reason).inc()
            logger.warning(
                "A subscriber was switched off",
                extra={"subscriber": encode_id(WEBHOOK_SUBSCRIBER, subscriber_id), "reason": reason},
            )

    def _hand_back(self, *, everything: bool) -> None:
        """Give up claims whose turn has not come: their lease must not run out while they wait."""
        late = time.monotonic() - WAITS_AT_MOST_SECONDS
        with self._lock:
            jobs = [job for job in self._lanes.waiting() if everything or job.claimed_at < late]
            for job in jobs:
                self._lanes.of(job.claim.subscriber_id).waiting.remove(job)
        by_tenant: dict[UUID, list[Claim]] = defaultdict(list)
        for job in jobs:
            by_tenant[job.claim.tenant_id].append(job.claim)
        for tenant_id, claims in by_tenant.items():
            try:
                with tenant_scope(system_context(tenant_id, "webhooks:deliver")):
                    claiming.hand_back(claims, at=_clock.now())
            except Error as problem:
                self._database_away(problem)  # their leases run out

    def _database_away(self, problem: Error) -> None:
        logger.warning("The database does not answer; deliveries wait", extra={"problem": str(problem).strip()})
        connection.close()
        time.sleep(0.2)

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._ticked >= TICK_SECONDS:
            with self._lock:
                self._lanes.tick(now - self._ticked)
            self._ticked = now


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the exchanges of one subscriber."""

    target: Target
    secret: str
    keys: Sequence[bytes]
    legacy: bool

    def exchange(self, claim: Claim, body: bytes) -> Exchange:
        """The callback of a claim; it is signed when it begins."""
        return Exchange(claim, self.target, functools.partial(self._headers, claim, body), body)

    def _headers(self, claim: Claim, body: bytes, at: dt.datetime) -> list[str]:
        message_id, timestamp = encode_id(EVENT, claim.message_id), int(at.timestamp())
        signed = signature(self.keys, message_id=message_id, timestamp=timestamp, body=body)
        headers = [
            "Content-Type: application/json",
            f"User-Agent: {USER_AGENT}",
            f"webhook-id: {message_id}",
            f"webhook-timestamp: {timestamp}",
            f"webhook-signature: {signed}",
            f"X-Webhook-Event: {claim.event_type}",
        ]
        if self.legacy:
            headers.append(f"X-Webhook-Secret: {self.secret}")
        return headers


def _maker_of(recipient: Recipient, tenant_id: UUID) -> _Maker | str:
    """What makes the subscriber's exchanges, or why none can be made."""
    try:
        target = parse_url(recipient.url)
        secret, key = opened(SECRET, recipient.secret_encrypted, tenant_id, recipient.id)
        keys = [key]
        until = recipient.previous_secret_until
        if recipient.previous_secret_encrypted is not None and until is not None and until > _clock.now():
            keys.append(opened(PREVIOUS_SECRET, recipient.previous_secret_encrypted, tenant_id, recipient.id)[1])
    except UrlNotAllowed as refused:
        return f"The URL may not be called: {refused.message}"
    except (DecryptionFailed, EncryptionNotConfigured):
        return "The secret of the subscriber cannot be read with the keys of this installation."
    return _Maker(target, secret, keys, recipient.legacy_secret_header)
