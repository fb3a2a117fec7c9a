"""Users, their memberships and their tokens."""

from __future__ import annotations

import datetime as dt
import secrets
from uuid import UUID

from django.db import IntegrityError, transaction

from common.crypto import digest_secret
from common.errors import NotFound
from tenants.enums import Role
from tenants.errors import AlreadyMember, LastOwner, OwnersOnly, UserExists, UserInactive
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


def change_role(*, tenant_id: UUID, membership_id: UUID, role: Role, by: Role | None, at: dt.datetime) -> Membership:
    """Another role for a member. `by` is the role of who asks, None for an operator.

    Raises `NotFound`, `OwnersOnly`, and `LastOwner` when no active owner would be left.
    """
    membership = _locked_membership(tenant_id, membership_id)
    _refuse_touching_owners(membership.role, role, by=by)
    if membership.role == role:
        return membership
    if membership.role == Role.OWNER and membership.active:
        _keep_an_owner(tenant_id, membership_id)
    membership.role, membership.updated_at = role, at
    membership.save(update_fields=["role", "updated_at"])
    return membership


def set_membership_active(
    *, tenant_id: UUID, membership_id: UUID, active: bool, by: Role | None, at: dt.datetime
) -> Membership:
    """Let a member in, or keep them out from the next request on. Raises as `change_role`."""
    membership = _locked_membership(tenant_id, membership_id)
    _refuse_touching_owners(membership.role, by=by)
    if membership.active == active:
        return membership
    if membership.role == Role.OWNER and not active:
        _keep_an_owner(tenant_id, membership_id)
    membership.active, membership.updated_at = active, at
    membership.save(update_fields=["active", "updated_at"])
    return membership


def invite_member(
    *, tenant_id: UUID, email: str, name: str, role: Role, by: Role | None, at: dt.datetime
) -> tuple[Membership, str | None]:
    """A membership for an e-mail address, in the tenant's scope; a user that is missing is made with a password.

    The password is returned once and only then. A membership that has ended begins again. Raises `OwnersOnly`,
    `AlreadyMember`, `UserInactive`.
    """
    _refuse_touching_owners(role, by=by)
    user, password = User.objects.filter(email=email.strip().lower()).first(), None
    if user is None:
        password = secrets.token_urlsafe(12)
        user = create_user(email=email, name=name, password=password, at=at)
    if not user.is_active:
        raise UserInactive()
    known = Membership.objects.select_for_update().filter(tenant_id=tenant_id, user_id=user.pk).first()
    if known is not None and known.active:
        raise AlreadyMember()
    if known is not None:
        _refuse_touching_owners(known.role, by=by)
    return add_membership(tenant_id=tenant_id, user_id=user.pk, role=role, at=at), password


def revoke_staff_token(*, user_id: UUID, token_id: UUID, at: dt.datetime) -> StaffToken:
    """Refuse one of the user's tokens from now on; again changes nothing. Raises `NotFound`."""
    token = StaffToken.objects.select_for_update().filter(user_id=user_id, id=token_id).first()
    if token is None:
        raise NotFound()
    if token.revoked_at is None:
        token.revoked_at = token.updated_at = at
        token.save(update_fields=["revoked_at", "updated_at"])
    return token


def _locked_membership(tenant_id: UUID, membership_id: UUID) -> Membership:
    membership = Membership.objects.select_for_update().filter(tenant_id=tenant_id, id=membership_id).first()
    if membership is None:
        raise NotFound()
    return membership


def _refuse_touching_owners(*roles: str, by: Role | None) -> None:
    if Role.OWNER in roles and by not in (None, Role.OWNER):
        raise OwnersOnly()


def _keep_an_owner(tenant_id: UUID, leaving: UUID) -> None:
    # All owners are locked, in one order: two who leave at once must not both see the other stay.
    owners = Membership.objects.select_for_update().filter(tenant_id=tenant_id, role=Role.OWNER, active=True)
    if all(owner.pk == leaving for owner in owners.order_by("id")):
        raise LastOwner()


def create_staff_token(
    *, user: User, name: str, at: dt.datetime, expires_at: dt.datetime | None = None
) -> tuple[StaffToken, str]:
    """A bearer token and its secret, which is shown once."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = StaffToken.objects.create(
        user=user, name=name, digest=digest_secret(secret), expires_at=expires_at, created_at=at, updated_at=at
    )
    return token, secret
