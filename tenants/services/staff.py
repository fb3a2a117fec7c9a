"""Users, their memberships and their tokens."""

from __future__ import annotations

import datetime as dt
import secrets
from uuid import UUID

from django.db import IntegrityError, transaction

from common.crypto import digest_secret
from tenants.enums import Role
from tenants.errors import UserExists
from tenants.models import Membership, StaffToken, User

TOKEN_PREFIX = "st_"  # noqa: S105 - not a secret, but what a secret begins with


def create_user(*, email: str, name: str = "", password: str | None = None, at: dt.datetime) -> User:
    """A user known to all tenants, without any membership. Without password they can only use tokens."""
    user = User(email=email.strip().lower(), name=name, created_at=at, updated_at=at)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as taken:
        raise UserExists() from taken
    return user


def add_membership(*, tenant_id: UUID, user_id: UUID, role: Role, at: dt.datetime) -> Membership:
    """Give a user a role in the tenant of the current scope; an existing membership takes it and is active again."""
    membership, _ = Membership.objects.update_or_create(
        tenant_id=tenant_id,
        user_id=user_id,
        defaults={"role": role, "active": True, "updated_at": at},
        create_defaults={"role": role, "active": True, "created_at": at, "updated_at": at},
    )
    return membership


def create_staff_token(
    *, user: User, name: str, at: dt.datetime, expires_at: dt.datetime | None = None
) -> tuple[StaffToken, str]:
    """A bearer token and its secret, which is shown once."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = StaffToken.objects.create(
        user=user, name=name, digest=digest_secret(secret), expires_at=expires_at, created_at=at, updated_at=at
    )
    return token, secret
