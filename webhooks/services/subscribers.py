"""Subscribers: made, changed, switched on and off, given a new secret, deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from common.errors import InvalidRequest, Problem
from common.ids import new_id
from common.metadata import merged_metadata
from events.public import public_events_matching
from webhooks import wakeup
from webhooks.egress import PermittedUrl
from webhooks.enums import DisabledReason
from webhooks.keys import PREVIOUS_SECRET, SECRET
from webhooks.models import Subscriber
from webhooks.selectors import lock_subscriber
from webhooks.services.deliveries import cancel_open_deliveries
from webhooks.signing import HINT_CHARACTERS, MalformedSecret, key_of, new_secret

MAX_PATTERNS: Final = 100
CHANGEABLE: Final = frozenset({"name", "events", "active", "legacy_secret_header", "metadata"})


def create_subscriber(
    *, tenant_id: UUID, at: dt.datetime, now: dt.datetime, name: str, url: PermittedUrl, events: Sequence[str] = ("*",),
    secret: str | None = None, active: bool = True, legacy_secret_header: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> tuple[Subscriber, str]:  # fmt: skip
    """A new subscriber and its secret, which is not shown again.

    `url` is what `webhooks.egress.judge_url` allowed. `at` is business time, `now` real time. Raises
    `InvalidRequest` for a pattern that no public event matches (`events[i]`) and a malformed secret (`secret`).
    """
    chosen = _checked_secret(secret) if secret is not None else new_secret()
    subscriber_id = new_id()
    subscriber = Subscriber(
        id=subscriber_id, tenant_id=tenant_id, name=name, url=url, events=checked_patterns(events),
        active=active, disabled_reason=None if active else DisabledReason.MANUAL,
        legacy_secret_header=legacy_secret_header,
        secret_encrypted=SECRET.encrypt(chosen, tenant_id=tenant_id, primary_key=subscriber_id),
        secret_hint=chosen[:HINT_CHARACTERS], metadata=dict(metadata or {}), selection_since=now, created_at=at,
        updated_at=at,
    )  # fmt: skip
    subscriber.save(force_insert=True)
    return subscriber, chosen


def update_subscriber(
    *, tenant_id: UUID, subscriber_id: UUID, at: dt.datetime, now: dt.datetime, changes: Mapping[str, Any],
    url: PermittedUrl | None = None,
) -> Subscriber:  # fmt: skip
    """The subscriber with `changes` (by column) and a new URL applied; `metadata` is merged.

    Deliveries that are open keep going, to the new URL. Raises `NotFound`, and `InvalidRequest` as `create_subscriber`.
    """
    unknown = set(changes) - CHANGEABLE
    if unknown:
        raise ValueError(f"These are no changes of a subscriber: {sorted(unknown)}.")
    subscriber = lock_subscriber(tenant_id=tenant_id, subscriber_id=subscriber_id)
    before = {name: getattr(subscriber, name) for name in (*CHANGEABLE, "url", "disabled_reason", "failing_since")}
    wanted = dict(changes)
    if "events" in wanted:
        wanted["events"] = checked_patterns(wanted["events"])
    if "metadata" in wanted:
        wanted["metadata"] = merged_metadata(subscriber.metadata, wanted["metadata"])
    active = wanted.pop("active", subscriber.active)
    for name, value in wanted.items():
        setattr(subscriber, name, value)
    if url is not None and url != subscriber.url:
        subscriber.url, subscriber.failing_since = url, None
    if active != subscriber.active:
        _switch(subscriber, active=active)
    differing = [name for name, value in before.items() if getattr(subscriber, name) != value]
    if {"active", "events"} & set(differing):
        subscriber.selection_since = now
        differing.append("selection_since")
    if differing:
        subscriber.updated_at = at
        subscriber.save(update_fields=[*differing, "updated_at"])
        wakeup.after_commit()
    return subscriber


def toggle_subscriber(*, tenant_id: UUID, subscriber_id: UUID, at: dt.datetime, now: dt.datetime) -> Subscriber:
    """The subscriber, switched on when it was off and off when it was on. Raises `NotFound`.

    Switched off, its open deliveries wait and no event reaches it; switched on, they go on where they were. What
    happened meanwhile is not made up for (`webhooks.services.deliveries.replay`).
    """
    subscriber = lock_subscriber(tenant_id=tenant_id, subscriber_id=subscriber_id)
    _switch(subscriber, active=not subscriber.active)
    subscriber.selection_since, subscriber.updated_at = now, at
    subscriber.save(update_fields=["active", "disabled_reason", "failing_since", "selection_since", "updated_at"])
    wakeup.after_commit()
    return subscriber


def rotate_secret(
    *, tenant_id: UUID, subscriber_id: UUID, at: dt.datetime, now: dt.datetime, overlap: dt.timedelta
) -> tuple[Subscriber, str]:
    """A new secret. For `overlap` of real time callbacks are signed with the former one too; 0 ends it at once.

    A second rotation during an overlap ends that of the oldest secret: two are in use at most. Raises `NotFound`.
    """
    subscriber = lock_subscriber(tenant_id=tenant_id, subscriber_id=subscriber_id)
    assert subscriber.secret_encrypted is not None
    chosen = new_secret()
    place: Mapping[str, UUID] = {"tenant_id": tenant_id, "primary_key": subscriber.id}
    subscriber.previous_secret_encrypted = subscriber.previous_secret_until = None
    if overlap > dt.timedelta(0):
        former = SECRET.decrypt(subscriber.secret_encrypted, **place)
        subscriber.previous_secret_encrypted = PREVIOUS_SECRET.encrypt(former, **place)
        subscriber.previous_secret_until = now + overlap
    subscriber.secret_encrypted = SECRET.encrypt(chosen, **place)
    subscriber.secret_hint, subscriber.updated_at = chosen[:HINT_CHARACTERS], at
    subscriber.save(
        update_fields=[
            "secret_encrypted", "secret_hint", "previous_secret_encrypted", "previous_secret_until", "updated_at",
        ]
    )  # fmt: skip
    return subscriber, chosen


def delete_subscriber(*, tenant_id: UUID, subscriber_id: UUID, at: dt.datetime, now: dt.datetime) -> None:
    """Nothing is sent any more: open deliveries are cancelled, the secrets are gone. Raises `NotFound`.

    The row stays for its deliveries, which can still be read. An attempt under way may still arrive.
    """
    subscriber = lock_subscriber(tenant_id=tenant_id, subscriber_id=subscriber_id)
    cancel_open_deliveries(tenant_id=tenant_id, subscriber_id=subscriber_id, reason="The subscriber was deleted.")
    if subscriber.active:
        subscriber.selection_since = now
        _switch(subscriber, active=False)
    subscriber.secret_encrypted = subscriber.previous_secret_encrypted = subscriber.previous_secret_until = None
    subscriber.deleted_at = subscriber.updated_at = at
    subscriber.save(
        update_fields=[
            "active", "disabled_reason", "failing_since", "selection_since", "secret_encrypted",
            "previous_secret_encrypted", "previous_secret_until", "deleted_at", "updated_at",
        ]
    )  # fmt: skip


def checked_patterns(patterns: Sequence[str]) -> list[str]:
    """The patterns without repetitions. Raises `InvalidRequest` naming each that matches no public event."""
    problems = [
        Problem(f"events[{index}]", "invalid_choice", f"{pattern!r} is not *, a public event or a group of them.")
        for index, pattern in enumerate(patterns)
        if not public_events_matching([pattern])
    ]
    if problems:
        raise InvalidRequest(problems)
    return list(dict.fromkeys(patterns))


def _switch(subscriber: Subscriber, *, active: bool) -> None:
    subscriber.active = active
    subscriber.disabled_reason = None if active else DisabledReason.MANUAL
    # The five days begin anew.
    subscriber.failing_since = None


def _checked_secret(secret: str) -> str:
    try:
        key_of(secret)
    except MalformedSecret as wrong:
        raise InvalidRequest([Problem("secret", "invalid", str(wrong))]) from wrong
    return secret
