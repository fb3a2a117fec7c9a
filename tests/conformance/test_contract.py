"""The document, the code and the contract say the same."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from drf_spectacular.validation import validate_schema

from tests.conformance.contract import Line, Route, contract_lines, documented_routes, resolved, the_document

LINES = list(contract_lines())
ROUTES = documented_routes()
SUCCESS = range(200, 300)
# What the frame itself can answer on every route with an identity.
EVERYWHERE = {400, 401, 403, 429, 503}
MUTATING = {409, 413, 415}


def test_the_committed_document_is_that_of_the_code():
    """When the change is meant: manage.py write_openapi."""
    try:
        call_command("write_openapi", "--check", stdout=StringIO(), stderr=StringIO())
    except CommandError as difference:
        pytest.fail(str(difference))


def test_the_document_is_valid_openapi():
    validate_schema(the_document())  # type: ignore[no-untyped-call]


def test_the_contract_names_each_route_once():
    routes = [line.route for line in LINES]
    assert sorted(routes) == sorted(set(routes))


@pytest.mark.parametrize("line", [line for line in LINES if not line.later], ids=lambda line: str(line.route))
def test_a_route_of_the_contract_is_documented(line: Line):
    assert line.route in ROUTES


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_documented_route_is_in_the_contract(route: Route):
    assert route in {line.route for line in LINES}, f"{route} is served, but the contract does not know it"


def test_a_route_that_exists_is_not_marked_later():
    built = [f"line {line.number}: {line.route}: unmark it" for line in LINES if line.later and line.route in ROUTES]
    assert built == []


def test_routes_of_later_capabilities():
    later = [line for line in LINES if line.later]
    if later:
        pytest.skip(f"{len(later)} of {len(LINES)} routes of the contract belong to later capabilities")


def test_every_operation_has_an_id_of_its_own():
    ids = [route.declared["operationId"] for route in ROUTES]
    assert sorted({one for one in ids if ids.count(one) > 1}) == []


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_an_operation_documents_its_answers(route: Route):
    declared = route.declared
    statuses = {int(status) for status in declared["responses"]}
    assert statuses & set(SUCCESS), "no success is documented"
    assert declared["summary"]
    if not route.public:
        wanted = EVERYWHERE | (MUTATING if route.mutates else set()) | ({404} if "{" in route.path else set())
        assert wanted <= statuses
    for status, answer in declared["responses"].items():
        assert answer["description"], f"{status} says nothing"
        if status == "204":
            assert "content" not in answer
            continue
        for media_type, content in answer["content"].items():
            schema = resolved(content["schema"])
            if media_type != "application/json":
                continue
            assert schema["type"] == "object", f"{status}: every JSON answer is an object"
            if int(status) not in SUCCESS:
                assert {"message", "code", "traceId"} <= set(schema["required"])


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.public], ids=str)
def test_every_field_of_an_answer_is_always_present(route: Route):
    for status, answer in route.declared["responses"].items():
        if int(status) not in SUCCESS or "application/json" not in answer.get("content", {}):
            continue
        schema = resolved(answer["content"]["application/json"]["schema"])
        assert set(schema.get("properties", {})) <= set(schema.get("required", ())), f"{status} leaves fields open"
