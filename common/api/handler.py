"""The one place where an exception becomes an answer."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from redis.exceptions import RedisError
from rest_framework.exceptions import APIException

from common.api.rendering import json_response
from common.errors import DomainError, Forbidden, MalformedJson, NotFound, PayloadTooLarge, Unavailable

logger = logging.getLogger("ledger.api")


def error_response(error: DomainError, trace_id: str) -> HttpResponse:
    """The error envelope: `{message, code, details?, traceId}`."""
    body: dict[str, Any] = {"message": error.message, "code": error.code}
    if error.details:
        body["details"] = [{"path": one.path, "code": one.code, "message": one.message} for one in error.details]
    body["traceId"] = trace_id
    return json_response(error.status, body, headers=dict(error.headers))


def as_domain_error(error: BaseException) -> DomainError:
    """Every exception as one the contract knows. What nobody expected is a 500 and is logged with its traceback."""
    match error:
        case DomainError():
            return error
        case Http404():
            return NotFound()
        case OperationalError() | InterfaceError() | RedisError():
            logger.warning("storage_unavailable", extra={"error": type(error).__name__, "cause": str(error)[:200]})
            return Unavailable(retry_after=1)
        case PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return PayloadTooLarge()
        case DisallowedHost() | SuspiciousOperation():
            return MalformedJson("The request could not be understood.")
        case APIException() if error.status_code < 500:
            return MalformedJson(str(error.detail))
        case _:
            logger.error("unhandled_error", exc_info=error)
            return InternalError()


class InternalError(DomainError):
    """A mistake of ours. The client learns the trace id, nothing else."""

    code = "internal_error"
    status = 500
    message = "Something went wrong here. Quote the trace id when you report it."


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's hook: every exception of a view."""
    request: HttpRequest = context["request"]
    return error_response(as_domain_error(error), getattr(request, "trace_id", "-"))
