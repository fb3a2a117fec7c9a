"""System checks: a configuration that cannot work is named at start, not at the first request that needs it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from common.crypto import InvalidKey, Keyring
from common.egress import EgressPolicy


@register()
def egress_allow_list(**_kwargs: Any) -> list[CheckMessage]:
    """`LEDGER_EGRESS_ALLOW` must be readable."""
    try:
        EgressPolicy.from_setting(settings.LEDGER_EGRESS_ALLOW)
    except ValueError as wrong:
        return [Error(str(wrong), id="ledger.E001")]
    return []


@register()
def encryption_key(**_kwargs: Any) -> list[CheckMessage]:
    """`ENCRYPTION_KEY`, where it is set, must be a key."""
    if not settings.ENCRYPTION_KEY:
        return []
    try:
        Keyring.from_hex(settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEYS_OLD)
    except InvalidKey as wrong:
        return [Error(str(wrong), id="ledger.E002")]
    return []


@register(deploy=True)
def encryption_key_set(**_kwargs: Any) -> list[CheckMessage]:
    """In production the key must be configured."""
    if settings.ENCRYPTION_KEY:
        return []
    return [Error("ENCRYPTION_KEY is not set: 64 hexadecimal characters.", id="ledger.E003")]
