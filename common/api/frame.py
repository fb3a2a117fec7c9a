"""What every request passes: a trace id, the house's headers, JSON errors under /api/, and request metrics."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram

from common.api.handler import InternalError, as_domain_error, error_response
from common.errors import NotFound
from common.ids import new_id

_TRACE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
REQUESTS = Counter("ledger_http_requests_total", "Requests answered.", ["route", "method", "status"])
DURATION = Histogram(
    "ledger_http_request_duration_seconds",
    "Time from the first middleware to the finished answer.",
    ["route", "method"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_ANY_HOST = frozenset({"/healthz", "/readyz", "/metrics", "/api/health"})
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class ApiFrameMiddleware:
    """Outermost middleware. It adds `trace_id` to the request and answers what no view could."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        given = request.META.get("HTTP_X_TRACE_ID", "")
        trace_id = given if _TRACE_ID.fullmatch(given) else new_id().hex
        request.trace_id = trace_id  # type: ignore[attr-defined]
        response = self._refusal(request, trace_id) or self.get_response(request)
        headers = response.headers
        headers["X-Trace-Id"] = trace_id
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Referrer-Policy", "no-referrer")
        if not request.path_info.startswith("/static/"):
            headers.setdefault("Cache-Control", "no-store")
        if isinstance(response, HttpResponse) and response.content:
            # Without a length the server would send chunks.
            headers.setdefault("Content-Length", str(len(response.content)))
        self._measure(request, response.status_code, time.perf_counter() - started)
        return response

    @staticmethod
    def _refusal(request: HttpRequest, trace_id: str) -> HttpResponse | None:
        """The answer to a `Host` that is not ours. Probes come by address, so they may have any."""
        if "*" in settings.ALLOWED_HOSTS or request.path_info in _ANY_HOST:
            return None
        try:
            request.get_host()
        except DisallowedHost as refused:
            return error_response(as_domain_error(refused), trace_id)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Views of the API answer through DRF; what escapes them still answers in the envelope."""
        if not request.path_info.startswith("/api/"):
            return None
        return error_response(as_domain_error(error), request.trace_id)  # type: ignore[attr-defined]

    @staticmethod
    def _measure(request: HttpRequest, status: int, seconds: float) -> None:
        match = request.resolver_match
        route = match.route if match else "none"
        method = request.method if request.method in _METHODS else "other"
        REQUESTS.labels(route, method, status).inc()
        DURATION.labels(route, method).observe(seconds)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler404`: no route. The same body as for an object that does not exist."""
    return error_response(NotFound(), getattr(request, "trace_id", "-"))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """`handler400`: a request that Django refused before any view."""
    return error_response(as_domain_error(SuspiciousOperation()), getattr(request, "trace_id", "-"))


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`: an error outside every view; Django has logged it already."""
    return error_response(InternalError(), getattr(request, "trace_id", "-"))
