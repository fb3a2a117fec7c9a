"""How allauth behaves here: nobody signs up, attempts are logged, secrets are encrypted."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from common.api.origin import client_address
from common.clock import SystemClock
from common.ids import encode_id
from common.prefixes import USER
from tenants.selectors import find_user
from tenants.services.second_factors import open_secret, seal_secret

logger = logging.getLogger("ledger.signin")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an operator or an owner, never by a visitor."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """As everywhere: behind `TRUSTED_PROXIES` what the last of them says."""
        return client_address(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Log it: the account if there is one, never what was typed."""
        user = find_user(email=str(credentials.get("email") or ""))
        log(request, "sign_in_failed", user.pk if user else None, level=logging.WARNING)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        """Log it, then go on."""
        log(request, "signed_in", user.pk)
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def logout(self, request: HttpRequest) -> None:
        """Log it."""
        log(request, "signed_out", request.user.pk)
        super().logout(request)

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """The pages say what has happened; a row of green boxes beside them would not help."""

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not within the first minutes after the password was given anyway."""
        request = self.request
        if request is None:
            return True
        records = get_authentication_records(request, request.user)
        latest = max((record["at"] for record in records), default=0)
        return bool(SystemClock().now().timestamp() - latest > app_settings.REAUTHENTICATION_TIMEOUT)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets at rest are tokens of the keyring, which `rotate_encryption_key` moves like all others."""

    def encrypt(self, text: str) -> str:
        """The token to store."""
        return seal_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        """What it holds."""
        return open_secret(encrypted_text)

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        """Not where one is required; a lost one is reset by an operator (`manage.py reset_second_factor`)."""
        return not settings.REQUIRE_MFA


def log(request: HttpRequest, event: str, user_id: UUID | None, *, level: int = logging.INFO) -> None:
    """A line about somebody signing in, or trying to."""
    logger.log(
        level,
        event,
        extra={
            "user": encode_id(USER, user_id) if user_id else "unknown",
            "ip": client_address(request),
            "traceId": getattr(request, "trace_id", ""),
        },
    )
