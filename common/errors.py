"""The errors that a caller is meant to see. Each has a stable code, an HTTP status and a sentence for people.

Services raise them, views never catch them, and one exception handler writes the answer. An app adds its own by
extending the class of the status it needs and naming `code` and `message`:

    class InvoiceAlreadyPaid(Conflict):
        code = "invoice_already_paid"
        message = "The invoice is already paid."
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_DETAILS: Final = 100
"""How many problems one answer lists at most."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request. `path` is in the caller's spelling, such as `items[0].unitPrice`."""

    path: str
    code: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """The problem as an item of `details`."""
        return {"path": self.path, "code": self.code, "message": self.message}


class DomainError(Exception):
    """What all of our errors extend. `status` is the HTTP status; `headers` go out with the answer.

    `message` and `code` given to the constructor replace those of the class. Of `details` the first hundred are kept.
    """

    code: str = "domain_error"
    status: int = 422
    message: str = "The request cannot be carried out."

    details: list[Problem]
    headers: dict[str, str]

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        details: Sequence[Problem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        self.details = list(details[:MAX_DETAILS])
        self.headers = dict(headers or {})
        super().__init__(self.message)


class _BadRequest(DomainError):
    status = 400


class InvalidRequest(_BadRequest):
    """400: the request alone shows that it is wrong. Lists every problem that was found."""

    code = "validation_error"
    message = "The request is not valid. See details for each problem."

    def __init__(self, problems: Sequence[Problem], message: str | None = None) -> None:
        super().__init__(message, details=problems)


class MalformedJson(_BadRequest):
    """400: the body is not JSON as we accept it."""

    code = "malformed_json"
    message = "The body is not valid JSON."


class TenantRequired(_BadRequest):
    """400: the caller belongs to several tenants and named none."""

    code = "tenant_required"
    message = "Name the tenant in the header X-Tenant-Id."


class InvalidCursor(_BadRequest):
    """400: the cursor is not ours, or belongs to a list with other filters."""

    code = "invalid_cursor"
    message = "The cursor does not belong to this list. Start again without a cursor."


class MissingIdempotencyKey(_BadRequest):
    """400: this route does nothing without an idempotency key."""

    code = "missing_idempotency_key"
    message = "This request needs the header Idempotency-Key."


class InvalidIdempotencyKey(_BadRequest):
    """400: the idempotency key is empty, too long, or has characters that are not printable ASCII."""

    code = "invalid_idempotency_key"
    message = "Idempotency-Key must be 1 to 255 printable ASCII characters."


class _Unauthenticated(DomainError):
    status = 401

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "ServiceKey"})


class AuthenticationRequired(_Unauthenticated):
    """401: the request names nobody."""

    code = "authentication_required"
    message = "Authenticate with the header Authorization: ServiceKey, followed by a service key."


class InvalidCredentials(_Unauthenticated):
    """401: the key or token is unknown, revoked or expired; which of these is not said."""

    code = "invalid_credentials"
    message = "The service key or token is not valid."


class Forbidden(DomainError):
    """403: the caller is known, but their role or membership does not allow this."""

    code = "forbidden"
    status = 403
    message = "You are not allowed to do this."


class InsufficientScope(Forbidden):
    """403: the service key lacks a scope. Name the scope in the message."""

    code = "insufficient_scope"
    message = "The service key does not have the scope that this request needs."


class TenantMismatch(Forbidden):
    """403: X-Tenant-Id names another tenant than the service key belongs to."""

    code = "tenant_mismatch"
    message = "The service key belongs to another tenant than X-Tenant-Id names."


class NotFound(DomainError):
    """404: what the path names, or with `path` what that field of the body names, does not exist for this tenant.

    What belongs to another tenant gives the same answer as what does not exist.
    """

    code = "not_found"
    status = 404
    message = "What the request names does not exist."

    def __init__(self, message: str | None = None, *, path: str | None = None) -> None:
        text = message or self.message
        super().__init__(text, details=[] if path is None else [Problem(path, "not_found", text)])


class MethodNotAllowed(DomainError):
    """405: the route exists, but not for this method. `allowed` becomes the header Allow."""

    code = "method_not_allowed"
    status = 405
    message = "This address does not take this method. The header Allow lists those it takes."

    def __init__(self, allowed: Sequence[str], message: str | None = None) -> None:
        super().__init__(message, headers={"Allow": ", ".join(allowed)})


class Conflict(DomainError):
    """409: the state of the addressed object, or its uniqueness, stands against it. Subclasses name their code."""

    code = "conflict"
    status = 409
    message = "The state of the object does not allow this."


class AlreadyExists(Conflict):
    """409: an object with this unique value exists."""

    code = "already_exists"
    message = "An object with this value already exists."


class VersionConflict(Conflict):
    """409: the object was changed since the caller read it."""

    code = "version_conflict"
    message = "The object has changed since you read it. Read it again and repeat the change."


class IdempotencyConflict(Conflict):
    """409: the idempotency key was used for another request."""

    code = "idempotency_conflict"
    message = "This Idempotency-Key was used for another request. Use a new key."


class IdempotencyInProgress(Conflict):
    """409: the first request under this idempotency key has not ended yet."""

    code = "idempotency_in_progress"
    message = "A request with this Idempotency-Key is still running. Try again shortly."

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, headers={"Retry-After": "1"})


class PayloadTooLarge(DomainError):
    """413: the body is larger than the route takes."""

    code = "payload_too_large"
    status = 413
    message = "The body is too large."


class UnsupportedMediaType(DomainError):
    """415: the body is not of a type that the route takes."""

    code = "unsupported_media_type"
    status = 415
    message = "The body must be sent as application/json in UTF-8."


class RuleViolation(DomainError):
    """422: a business rule about something other than the addressed object's state. Subclasses name their code."""

    code = "rule_violation"
    status = 422
    message = "A business rule does not allow this."


class _RetryLater(DomainError):
    def __init__(self, retry_after: int = 1, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message, code=code, headers={"Retry-After": str(max(1, retry_after))})


class RateLimited(_RetryLater):
    """429: too many requests. `retry_after` is in whole seconds, at least one."""

    code = "rate_limited"
    status = 429
    message = "Too many requests. Try again after the seconds in Retry-After."


class Unavailable(_RetryLater):
    """503: a part of the service does not answer now. `retry_after` is in whole seconds, at least one."""

    code = "unavailable"
    status = 503
    message = "The service is not available right now. Try again after the seconds in Retry-After."
