"""Errors: each has the status and the code that the contract of the API gives it."""

import pytest

from common import errors
from common.errors import DomainError, Problem

CONTRACT: list[tuple[DomainError, int, str]] = [
    (errors.MalformedJson(), 400, "malformed_json"),
    (errors.InvalidRequest([]), 400, "validation_error"),
    (errors.TenantRequired(), 400, "tenant_required"),
    (errors.InvalidCursor(), 400, "invalid_cursor"),
    (errors.MissingIdempotencyKey(), 400, "missing_idempotency_key"),
    (errors.InvalidIdempotencyKey(), 400, "invalid_idempotency_key"),
    (errors.AuthenticationRequired(), 401, "authentication_required"),
    (errors.InvalidCredentials(), 401, "invalid_credentials"),
    (errors.Forbidden(), 403, "forbidden"),
    (errors.InsufficientScope(), 403, "insufficient_scope"),
    (errors.TenantMismatch(), 403, "tenant_mismatch"),
    (errors.NotFound(), 404, "not_found"),
    (errors.MethodNotAllowed(["GET"]), 405, "method_not_allowed"),
    (errors.AlreadyExists(), 409, "already_exists"),
    (errors.VersionConflict(), 409, "version_conflict"),
    (errors.IdempotencyConflict(), 409, "idempotency_conflict"),
    (errors.IdempotencyInProgress(), 409, "idempotency_in_progress"),
    (errors.PayloadTooLarge(), 413, "payload_too_large"),
    (errors.UnsupportedMediaType(), 415, "unsupported_media_type"),
    (errors.RateLimited(), 429, "rate_limited"),
    (errors.Unavailable(), 503, "unavailable"),
]


@pytest.mark.parametrize(("error", "status", "code"), CONTRACT, ids=lambda value: str(getattr(value, "code", value)))
def test_status_and_code_are_those_of_the_contract(error, status, code):
    assert (error.status, error.code) == (status, code)
    assert error.message.endswith(".")
    assert str(error) == error.message


def test_every_error_of_the_module_is_in_the_contract_or_a_base_to_extend():
    declared = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DomainError)}
    bases = {DomainError, errors.Conflict, errors.RuleViolation}
    public = {kind for kind in declared if not kind.__name__.startswith("_")}
    assert public == {type(error) for error, _, _ in CONTRACT} | bases


def test_the_headers_that_the_contract_asks_for_are_set():
    assert errors.AuthenticationRequired().headers == {"WWW-Authenticate": "ServiceKey"}
    assert errors.InvalidCredentials().headers == {"WWW-Authenticate": "ServiceKey"}
    assert errors.MethodNotAllowed(["GET", "POST"]).headers == {"Allow": "GET, POST"}
    assert errors.RateLimited(30).headers == {"Retry-After": "30"}
    assert errors.RateLimited(retry_after=0).headers == {"Retry-After": "1"}
    assert errors.Unavailable(retry_after=5).headers == {"Retry-After": "5"}
    assert errors.IdempotencyInProgress().headers == {"Retry-After": "1"}
    assert errors.Conflict().headers == {}


def test_a_missing_object_that_the_body_names_is_told_by_its_path():
    assert errors.NotFound().details == []
    error = errors.NotFound(path="items[0].productId")
    assert error.details == [Problem("items[0].productId", "not_found", error.message)]
    assert error.details[0].as_dict() == {
        "path": "items[0].productId",
        "code": "not_found",
        "message": error.message,
    }


def test_at_most_a_hundred_problems_are_listed():
    problems = [Problem(f"items[{index}]", "required", "Missing.") for index in range(150)]
    assert errors.InvalidRequest(problems).details == problems[:100]


def test_code_and_message_of_one_error_do_not_change_those_of_its_class():
    error = errors.RuleViolation("The total is too large.", code="amount_too_large")
    assert (error.code, error.message, error.status) == ("amount_too_large", "The total is too large.", 422)
    assert (errors.RuleViolation().code, errors.RuleViolation.code) == ("rule_violation", "rule_violation")
    assert errors.RateLimited(5, code="export_limit").code == "export_limit"


def test_details_and_headers_are_not_shared_between_errors():
    first, second = errors.Conflict(), errors.Conflict()
    first.details.append(Problem("a", "b", "c"))
    first.headers["X"] = "y"
    assert (second.details, second.headers) == ([], {})
