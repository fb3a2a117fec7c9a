"""Second factors of staff: their secrets at rest, and taking a lost device away."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from uuid import UUID

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from common.crypto import Aad, DecryptionFailed
from tenants.keyring import keyring
from tenants.models import User

# A user belongs to no tenant, and allauth does not say whose secret it hands over: the place is the same for all.
_PLACE: Final = Aad(UUID(int=0), "mfa_authenticator", "data", UUID(int=0))
_SECRETS: Final = ("secret", "seed")


def seal_secret(text: str) -> str:
    """The token to store. Raises `tenants.keyring.EncryptionNotConfigured`."""
    return keyring().encrypt(text.encode(), aad=_PLACE)


def open_secret(token: str) -> str:
    """What a stored token holds. Raises `EncryptionNotConfigured`, `common.crypto.DecryptionFailed`."""
    return keyring().decrypt(token, aad=_PLACE).decode()


def rotate_second_factors(*, dry_run: bool = False) -> tuple[int, list[str]]:
    """Move all secrets to the current key: how many were moved, and whose cannot be read. Repeatable."""
    ring = keyring()
    rotated, unreadable = 0, list[str]()
    for key in Authenticator.objects.order_by("id").values_list("id", flat=True):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(id=key).first()
            if row is None:
                continue
            try:
                moved = {
                    name: ring.reencrypt(row.data[name], aad=_PLACE)
                    for name in _SECRETS
                    if name in row.data and ring.needs_rotation(row.data[name])
                }
            except DecryptionFailed:
                unreadable.append(str(row.user_id))
                continue
            if moved:
                rotated += 1
                if not dry_run:
                    row.data = {**row.data, **moved}
                    row.save(update_fields=["data"])
    return rotated, unreadable


def has_shown_second_factor(request: HttpRequest) -> bool:
    """Whether the session has. It is written in the session, so that asking costs no query."""
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, request.user))


def reset_second_factor(*, user: User) -> tuple[int, int]:
    """Take the device and the recovery codes away and end every session: how many of each. They sign in anew and,
    where a second factor is required, set a new device up first."""
    with transaction.atomic():
        removed, _ = Authenticator.objects.filter(user_id=user.pk).delete()
        ended = end_sessions(user_id=user.pk)
    return removed, ended


def end_sessions(*, user_id: UUID) -> int:
    """Sign the user out everywhere. How many sessions there were."""
    mine = [
        session.pk
        for session in Session.objects.iterator(chunk_size=500)
        if _owner(session) == str(user_id)
    ]  # fmt: skip
    Session.objects.filter(pk__in=mine).delete()
    return len(mine)


def end_expired_sessions(*, now: dt.datetime) -> int:
    """Delete sessions that have expired at `now` (real time). How many there were."""
    return Session.objects.filter(expire_date__lte=now).delete()[0]


def _owner(session: Any) -> str | None:
    owner: str | None = session.get_decoded().get("_auth_user_id")
    return owner
