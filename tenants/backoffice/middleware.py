"""The way of a request to a page: who, second factor, which tenant, and one transaction around all of it.

The API passes with one look at the path. Everything of a page under /admin, its template included, runs in the scope of
the chosen tenant; what raises or ends with 500 and above is rolled back.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from typing import Any, Final

from allauth.account.middleware import AccountMiddleware
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.contrib.messages.middleware import MessageMiddleware
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from common.api.origin import client_address
from common.ids import encode_id
from common.prefixes import USER
from tenants.backoffice.access import SESSION_TENANT, Access, Place, is_page, places_of_request, scopes_of, working
from tenants.backoffice.errors import no_tenant_page, payload_too_large, suspended_page
from tenants.backoffice.signin.second_factor import second_factor_missing
from tenants.context import Actor, ActorType, Context
from tenants.identity import Caller
from tenants.scope import ensure_alive, tenant_scope
from tenants.selectors import get_settings

PAGES: Final = "/admin"
BODY_LIMIT_BYTES: Final = 4 * 1_048_576
# Alpine, which unfold's pages are made of, evaluates its attributes; no script comes from elsewhere or stands inline.
POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class BackofficeMiddleware(MessageMiddleware):
    """Messages, allauth and the tenant's transaction, for pages; the innermost middleware."""

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        self._next = get_response
        self._pages: Any = AccountMiddleware(self._in_tenant)

    def __call__(self, request: HttpRequest) -> Any:
        """The API goes straight on."""
        if not is_page(request.path_info):
            return self._next(request)
        self.process_request(request)
        response: HttpResponseBase = self._guarded(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        # Without a referrer browsers call the origin of our own forms "null", and the CSRF check refuses them.
        response.headers.setdefault("Referrer-Policy", "same-origin")
        return self.process_response(request, response)  # type: ignore[arg-type]

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Whatever a page has raised undoes what it did."""
        if not is_page(request.path_info):
            return None
        if transaction.get_connection().in_atomic_block and hasattr(request, "backoffice"):
            transaction.set_rollback(True)
        answer: HttpResponse | None = self._pages.process_exception(request, error)
        return answer

    def _guarded(self, request: HttpRequest) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > BODY_LIMIT_BYTES:
            return payload_too_large(request)
        ensure_alive()
        response: HttpResponseBase = self._pages(request)
        return response

    def _in_tenant(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PAGES):
            return self._next(request)
        user = request.user
        if not user.is_authenticated or not user.is_active:
            return redirect_to_login(request.get_full_path(), reverse("account_login"))
        if settings.REQUIRE_MFA:
            detour = second_factor_missing(request)
            if detour:
                return HttpResponseRedirect(detour)
        if not user.is_staff:
            return no_tenant_page(request)
        if request.path_info == reverse("admin:tenant"):
            return self._next(request)
        place = _chosen(request)
        if place is None:
            if not places_of_request(request):
                return no_tenant_page(request)
            return HttpResponseRedirect(reverse("admin:tenant"))
        if not place.active:
            return suspended_page(request, place)
        return self._scoped(request, place)

    def _scoped(self, request: HttpRequest, place: Place) -> HttpResponseBase:
        user: Any = request.user
        actor = Actor(ActorType.USER, encode_id(USER, user.pk))
        context = Context(
            tenant_id=place.tenant_id,
            actor=actor,
            trace_id=getattr(request, "trace_id", ""),
            ip_address=client_address(request),
        )
        user.scopes = scopes_of(place.role)
        with tenant_scope(context):
            of_tenant = get_settings(tenant_id=place.tenant_id)
            caller = Caller(actor=actor, tenant_id=place.tenant_id, scopes=user.scopes)
            access = Access(user, place, caller, context, of_tenant)
            request.backoffice = access  # type: ignore[attr-defined]
            with working(access), timezone.override(zoneinfo.ZoneInfo(of_tenant.time_zone)):
                response = self._next(request)
            if isinstance(response, StreamingHttpResponse):
                # It would be read after the transaction, where every query is empty.
                raise TypeError("A page of the back office may not stream.")
            if response.status_code >= 500:
                transaction.set_rollback(True)
        return response


def _chosen(request: HttpRequest) -> Place | None:
    """The tenant of the session, if the user is still a member of it. One who has only one need not choose."""
    places = places_of_request(request)
    wanted = request.session.get(SESSION_TENANT)
    for place in places:
        if str(place.tenant_id) == wanted:
            return place
    if len(places) == 1:
        request.session[SESSION_TENANT] = str(places[0].tenant_id)
        return places[0]
    return None
