"""The secrets of subscribers at rest: encrypted, bound to their row, and moved by `rotate_encryption_key`."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from uuid import UUID

from tenants.keyring import EncryptedColumn, register_encrypted_column
from webhooks.signing import key_of

SECRET: Final = register_encrypted_column("webhooks_subscriber", "secret_encrypted")
PREVIOUS_SECRET: Final = register_encrypted_column("webhooks_subscriber", "previous_secret_encrypted")


@lru_cache(maxsize=4096)
def opened(column: EncryptedColumn, token: str, tenant_id: UUID, subscriber_id: UUID) -> tuple[str, bytes]:
    """The secret of a stored token and its key. Raises `EncryptionNotConfigured`, `common.crypto.DecryptionFailed`."""
    secret = column.decrypt(token, tenant_id=tenant_id, primary_key=subscriber_id)
    return secret, key_of(secret)
