"""Signatures of callbacks, as Standard Webhooks has them: HMAC-SHA256 over `id.timestamp.body`, in base64.

The library of the standard verifies in the tests; here one call per secret is all that is needed, because the key is
decoded once and not for each message.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
MIN_BYTES: Final = 24
MAX_BYTES: Final = 64
HINT_CHARACTERS: Final = 8


class MalformedSecret(ValueError):
    """Not `whsec_` and the base64 of 24 to 64 bytes."""


def new_secret() -> str:
    """A secret of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key that a secret spells. Raises `MalformedSecret`."""
    if not secret.startswith(PREFIX):
        raise MalformedSecret("A secret begins with whsec_.")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedSecret("What follows whsec_ is not base64.") from None
    if not MIN_BYTES <= len(key) <= MAX_BYTES:
        raise MalformedSecret(f"A secret holds {MIN_BYTES} to {MAX_BYTES} bytes.")
    return key


def signature(keys: Sequence[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one `v1,…` for each key, separated by a space."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return " ".join(f"v1,{base64.b64encode(hmac.digest(key, signed, 'sha256')).decode()}" for key in keys)
