"""The installation's egress policy, read once."""

from __future__ import annotations

from functools import lru_cache
from typing import NewType

from django.conf import settings

from common.egress import EgressPolicy, check_url

PermittedUrl = NewType("PermittedUrl", str)
"""A URL as its owner wrote it, allowed when it was registered; each send judges it again."""


def policy() -> EgressPolicy:
    """What LEDGER_EGRESS_ALLOW allows beyond the public internet."""
    return _policy(settings.LEDGER_EGRESS_ALLOW)


def judge_url(url: str) -> PermittedUrl:
    """Judge a URL at registration. Raises `UrlNotAllowed`; may wait 3 seconds for a name server: no transaction."""
    check_url(url, policy())
    return PermittedUrl(url)


@lru_cache(maxsize=8)
def _policy(text: str) -> EgressPolicy:
    return EgressPolicy.from_setting(text)
