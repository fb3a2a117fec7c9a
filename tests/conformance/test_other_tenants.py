"""What belongs to another tenant does not exist: whatever takes an id answers the same, and changes nothing.

The operations come from the document, so a new one is covered by being declared. What makes the objects stands in
`objects.py`.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection

from common.ids import new_id
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conformance.contract import Route, body_schema, documented_routes, resolved
from tests.conformance.objects import (
    ALTERNATIVES,
    BESIDE,
    BODIES,
    FACTORIES,
    INSTEAD,
    Owner,
    missing_id,
    objects_of,
    path_of,
    path_prefix,
)

ID_PATTERN = re.compile(r"\^(\w+)_\[0-7\]")
ITEM = "[]"  # in the path of a field: the elements of a list

ROUTES = [route for route in documented_routes() if not route.public]
IN_PATH = [route for route in ROUTES if "{" in route.path]

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True)
class Field:
    """A field of a body, or a query parameter, that takes an id."""

    route: Route
    path: tuple[str, ...]
    prefix: str

    def __str__(self) -> str:
        return f"{self.route} {'.'.join(self.path)}"


def fields_with_ids(route: Route, schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[Field]:
    """Every field below `schema` whose pattern is that of an id."""
    schema = resolved(schema)
    for inner in (*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())):
        yield from fields_with_ids(route, inner, path)
    if match := ID_PATTERN.match(schema.get("pattern", "")):
        yield Field(route, path, match[1])
    for name, inner in schema.get("properties", {}).items():
        yield from fields_with_ids(route, inner, (*path, name))
    if "items" in schema:
        yield from fields_with_ids(route, schema["items"], (*path, ITEM))


def filters_with_ids(route: Route) -> Iterator[Field]:
    """Every query parameter whose pattern is that of an id."""
    for one in route.declared.get("parameters", ()):
        match = ID_PATTERN.match(one["schema"].get("pattern", ""))
        if one["in"] == "query" and match:
            yield Field(route, (one["name"],), match[1])


IN_BODY = [field for route in ROUTES if (schema := body_schema(route)) for field in fields_with_ids(route, schema)]
IN_QUERY = [field for route in ROUTES for field in filters_with_ids(route)]


@pytest.fixture
def caller(transactional_db: None, tenant: Tenant, api: Api) -> Owner:
    """Who asks, with every scope of their own tenant."""
    return Owner(tenant, api)


@pytest.fixture
def other(transactional_db: None, other_tenant: Tenant, other_api: Api) -> Owner:
    """Whose objects are asked for."""
    return Owner(other_tenant, other_api)


def smallest(schema: dict[str, Any]) -> Any:
    """A small value that the schema allows: required fields only."""
    schema = resolved(schema)
    if "oneOf" in schema:
        return smallest(next(one for one in schema["oneOf"] if one.get("type") != "null"))
    if "enum" in schema:
        return schema["enum"][0]
    if match := ID_PATTERN.match(schema.get("pattern", "")):
        return missing_id(match[1])
    kinds = schema.get("type", "object")
    match kinds if isinstance(kinds, str) else kinds[0]:
        case "object":
            return {name: smallest(schema["properties"][name]) for name in schema.get("required", ())}
        case "array":
            return [smallest(schema["items"]) for _ in range(schema.get("minItems", 1))]
        case "integer":
            return max(1, schema.get("minimum", 1))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            named = {"date-time": "2026-03-01T00:00:00Z", "decimal": "1", "email": "ada@example.org"}
            return schema.get("examples", [named.get(schema.get("format", ""), "x")])[0]


def valid_body(route: Route) -> Any:
    """A body that passes the validation, or None where the route takes none."""
    if str(route) in BODIES:
        return copy.deepcopy(BODIES[str(route)])
    schema = body_schema(route)
    return {} if schema is None else smallest(schema)


def with_value(
    body: Any, path: tuple[str, ...], value: str, schema: dict[str, Any], without: frozenset[str] = frozenset(),
    beside: Mapping[str, str] | None = None,
) -> Any:  # fmt: skip
    """`body` with `value` in the field at `path`; what stands around the field is made as small as it may be.

    `without` are the fields that an element of a list must not have then, `beside` those that it must have.
    """
    if not path:
        return value
    schema = resolved(schema)
    if "oneOf" in schema:
        schema = resolved(next(one for one in schema["oneOf"] if one.get("type") != "null"))
    head, rest = path[0], path[1:]
    if head == ITEM:
        first = body[0] if body else smallest(schema["items"])
        if without or beside:
            first = {name: one for name, one in first.items() if name not in without} | dict(beside or {})
        return [with_value(first, rest, value, schema["items"]), *(body or [])[1:]]
    body = smallest(schema) if body is None else body
    return body | {head: with_value(body.get(head), rest, value, schema["properties"][head], without, beside)}


def request(owner: Owner, route: Route, identity: str, body: Any, *, key: bool) -> tuple[int, Any]:
    """Status and body of a call with `identity` in the path; the trace id differs and is left out."""
    path = path_of(route, identity)
    options: dict[str, Any] = {"key": str(new_id())} if key else {}
    given = {} if route.method in ("GET", "DELETE") else {"json": body}
    answer = owner.api.request(route.method, path, **given, **options)
    json = answer.headers.get("Content-Type", "").startswith("application/json")
    value = answer.json() if json else answer.content or None
    if isinstance(value, dict):
        value.pop("traceId", None)
    return answer.status_code, value


def digest(owner: Owner) -> dict[str, str]:
    """Every row of every table that the tenant can see, as one digest per table."""
    digests = {}
    with tenant_scope(owner.tenant.id), connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT t::text FROM {connection.ops.quote_name(table)} t ORDER BY 1")
            rows = "\n".join(row[0] for row in cursor.fetchall())
            digests[table] = hashlib.sha256(rows.encode()).hexdigest()
    return digests


def assert_unchanged(before: list[dict[str, str]], *owners: Owner) -> None:
    """No table of any owner has another row than before."""
    for then, owner in zip(before, owners, strict=True):
        now = digest(owner)
        assert [table for table in then if then[table] != now[table]] == []


@pytest.mark.parametrize("key", [False, True], ids=["without key", "with key"])
@pytest.mark.parametrize("route", IN_PATH, ids=str)
def test_an_id_in_the_path_of_another_tenant_does_not_exist(route: Route, key: bool, caller: Owner, other: Owner):
    if key and not route.mutates:
        pytest.skip("reads take no idempotency key")
    prefix = path_prefix(route)
    identities = objects_of(prefix, other)
    body = valid_body(route)
    before = [digest(caller), digest(other)]
    unknown = request(caller, route, missing_id(prefix), body, key=key)
    assert unknown[0] == 404, f"{unknown}: if the body is refused, give a valid one in objects.BODIES"
    for identity in identities:
        assert request(caller, route, identity, body, key=key) == unknown
    assert_unchanged(before, caller, other)


@pytest.mark.parametrize("route", IN_PATH, ids=str)
def test_the_same_id_exists_for_its_owner(route: Route, other: Owner):
    """Otherwise the test above would prove nothing."""
    for identity in objects_of(path_prefix(route), other):
        status, body = request(other, route, identity, valid_body(route), key=False)
        # What the body names may be missing; then it is named in details.
        assert status != 404 or body.get("details"), body


@pytest.mark.parametrize("field", IN_BODY, ids=str)
def test_an_id_in_a_body_of_another_tenant_does_not_exist(field: Field, caller: Owner, other: Owner):
    route = field.route
    own = objects_of(path_prefix(route), caller)[-1] if "{" in route.path else ""
    identities = objects_of(field.prefix, other)
    schema = body_schema(route)
    assert schema is not None

    def ask(identity: str) -> tuple[int, Any]:
        body = with_value(
            valid_body(route), field.path, identity, schema, INSTEAD.get(field.path, frozenset()),
            BESIDE.get(field.path),
        )  # fmt: skip
        others = ALTERNATIVES.get(str(route), frozenset()) - {field.path[0]}
        if others:
            body = {name: value for name, value in body.items() if name not in others}
        return request(caller, route, own, body, key=True)

    before = [digest(caller), digest(other)]
    unknown = ask(missing_id(field.prefix))
    assert unknown[0] == 404, f"{unknown}: if the body is refused, give a valid one in objects.BODIES"
    assert unknown[1]["details"], "a body id that does not exist is named in details"
    for identity in identities:
        assert ask(identity) == unknown
    assert_unchanged(before, caller, other)


@pytest.mark.parametrize("field", IN_QUERY, ids=str)
def test_a_filter_by_an_id_of_another_tenant_finds_nothing(field: Field, caller: Owner, other: Owner):
    [name] = field.path
    path, whole = field.route.path, "{" not in field.route.path
    if not whole:
        path = path.replace("{id}", objects_of(path_prefix(field.route), caller)[-1])
    identities = [missing_id(field.prefix), *objects_of(field.prefix, other)]
    answers = [caller.api.get(f"{path}?{name}={identity}") for identity in identities]
    nothing = {"data": [], "hasMore": False, "nextCursor": None}
    for answer in answers:
        # Inside one object the filter chooses what is shown, and finds of another tenant what it finds of nobody.
        assert (answer.status_code, answer.json()) == (200, nothing if whole else answers[0].json())


def test_every_kind_of_id_in_the_document_has_a_factory():
    wanted = {path_prefix(route) for route in IN_PATH} | {field.prefix for field in (*IN_BODY, *IN_QUERY)}
    assert wanted <= set(FACTORIES), f"add what makes {wanted - set(FACTORIES)} to objects.FACTORIES"
