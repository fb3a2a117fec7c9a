"""Idempotency keys of mutating requests: what makes two requests the same, and how an answer is kept."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection

from common.canonical import typed_json
from common.errors import IdempotencyConflict, IdempotencyInProgress, InvalidIdempotencyKey
from tenants.models import IdempotencyKey

PRIMARY_KEY = "tenants_idempotencykey_pkey"
_SHAPE = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Guard:
    """A request under a key: who, which key, and what exactly was asked."""

    tenant_id: UUID
    key: str
    fingerprint: bytes

    @property
    def id(self) -> UUID:
        """The row's primary key."""
        return key_id(self.tenant_id, self.key)


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The first answer, to be repeated byte for byte."""

    status: int
    body: bytes
    location: str | None


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """The answer that is stored under a key, and what was asked then."""

    key: str
    fingerprint: bytes
    answer: StoredAnswer

    def is_of(self, guard: Guard) -> bool:
        """Whether it answers this request."""
        return (self.key, self.fingerprint) == (guard.key, guard.fingerprint)


def key_id(tenant_id: UUID, key: str) -> UUID:
    """The primary key of a key's row: the first 128 bits of SHA-256 over tenant and key."""
    return UUID(bytes=hashlib.sha256(tenant_id.bytes + key.encode()).digest()[:16])


def read_key(header: str | None) -> str | None:
    """The key of a header, or None without one. 1 to 255 printable ASCII characters, else `InvalidIdempotencyKey`."""
    if header is None:
        return None
    if not _SHAPE.fullmatch(header):
        raise InvalidIdempotencyKey()
    return header


def fingerprint(method: str, path: str, query: Iterable[tuple[str, str]], body: Any) -> bytes:
    """What makes requests the same: method, path, query and JSON value, whatever the order of keys and parameters."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), repr(sorted(query)).encode(), _spelled(body)):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _spelled(body: Any) -> bytes:
    """A JSON value in one spelling."""
    try:
        return typed_json(body)
    except TypeError:
        # A float beside an integer beyond 64 bits, which no field takes: it has to be told apart until it is refused.
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def find_answer(guard: Guard, *, now: dt.datetime) -> StoredAnswer | None:
    """The stored answer of the key, or None when it is free. An expired key is free and is removed.

    Raises `IdempotencyConflict` when the key stands for another request. `now` is real time.
    """
    row = IdempotencyKey.objects.filter(tenant_id=guard.tenant_id, id=guard.id).first()
    if row is None:
        return None
    if row.expires_at <= now:
        row.delete()
        return None
    if bytes(row.fingerprint) != guard.fingerprint or row.key != guard.key:
        raise IdempotencyConflict()
    return StoredAnswer(status=row.status, body=row.body.encode(), location=row.location)


def find_answers(guards: Sequence[Guard], *, now: dt.datetime) -> dict[str, KnownAnswer]:
    """By key, the stored answers of many requests of one tenant, whatever was asked. Expired keys are free: removed."""
    if not guards:
        return {}
    rows = IdempotencyKey.objects.filter(tenant_id=guards[0].tenant_id, id__in={guard.id for guard in guards})
    found, expired = {}, []
    for row in rows:
        if row.expires_at <= now:
            expired.append(row.id)
        else:
            answer = StoredAnswer(status=row.status, body=row.body.encode(), location=row.location)
            found[row.key] = KnownAnswer(row.key, bytes(row.fingerprint), answer)
    if expired:
        rows.filter(id__in=expired).delete()
    return found


def lock_key(guard: Guard) -> None:
    """Hold the key for this transaction; `IdempotencyInProgress` when another holds it. A crash releases it."""
    number = int.from_bytes(guard.id.bytes[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    if not row or not row[0]:
        raise IdempotencyInProgress()


def store_answer(guard: Guard, answer: StoredAnswer, *, expires_at: dt.datetime) -> None:
    """Keep the answer, last of all in the effect's transaction. `IntegrityError` when the key was used meanwhile."""
    IdempotencyKey.objects.create(
        id=guard.id, tenant_id=guard.tenant_id, key=guard.key, fingerprint=guard.fingerprint,
        status=answer.status, body=answer.body.decode(), location=answer.location, expires_at=expires_at,
    )  # fmt: skip


def store_answers(answers: Mapping[Guard, StoredAnswer], *, expires_at: dt.datetime) -> None:
    """Keep many answers with one statement, in the order of their ids, so that two who store the same only wait."""
    IdempotencyKey.objects.bulk_create(
        IdempotencyKey(
            id=guard.id, tenant_id=guard.tenant_id, key=guard.key, fingerprint=guard.fingerprint,
            status=answer.status, body=answer.body.decode(), location=answer.location, expires_at=expires_at,
        )
        for guard, answer in sorted(answers.items(), key=lambda pair: pair[0].id)
    )  # fmt: skip


def purge_expired(*, tenant_id: UUID, now: dt.datetime, limit: int) -> int:
    """Delete up to `limit` keys that have expired at `now` (real time). How many were deleted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM tenants_idempotencykey WHERE id IN (SELECT id FROM tenants_idempotencykey "
            "WHERE tenant_id = %s AND expires_at <= %s LIMIT %s FOR UPDATE SKIP LOCKED)",
            [tenant_id, now, limit],
        )
        return int(cursor.rowcount)


def is_key_collision(error: BaseException) -> bool:
    """Whether an integrity error means that the key's row exists already."""
    cause = error.__cause__ if isinstance(error, IntegrityError) else error
    name = getattr(getattr(cause, "diag", None), "constraint_name", None)
    return bool(name == PRIMARY_KEY)
