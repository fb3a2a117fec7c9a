"""Secrets at rest: AES-256-GCM under a ring of keys, bound to the row and column where the value stands.

A token is `v1:<key id>:<nonce and ciphertext in base64url>`. The key id says which key of the ring opens it, so a key
can be exchanged while values under the former key are still read. The additional data (`Aad`) is not stored: a token
that is copied to another row, column or tenant does not open there.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION: Final = "v1"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_IN_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")


class InvalidKey(ValueError):
    """A key of the ring cannot be used. The message never contains the key."""


class DecryptionFailed(Exception):
    """The token does not open: it was changed, it is not ours, it stands elsewhere, or its key is not in the ring."""


@dataclass(frozen=True, slots=True)
class Aad:
    """Where an encrypted value stands. A token only opens with the same four parts it was made with."""

    tenant_id: UUID
    table: str
    column: str
    primary_key: UUID

    def encode(self) -> bytes:
        """The four parts, each after its length in four bytes, so that no two places have the same encoding."""
        parts = (self.tenant_id.bytes, self.table.encode(), self.column.encode(), self.primary_key.bytes)
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Keyring:
    """The key that encrypts, and those that still decrypt. Keys are 32 bytes.

    Raises InvalidKey for a key of another length, a key of zeros, and two different keys with the same id.
    """

    def __init__(self, current: bytes, old: Sequence[bytes] = ()) -> None:
        self._current_id = _checked_key_id(current)
        self._ciphers = {self._current_id: AESGCM(current)}
        known = {self._current_id: current}
        for key in old:
            key_id = _checked_key_id(key)
            if known.setdefault(key_id, key) != key:
                raise InvalidKey(f"Two different keys have the id {key_id}: replace the newer one in ENCRYPTION_KEY.")
            self._ciphers[key_id] = AESGCM(key)

    @classmethod
    def from_hex(cls, current: str, old: Sequence[str] = ()) -> Self:
        """A ring of keys written as 64 hexadecimal characters each. Raises InvalidKey, naming ENCRYPTION_KEY."""
        return cls(_key_from_hex(current), [_key_from_hex(key) for key in old])

    def __repr__(self) -> str:
        return f"<Keyring current={self._current_id} keys={len(self._ciphers)}>"

    @property
    def current_key_id(self) -> str:
        """The id of the key that encrypts: the first eight hexadecimal characters of its SHA-256."""
        return self._current_id

    def encrypt(self, plaintext: bytes, *, aad: Aad) -> str:
        """A token for `plaintext` under the current key, which opens only at the place `aad`."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._current_id].encrypt(nonce, plaintext, aad.encode())
        return f"{_VERSION}:{self._current_id}:{_to_base64(nonce + ciphertext)}"

    def decrypt(self, token: str, *, aad: Aad) -> bytes:
        """What the token holds. Raises DecryptionFailed, without saying anything about the content."""
        key_id, sealed = _parse(token)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise DecryptionFailed(f"The value was encrypted with the key {key_id}, which is not in the key ring.")
        try:
            return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], aad.encode())
        except InvalidTag:
            raise DecryptionFailed("The value was changed, or does not belong to this place.") from None

    def needs_rotation(self, token: str) -> bool:
        """Whether the token is under another key than the current one. Raises DecryptionFailed if it is no token."""
        return _parse(token)[0] != self._current_id

    def reencrypt(self, token: str, *, aad: Aad) -> str:
        """A new token under the current key for what `token` holds. Raises DecryptionFailed."""
        return self.encrypt(self.decrypt(token, aad=aad), aad=aad)


def digest_secret(text: str) -> bytes:
    """The SHA-256 (32 bytes) under which a secret of high entropy, such as a service key, is stored and looked up.

    Not for passwords: what a person can remember, a machine can guess.
    """
    return hashlib.sha256(_to_bytes(text)).digest()


def constant_time_equal(left: str | bytes, right: str | bytes) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(_to_bytes(left), _to_bytes(right))


def _to_bytes(value: str | bytes) -> bytes:
    # A caller's text may hold half of a surrogate pair; it must compare as unequal, not raise.
    return value if isinstance(value, bytes) else value.encode(errors="surrogatepass")


def _checked_key_id(key: bytes) -> str:
    if not isinstance(key, bytes) or len(key) != _KEY_BYTES:
        raise InvalidKey(f"ENCRYPTION_KEY: each key must be {_KEY_BYTES} bytes.")
    if not any(key):
        raise InvalidKey("ENCRYPTION_KEY: a key of zeros protects nothing. Make one with `openssl rand -hex 32`.")
    return hashlib.sha256(key).hexdigest()[:8]


def _key_from_hex(text: str) -> bytes:
    if not isinstance(text, str) or _KEY_IN_HEX.fullmatch(text) is None:
        raise InvalidKey(
            "ENCRYPTION_KEY: each key must be 64 hexadecimal characters. Make one with `openssl rand -hex 32`."
        )
    return bytes.fromhex(text)


def _to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _parse(token: str) -> tuple[str, bytes]:
    """The key id, and the nonce with the ciphertext. Raises DecryptionFailed for what is not a token."""
    parts = token.split(":")
    if len(parts) != 3 or parts[0] != _VERSION:
        raise DecryptionFailed("The value is not an encrypted token of a known version.")
    try:
        sealed = base64.urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4))
    except (binascii.Error, ValueError):
        raise DecryptionFailed("The value is not an encrypted token.") from None
    # Python skips characters that are not base64 and ignores the spare bits of the last one; we accept one spelling.
    if _to_base64(sealed) != parts[2] or len(sealed) < _NONCE_BYTES + _TAG_BYTES:
        raise DecryptionFailed("The value is not an encrypted token.")
    return parts[1], sealed
