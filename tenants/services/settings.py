"""The settings of a tenant."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from common.errors import NotFound
from common.images import UnknownImage, read_image
from common.typesetting import can_show
from tenants.errors import InvalidLogo
from tenants.keyring import SMTP_PASSWORD
from tenants.models import Logo, TenantSettings

_SMTP_COLUMNS = {"host": "smtp_host", "port": "smtp_port", "user": "smtp_user", "from": "smtp_from"}
_DEFAULT_PORT = 587
MAX_LOGO_BYTES = 256 * 1024
MAX_LOGO_PIXELS = 2_000


def update_settings(*, tenant_id: UUID, changes: Mapping[str, Any], at: dt.datetime) -> TenantSettings:
    """Change the given settings, by their names in the database, and return all of them.

    `smtp` is a mapping of `host`, `port`, `user`, `password`, `from`: what it does not name stays, None clears, and
    None for the whole clears all of it. The password is stored encrypted. `logo` is the bytes of a picture, or None. A
    change to what is set already writes nothing, so that neither version nor audit trail move. Raises `NotFound`,
    `InvalidLogo`, `tenants.keyring.EncryptionNotConfigured`.
    """
    settings = TenantSettings.objects.select_for_update().filter(tenant_id=tenant_id).first()
    if settings is None:
        raise NotFound("This tenant does not exist.")
    values = {name: value for name, value in changes.items() if name not in ("smtp", "logo")}
    if "logo" in changes:
        logo = changes["logo"]
        values["logo_id"] = None if logo is None else keep_logo(tenant_id=tenant_id, content=logo, at=at).id
    if "smtp" in changes:
        values.update(_smtp_values(settings, changes["smtp"]))
    changed = [name for name, value in values.items() if getattr(settings, name) != value]
    if not changed:
        return settings
    for name in changed:
        setattr(settings, name, values[name])
    settings.updated_at = at
    settings.save(update_fields=[*changed, "updated_at"])
    settings.refresh_from_db(fields=["version"])
    return settings


def keep_logo(*, tenant_id: UUID, content: bytes, at: dt.datetime) -> Logo:
    """The picture as a logo of the tenant, stored once however often it is set. Raises `InvalidLogo`."""
    sha256 = hashlib.sha256(content).hexdigest()
    known = Logo.objects.filter(tenant_id=tenant_id, sha256=sha256).first()
    if known is not None:
        return known
    if len(content) > MAX_LOGO_BYTES:
        raise InvalidLogo()
    try:
        image = read_image(content)
    except UnknownImage as wrong:
        raise InvalidLogo() from wrong
    # The size is known before anything is decoded: a small file may claim to be a picture of gigabytes.
    if max(image.width, image.height) > MAX_LOGO_PIXELS or not can_show(content):
        raise InvalidLogo()
    return Logo.objects.create(
        tenant_id=tenant_id, sha256=sha256, media_type=image.media_type, width=image.width, height=image.height,
        content=content, created_at=at,
    )  # fmt: skip


def smtp_password(settings: TenantSettings) -> str | None:
    """The tenant's SMTP password, or None. Raises `EncryptionNotConfigured`, `common.crypto.DecryptionFailed`."""
    token = settings.smtp_password_encrypted
    if token is None:
        return None
    return SMTP_PASSWORD.decrypt(token, tenant_id=settings.tenant_id, primary_key=settings.id)


def _smtp_values(settings: TenantSettings, given: Mapping[str, Any] | None) -> dict[str, Any]:
    if given is None:
        given = dict.fromkeys((*_SMTP_COLUMNS, "password"))
    values = {column: given[name] for name, column in _SMTP_COLUMNS.items() if name in given}
    if values.get("smtp_port", 0) is None:
        values["smtp_port"] = _DEFAULT_PORT
    if "password" in given:
        password = given["password"]
        if password is None:
            values["smtp_password_encrypted"] = None
        elif password != smtp_password(settings):
            values["smtp_password_encrypted"] = SMTP_PASSWORD.encrypt(
                password, tenant_id=settings.tenant_id, primary_key=settings.id
            )
    return values
