"""Service keys: the secret is returned once and only its digest is stored."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from uuid import UUID

from common.crypto import digest_secret
from common.errors import NotFound
from tenants.errors import UnknownScopes
from tenants.identity import forget_service_key
from tenants.models import ServiceKey
from tenants.scopes import ALL, unknown_scopes

PREFIX = "sk_svc_"


def create_service_key(
    *, tenant_id: UUID, name: str, scopes: Sequence[str], at: dt.datetime, application_id: UUID | None = None,
    expires_at: dt.datetime | None = None, rate_limit_per_minute: int | None = None,
) -> tuple[ServiceKey, str]:  # fmt: skip
    """A new key and its secret, in the tenant's scope. Raises `UnknownScopes`."""
    unknown = unknown_scopes(scopes)
    if unknown or not scopes:
        raise UnknownScopes(
            f"Unknown scopes: {', '.join(unknown) or 'none given'}. Use area:read, area:write or {ALL}."
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    key = ServiceKey.objects.create(
        tenant_id=tenant_id, application_id=application_id, name=name, digest=digest_secret(secret),
        hint=secret[: len(PREFIX) + 4], scopes=sorted(set(scopes)), expires_at=expires_at,
        rate_limit_per_minute=rate_limit_per_minute, created_at=at, updated_at=at,
    )  # fmt: skip
    return key, secret


def revoke_service_key(*, tenant_id: UUID, key_id: UUID, at: dt.datetime) -> ServiceKey:
    """Refuse the key from now on; revoking again changes nothing."""
    key = ServiceKey.objects.select_for_update().filter(tenant_id=tenant_id, id=key_id).first()
    if key is None:
        raise NotFound()
    if key.revoked_at is None:
        key.revoked_at = key.updated_at = at
        key.save(update_fields=["revoked_at", "updated_at"])
    forget_service_key(key_id)
    return key
