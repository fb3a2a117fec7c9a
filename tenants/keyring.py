"""Secrets at rest: the process's keys, and the register of encrypted columns that `rotate_encryption_key` walks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings

from common.crypto import Aad, InvalidKey, Keyring
from common.errors import Unavailable


class EncryptionNotConfigured(Unavailable):
    """503: the operator has set no usable `ENCRYPTION_KEY`. Nothing is stored unencrypted instead."""

    message = "Secrets cannot be stored or read: ENCRYPTION_KEY is not set. Make one with `openssl rand -hex 32`."


def keyring() -> Keyring:
    """The keys of `ENCRYPTION_KEY` and `ENCRYPTION_KEYS_OLD`. Raises `EncryptionNotConfigured`."""
    if not settings.ENCRYPTION_KEY:
        raise EncryptionNotConfigured()
    try:
        return _keyring(settings.ENCRYPTION_KEY, tuple(key for key in settings.ENCRYPTION_KEYS_OLD if key))
    except InvalidKey as wrong:
        raise EncryptionNotConfigured(message=str(wrong)) from wrong


@lru_cache(maxsize=4)
def _keyring(current: str, old: tuple[str, ...]) -> Keyring:
    return Keyring.from_hex(current, old)


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    """A text column whose values are tokens of the keyring, bound to tenant, table, column and row."""

    table: str
    column: str

    def place(self, tenant_id: UUID, primary_key: UUID) -> Aad:
        """Where a value of this column stands."""
        return Aad(tenant_id=tenant_id, table=self.table, column=self.column, primary_key=primary_key)

    def encrypt(self, text: str, *, tenant_id: UUID, primary_key: UUID) -> str:
        """The token to store in the row `primary_key`. Raises `EncryptionNotConfigured`."""
        return keyring().encrypt(text.encode(), aad=self.place(tenant_id, primary_key))

    def decrypt(self, token: str, *, tenant_id: UUID, primary_key: UUID) -> str:
        """What a stored token holds. Raises `EncryptionNotConfigured`, `common.crypto.DecryptionFailed`."""
        return keyring().decrypt(token, aad=self.place(tenant_id, primary_key)).decode()


_columns: dict[tuple[str, str], EncryptedColumn] = {}


def register_encrypted_column(table: str, column: str) -> EncryptedColumn:
    """Name a column whose values are encrypted. Its table needs `id` and `tenant_id`. Registering again is harmless."""
    return _columns.setdefault((table, column), EncryptedColumn(table, column))


def encrypted_columns() -> list[EncryptedColumn]:
    """All registered columns, by table and column."""
    return [_columns[name] for name in sorted(_columns)]


SMTP_PASSWORD = register_encrypted_column("tenants_tenantsettings", "smtp_password_encrypted")
