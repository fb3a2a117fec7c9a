"""Who is calling: service keys, staff tokens and sessions become a `Caller`."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from common.clock import SystemClock
from common.crypto import digest_secret
from common.errors import InvalidCredentials
from common.ids import encode_id
from common.prefixes import SERVICE_KEY, USER
from tenants.context import Actor, ActorType
from tenants.enums import Role, TenantStatus
from tenants.models import StaffToken, User
from tenants.scopes import ROLE_SCOPES, covers

CACHE_SECONDS = 30
_CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller in one tenant."""

    actor: Actor
    tenant_id: UUID
    scopes: frozenset[str]
    key_id: UUID | None = None
    application_id: UUID | None = None
    rate_limit_per_minute: int | None = None
    tenant_active: bool = True
    expires_at: dt.datetime | None = None
    is_authenticated: bool = True  # what DRF and Django ask of a user

    def may(self, scope: str) -> bool:
        """Whether the caller's scopes cover `scope` (`*` covers all)."""
        return covers(self.scopes, scope)


_cache: dict[bytes, tuple[float, Caller]] = {}
_cache_lock = threading.Lock()


def service_caller(secret: str, *, cached: bool = False) -> Caller:
    """The caller of a service key; unknown, revoked and expired keys all raise `InvalidCredentials`.

    `cached` may answer from this process for 30 seconds: only for callers that check the key again in their own
    statement (the hot path), so that a revoked key is refused at once everywhere.
    """
    digest = digest_secret(secret)
    if cached:
        known = _cache.get(digest)
        if known and known[0] > time.monotonic() and not _expired(known[1].expires_at):
            return known[1]
    caller = _load_service_caller(digest)
    if not caller.tenant_active:
        return caller
    with _cache_lock:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        _cache[digest] = (time.monotonic() + CACHE_SECONDS, caller)
    return caller


def forget_service_key(key_id: UUID) -> None:
    """Drop a key from this process's cache."""
    with _cache_lock:
        for digest in [digest for digest, (_, caller) in _cache.items() if caller.key_id == key_id]:
            del _cache[digest]


def _load_service_caller(digest: bytes) -> Caller:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM tenants_service_key(%s)", [digest])
        row = cursor.fetchone()
    if row is None:
        raise InvalidCredentials()
    key_id, tenant_id, application_id, scopes, rate_limit, expires_at, revoked_at, tenant_status = row
    if revoked_at is not None or _expired(expires_at):
        raise InvalidCredentials()
    return Caller(
        actor=Actor(ActorType.SERVICE, encode_id(SERVICE_KEY, key_id)),
        tenant_id=tenant_id,
        scopes=frozenset(scopes),
        key_id=key_id,
        application_id=application_id,
        rate_limit_per_minute=rate_limit,
        tenant_active=tenant_status == TenantStatus.ACTIVE,
        expires_at=expires_at,
    )


def token_user(secret: str) -> User:
    """The user of a staff token; unknown, revoked and expired tokens and inactive users raise `InvalidCredentials`."""
    token = StaffToken.objects.select_related("user").filter(digest=digest_secret(secret)).first()
    if token is None or token.revoked_at is not None or _expired(token.expires_at) or not token.user.is_active:
        raise InvalidCredentials()
    return token.user


def staff_caller(user_id: UUID, tenant_id: UUID) -> Caller | None:
    """The user as caller in a tenant, or None without an active membership."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT role, tenant_status FROM tenants_memberships(%s) WHERE tenant_id = %s", [user_id, tenant_id]
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return Caller(
        actor=Actor(ActorType.USER, encode_id(USER, user_id)),
        tenant_id=tenant_id,
        scopes=ROLE_SCOPES[Role(row[0])],
        tenant_active=row[1] == TenantStatus.ACTIVE,
    )


def _expired(expires_at: dt.datetime | None) -> bool:
    return expires_at is not None and expires_at <= SystemClock().now()
