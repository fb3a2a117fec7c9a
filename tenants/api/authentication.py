"""Identity of a request: a service key, a staff token or a session. Checked in the contract's order 401, 400, 403."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import CsrfViewMiddleware
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from common.errors import AuthenticationRequired, Forbidden, InvalidCredentials, TenantMismatch, TenantRequired
from common.ids import InvalidId, decode_id, encode_id
from common.prefixes import TENANT
from tenants.identity import Caller, service_caller, staff_caller, token_user
from tenants.scope import ensure_alive
from tenants.services.second_factors import has_shown_second_factor

_MAX_SECRET = 256


class LedgerAuthentication(BaseAuthentication):
    """`Authorization: ServiceKey …` (or `X-API-Key`), `Authorization: Bearer …`, or the admin's session."""

    cached = False

    def authenticate(self, request: Request) -> tuple[Caller, None]:
        """The caller; raises the contract's 401, 400 or 403."""
        scheme, secret = _credentials(request)
        # The first query of a request: an idle connection may have been closed by a restart of the server.
        ensure_alive()
        if scheme == "servicekey":
            caller = service_caller(secret, cached=self.cached)
            named = request.META.get("HTTP_X_TENANT_ID")
            if named is not None and named.strip() != encode_id(TENANT, caller.tenant_id):
                raise TenantMismatch()
        elif scheme == "bearer":
            caller = _staff(request, token_user(secret).pk)
        else:
            caller = _session_caller(request)
        if not caller.tenant_active:
            raise Forbidden("This tenant is suspended.")
        return caller, None

    def authenticate_header(self, request: Request) -> str:
        """`WWW-Authenticate` of every 401."""
        return "ServiceKey"


def caller_of(request: Request) -> Caller:
    """The authenticated caller of a request: what `LedgerAuthentication` has put in the place of the user."""
    caller: Any = request.user
    if not isinstance(caller, Caller):
        raise AuthenticationRequired()
    return caller


class CachedKeyAuthentication(LedgerAuthentication):
    """For hot routes, whose statement checks the key again."""

    cached = True


def _credentials(request: Request) -> tuple[str, str]:
    header = request.META.get("HTTP_AUTHORIZATION", "").strip()
    alias = request.META.get("HTTP_X_API_KEY", "").strip()
    if header:
        scheme, _, secret = header.partition(" ")
        if scheme.lower() not in ("servicekey", "bearer") or not secret.strip() or len(secret) > _MAX_SECRET:
            raise InvalidCredentials()
        return scheme.lower(), secret.strip()
    if alias:
        if len(alias) > _MAX_SECRET:
            raise InvalidCredentials()
        return "servicekey", alias
    return "", ""


def _session_caller(request: Request) -> Caller:
    plain: HttpRequest = request._request
    user = getattr(plain, "user", None)
    if user is None or not user.is_authenticated or not user.is_active:
        raise AuthenticationRequired()
    if settings.REQUIRE_MFA and not has_shown_second_factor(plain):
        raise Forbidden("This session has not shown a second factor. Open /admin/ and show it first.")
    refused: Any = _CsrfCheck(lambda _: None).process_view(plain, None, (), {})  # type: ignore[arg-type]
    if refused:
        raise Forbidden("A session needs a CSRF token for this request.")
    return _staff(request, user.pk)


class _CsrfCheck(CsrfViewMiddleware):
    """Django's check, answering with the reason instead of a page. Keys and tokens are not sent by browsers unasked."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def _staff(request: Request, user_id: Any) -> Caller:
    named = request.META.get("HTTP_X_TENANT_ID", "").strip()
    if not named:
        raise TenantRequired()
    try:
        tenant_id = decode_id(TENANT, named)
    except InvalidId as wrong:
        raise Forbidden("You are not a member of this tenant.") from wrong
    caller = staff_caller(user_id, tenant_id)
    if caller is None:
        raise Forbidden("You are not a member of this tenant.")
    return caller
