"""Errors as pages for people, and as JSON for programs: the handlers of the whole project."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from common.api import frame
from common.api.handler import as_domain_error, error_response
from common.errors import Forbidden
from tenants.backoffice.access import Place, is_page, places_of_request


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler404`."""
    if not is_page(request.path_info):
        return frame.not_found(request, exception)
    return page(request, 404, "Not found", "There is no such page here, or it belongs to another tenant.")


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler400`."""
    if not is_page(request.path_info):
        return frame.bad_request(request, exception)
    return page(request, 400, "Not understood", "The request could not be understood.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler403`."""
    if not is_page(request.path_info):
        return error_response(as_domain_error(Forbidden()), getattr(request, "trace_id", "-"))
    said = str(exception) if exception and str(exception) else "Your role in this tenant does not allow this."
    return page(request, 403, "Not allowed", said)


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: nothing was changed, because the transaction is rolled back."""
    if not is_page(request.path_info):
        return frame.server_error(request)
    return page(request, 500, "Something went wrong", "Nothing was changed. Quote the trace id when you report it.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """`CSRF_FAILURE_VIEW`."""
    if not is_page(request.path_info):
        return error_response(Forbidden(), getattr(request, "trace_id", "-"))
    return page(
        request, 403, "This form has expired",
        "Go back, load the page again and send the form once more. Cookies must be allowed.",
    )  # fmt: skip


def payload_too_large(request: HttpRequest) -> HttpResponse:
    """413."""
    return page(request, 413, "Too large", "What was sent is larger than 4 MiB.")


def too_many_requests(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """429: allauth's limits of attempts to sign in."""
    response = page(request, 429, "Too many attempts", "Wait a few minutes, then try again.")
    response.headers["Retry-After"] = "60"
    return response


def no_tenant_page(request: HttpRequest) -> HttpResponse:
    """Signed in, but a member of nothing."""
    return page(
        request, 403, "No tenant yet",
        "You are signed in, but not a member of any tenant. Ask an owner of the tenant to add your e-mail address.",
    )  # fmt: skip


def suspended_page(request: HttpRequest, place: Place) -> HttpResponse:
    """The chosen tenant is suspended: its members are refused, as the API refuses them."""
    return page(
        request, 403, f"{place.name} is suspended",
        "Nobody can work in this tenant until an operator lifts the suspension.",
    )  # fmt: skip


def page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    """A page that needs no tenant, no query and no site."""
    user = getattr(request, "user", None)
    signed_in = bool(status != 500 and user is not None and user.is_authenticated)
    html = render_to_string(
        "tenants/backoffice/error.html",
        {
            "title": title,
            "text": text,
            "status": status,
            "trace_id": getattr(request, "trace_id", ""),
            "signed_in": signed_in,
            "can_switch": signed_in and len(places_of_request(request)) > 1,
        },
        request=request if signed_in else None,
    )
    return HttpResponse(html, status=status)
