"""The base view: one order of checks, one transaction, one way to be idempotent. Views authorise, call and answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from common.api.filters import parse_filters
from common.api.operation import Operation, operation_of
from common.api.origin import client_address
from common.api.pagination import PAGE_PARAMETERS, envelope, page, read_limit
from common.api.parsing import parse_json, read_body, require_json
from common.api.rendering import body_response, dumps
from common.api.serializers import InputSerializer, validate
from common.clock import SystemClock
from common.errors import Forbidden, InsufficientScope, MethodNotAllowed, MissingIdempotencyKey, NotFound
from common.ids import InvalidId, decode_id
from tenants import idempotency
from tenants.api.authentication import LedgerAuthentication, caller_of
from tenants.api.throttle import KeyThrottle
from tenants.clocks import business_now
from tenants.context import ActorType, Context
from tenants.identity import Caller
from tenants.models import TenantSettings
from tenants.scope import tenant_scope
from tenants.scopes import ANY_READ
from tenants.selectors import get_settings
from tenants.writers import writers

_MUTATING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a view returns: a status, a JSON value (None: no body) and, for 201, where the object lives."""

    status: int
    value: Any = None
    location: str | None = None


@dataclass
class Call:
    """One request as a view sees it: who, for which tenant, when, and the validated input."""

    request: HttpRequest
    caller: Caller
    context: Context
    operation: Operation
    at: dt.datetime
    body: Any = None  # the JSON value as sent
    data: dict[str, Any] = field(default_factory=dict)  # validated, by snake_case name

    @property
    def tenant_id(self) -> UUID:
        """The tenant of the caller."""
        return self.caller.tenant_id

    @cached_property
    def settings(self) -> TenantSettings:
        """The tenant's settings, read once per request."""
        return get_settings(tenant_id=self.tenant_id)

    @cached_property
    def time_zone(self) -> str:
        """The zone in which bare dates of this request are read."""
        return self.settings.time_zone

    def filters(self) -> Q:
        """The condition of the query parameters, checked before the handler runs."""
        return self._condition

    @cached_property
    def _condition(self) -> Q:
        also: tuple[str, ...] = ()
        if self.operation.paged:
            also = PAGE_PARAMETERS
            read_limit(self.request.GET)
        return parse_filters(self.request.GET, self.operation.filters, zone=lambda: self.time_zone, also=also)

    def listing(self, rows: QuerySet[Any], shape: Callable[[Any], Any], *, ascending: bool = False) -> Answer:
        """One page of `rows` in the list envelope; `rows` are filtered already."""
        found, cursor = page(rows, self.request.GET, path=self.request.path, ascending=ascending)
        return Answer(200, envelope([shape(row) for row in found], cursor))


class NoBody(InputSerializer):
    """An action that takes nothing: `{}` or no body at all."""


class AnyContent(BaseContentNegotiation):
    """`Accept` never fails a request."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Bodies are parsed by `common.api.parsing`."""
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Always JSON; views with another type answer with bytes of their own."""
        return renderers[0], renderers[0].media_type


class TenantView(APIView):
    """Base of every authenticated route. Methods are declared with `@operation` and take a `Call`."""

    authentication_classes = [LedgerAuthentication]
    throttle_classes = [KeyThrottle]
    content_negotiation_class = AnyContent
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    body_limit: int | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """405, 401, 400, 403, 429: the checks before the body is read."""
        declared = operation_of(self, request.method)
        if declared is None:
            raise MethodNotAllowed(sorted(self.allowed_methods))
        require_scope(caller_of(request), declared.scope)
        self.check_throttles(request)

    @property
    def allowed_methods(self) -> list[str]:
        """For `Allow`: methods that are declared."""
        return [name.upper() for name in self.http_method_names if hasattr(getattr(self, name, None), "operation")]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """DRF's dispatch, with the handler run in the tenant's transaction."""
        self.args, self.kwargs = args, kwargs
        self.headers: dict[str, str] = {}
        drf_request = self.initialize_request(request, *args, **kwargs)
        self.request = drf_request
        try:
            self.initial(drf_request, *args, **kwargs)
            response = self.answer(drf_request)
        except Exception as error:
            response = self.handle_exception(error)
        for name, value in getattr(request, "rate_limit_headers", {}).items():
            response.headers.setdefault(name, value)
        if request.method == "HEAD":
            response.content = b""
        return response

    def handle_exception(self, error: Exception) -> HttpResponse:  # type: ignore[override]
        """The one exception handler; no view catches."""
        context = self.get_exception_handler_context()
        response: HttpResponse = self.get_exception_handler()(error, context)
        return response

    def confirm(self, request: Request) -> Caller:
        """Authenticate and authorise anew, from the database: for views that let a cached key in. 401, 400, 403."""
        caller, _ = LedgerAuthentication().authenticate(request)
        declared = operation_of(self, request.method)
        assert declared is not None
        require_scope(caller, declared.scope)
        return caller

    def new_call(self, request: Request) -> Call:
        """The call with its body read and parsed (413, 415, 400), not yet validated."""
        plain = request._request
        declared = operation_of(self, request.method)
        assert declared is not None
        caller = caller_of(request)
        context = Context(
            tenant_id=caller.tenant_id,
            actor=caller.actor,
            trace_id=plain.trace_id,  # type: ignore[attr-defined]
            ip_address=client_address(plain),
        )
        call = Call(plain, caller, context, declared, at=business_now(caller.tenant_id))
        if request.method in _MUTATING:
            call.body = self.read(plain, declared)
        return call

    def read(self, request: HttpRequest, declared: Operation) -> Any:
        """The JSON body. An action without required fields may be called without a body."""
        limit = self.body_limit or settings.API_JSON_BODY_LIMIT_BYTES
        raw = read_body(request, limit=limit)
        if not raw:
            return {}
        if declared.body is None and request.method == "DELETE":
            return {}
        require_json(request)
        return parse_json(raw)

    def answer(self, request: Request) -> HttpResponse:
        """Read the call and run it."""
        call = self.new_call(request)
        return self.run(call, self.read_key(request, call))

    def read_key(self, request: Request, call: Call) -> str | None:
        """The idempotency key of a mutating call; required where the operation says so."""
        keyed = request.method in _MUTATING and call.operation.keyed
        key = idempotency.read_key(request.META.get("HTTP_IDEMPOTENCY_KEY")) if keyed else None
        if key is None and call.operation.key_required:
            raise MissingIdempotencyKey()
        return key

    def run(self, call: Call, key: str | None) -> HttpResponse:
        """Validate, guard and run the handler in one transaction; what changes something waits for its turn."""
        with writers.turn() if call.request.method in _MUTATING else nullcontext():
            return self._run(call, key)

    def _run(self, call: Call, key: str | None) -> HttpResponse:
        method = "get" if call.request.method == "HEAD" else (call.request.method or "get").lower()
        handler: Callable[..., Answer] = getattr(self, method)
        if key is None:
            with tenant_scope(call.context):
                self.validate(call)
                return finish(handler(call, **self.kwargs))
        try:
            with tenant_scope(call.context):
                self.validate(call)
                return self.guarded(call, key, handler)
        except IntegrityError as refused:
            if not idempotency.is_key_collision(refused):
                raise
            collision = refused
        with tenant_scope(call.context):
            stored = idempotency.find_answer(guard_of(call, key), now=SystemClock().now())
        if stored is None:
            raise collision  # with a key that stands inside the request
        return replay(stored)

    def validate(self, call: Call) -> None:
        """Fill `call.data` and refuse unknown query parameters."""
        declared = call.operation
        call.filters()
        if call.request.method in _MUTATING and (declared.body is not None or call.body != {}):
            call.data = validate(
                declared.body or NoBody,
                call.body,
                partial=declared.partial,
                time_zone=lambda: call.time_zone,
                at=call.at,
            )

    def guarded(self, call: Call, key: str, handler: Callable[..., Answer]) -> HttpResponse:
        """Run the handler under an idempotency key: lock, replay or run and store."""
        guard = guard_of(call, key)
        now = SystemClock().now()
        idempotency.lock_key(guard)
        stored = idempotency.find_answer(guard, now=now)
        if stored is not None:
            return replay(stored)
        answer = handler(call, **self.kwargs)
        response = finish(answer)
        if 200 <= answer.status < 300 or answer.status == 402:
            expires = now + dt.timedelta(hours=settings.IDEMPOTENCY_KEY_HOURS)
            kept = idempotency.StoredAnswer(answer.status, response.content, answer.location)
            idempotency.store_answer(guard, kept, expires_at=expires)
        return response


def require_scope(caller: Caller, scope: str) -> None:
    """Refuse a key without the scope, or a member of staff whose role does not have it (403)."""
    if caller.may(scope):
        return
    needed = "any read scope" if scope == ANY_READ else f"the scope {scope}"
    if caller.actor.type == ActorType.USER:
        raise Forbidden(f"Your role in this tenant does not have {needed}.")
    raise InsufficientScope(f"This call needs {needed}.")


def guard_of(call: Call, key: str) -> idempotency.Guard:
    """The idempotency guard of a call."""
    request = call.request
    query = [(name, value) for name, values in request.GET.lists() for value in values]
    asked = idempotency.fingerprint(request.method or "", request.path, query, call.body)
    return idempotency.Guard(call.tenant_id, key, asked)


def finish(answer: Answer) -> HttpResponse:
    """The answer as a response; its bytes are made inside the transaction, so that what is stored is what is sent."""
    body = b"" if answer.value is None else dumps(answer.value)
    return body_response(answer.status, body, headers={"Location": answer.location} if answer.location else None)


def replay(stored: idempotency.StoredAnswer) -> HttpResponse:
    """A stored answer again, byte for byte."""
    headers = {"Idempotent-Replayed": "true"}
    if stored.location:
        headers["Location"] = stored.location
    return body_response(stored.status, stored.body, headers=headers)


def path_id(prefix: str, text: str) -> UUID:
    """An id of the path; anything malformed simply does not exist."""
    try:
        return decode_id(prefix, text)
    except InvalidId as wrong:
        raise NotFound() from wrong


def found(row: Model | None) -> Any:
    """The row, or `NotFound`: what belongs to another tenant and what does not exist read the same."""
    if row is None:
        raise NotFound()
    return row
