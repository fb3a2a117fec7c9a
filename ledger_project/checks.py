"""System checks: a configuration that cannot work is named at start, not at the first request that needs it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from common.crypto import InvalidKey, Keyring
from common.egress import EgressPolicy, UrlNotAllowed, parse_url
from ledger_project.worker.lanes import read_lanes


@register()
def egress_allow_list(**_kwargs: Any) -> list[CheckMessage]:
    """`LEDGER_EGRESS_ALLOW` must be readable."""
    try:
        EgressPolicy.from_setting(settings.LEDGER_EGRESS_ALLOW)
    except ValueError as wrong:
        return [Error(str(wrong), id="ledger.E001")]
    return []


@register()
def vies(**_kwargs: Any) -> list[CheckMessage]:
    """`VIES_URL` must be a URL that may be called; a name server is not asked here."""
    found: list[CheckMessage] = []
    try:
        if settings.VIES_URL:
            parse_url(settings.VIES_URL)
    except UrlNotAllowed as wrong:
        found.append(Error(f"VIES_URL: {wrong.message}", id="ledger.E004"))
    if settings.VIES_RECHECK_DAYS < 0:
        found.append(Error("VIES_RECHECK_DAYS must not be negative; 0 checks nothing again.", id="ledger.E005"))
    return found


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


@register()
def jobs(**_kwargs: Any) -> list[CheckMessage]:
    """The settings of jobs must fit together."""
    found: list[CheckMessage] = []
    if not 0 < settings.JOB_HEARTBEAT_SECONDS < settings.JOB_LEASE_SECONDS:
        found.append(Error("JOB_HEARTBEAT_SECONDS must be above 0 and below JOB_LEASE_SECONDS.", id="ledger.E010"))
    if settings.WORKER_POLL_INTERVAL_MS < 100:
        found.append(Error("WORKER_POLL_INTERVAL_MS must be at least 100.", id="ledger.E011"))
    if not 0 <= settings.WORKER_PORT < 65536:
        found.append(Error("WORKER_PORT (by default PORT + 4462) must be below 65536.", id="ledger.E012"))
    try:
        read_lanes(settings.WORKER_LANES)
    except ValueError as wrong:
        found.append(Error(str(wrong), id="ledger.E013"))
    return found


@register(deploy=True)
def encryption_key_set(**_kwargs: Any) -> list[CheckMessage]:
    """In production the key must be configured."""
    if settings.ENCRYPTION_KEY:
        return []
    return [Error("ENCRYPTION_KEY is not set: 64 hexadecimal characters.", id="ledger.E003")]
