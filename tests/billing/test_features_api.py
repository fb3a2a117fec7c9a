"""Claims about `/api/features`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from billing.models import Feature
from common.ids import encode_id, new_id
from common.prefixes import APPLICATION, METER
from tenants.models import AuditEntry, Tenant
from tenants.registries import in_use_guards
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
WHOLE: dict[str, Any] = {
    "key": "api.calls", "name": "Calls", "type": "metered", "defaultLimit": 100, "unit": "calls",
    "metadata": {"team": "a"},
}  # fmt: skip


def body(answer: Any) -> Any:
    return json.loads(answer.content)


def created(api: Api, **fields: Any) -> Any:
    answer = api.post("/api/features", {"key": "calls", "name": "Calls", "type": "metered", **fields})
    assert answer.status_code == 201, answer.content
    return body(answer)


def problems(answer: Any, status: int = 400) -> dict[str, str]:
    assert answer.status_code == status, answer.content
    return {one["path"]: one["code"] for one in body(answer)["details"]}


@pytest.fixture
def application(tenant: Tenant) -> str:
    with tenant_scope(tenant.id):
        return encode_id(APPLICATION, create_application(tenant_id=tenant.id, slug="shop", name="Shop", at=AT).id)


def test_every_field_given_is_shown_and_found_where_location_says(api: Api, application: str) -> None:
    answer = api.post("/api/features", {**WHOLE, "applicationId": application})
    feature = body(answer)
    assert (answer.status_code, answer["Location"]) == (201, f"/api/features/{feature['id']}")
    assert {name: feature[name] for name in WHOLE} == WHOLE
    assert (feature["object"], feature["status"], feature["applicationId"]) == ("feature", "active", application)
    assert feature["meterId"] is None
    assert body(api.get(answer["Location"])) == feature


def test_licensed_is_read_as_seat(api: Api) -> None:
    assert created(api, type="licensed")["type"] == "seat"


def test_every_problem_is_listed_at_once(api: Api) -> None:
    wrong = {
        "key": "Calls", "name": "", "type": "x", "defaultLimit": -2, "unit": 5, "applicationId": "app_1", "status": "a",
    }  # fmt: skip
    assert problems(api.post("/api/features", wrong)) == {
        "key": "invalid", "name": "required", "type": "invalid_choice", "defaultLimit": "too_small", "unit": "invalid",
        "applicationId": "invalid_id", "status": "unknown_field",
    }  # fmt: skip
    assert problems(api.post("/api/features", {})) == {"key": "required", "name": "required", "type": "required"}


def test_a_switch_has_no_limit(api: Api) -> None:
    given = {"key": "sso", "name": "SSO", "type": "boolean"}
    assert problems(api.post("/api/features", {**given, "defaultLimit": 1})) == {"defaultLimit": "invalid"}
    path = f"/api/features/{created(api, **given)['id']}"
    assert problems(api.patch(path, {"defaultLimit": -1})) == {"defaultLimit": "invalid"}


def test_a_key_is_unique_among_global_features_and_within_each_application(api: Api, application: str) -> None:
    created(api)
    created(api, applicationId=application)
    for scope in ({}, {"applicationId": application}):
        answer = api.post("/api/features", {"key": "calls", "name": "Again", "type": "boolean", **scope})
        assert problems(answer, 409) == {"key": "already_exists"}
        assert body(answer)["code"] == "already_exists"


@pytest.mark.django_db(transaction=True)
def test_of_two_features_with_one_key_at_once_one_wins(api: Api, at_once: Any) -> None:
    given = {"key": "calls", "name": "Calls", "type": "metered"}
    answers = at_once(*[lambda: api.post("/api/features", given).status_code] * 3)
    assert sorted(answers) == [201, 409, 409]


@pytest.mark.parametrize("field", ["applicationId", "meterId"])
def test_what_does_not_exist_is_named(api: Api, field: str) -> None:
    prefix = {"applicationId": APPLICATION, "meterId": METER}[field]
    answer = api.post("/api/features", {**WHOLE, field: encode_id(prefix, new_id())})
    assert problems(answer, 404) == {field: "not_found"}
    assert body(api.get("/api/features"))["data"] == []


def test_patch_changes_what_is_given_and_null_clears(api: Api) -> None:
    feature = body(api.post("/api/features", WHOLE))
    path = f"/api/features/{feature['id']}"
    patch = {"name": "Requests", "defaultLimit": None, "unit": None, "metadata": {"team": None, "x": "y"}}
    changed = body(api.patch(path, patch))
    assert changed == feature | patch | {"metadata": {"x": "y"}, "updatedAt": changed["updatedAt"]}
    for name in ("key", "type", "applicationId", "status"):
        assert problems(api.patch(path, {name: "x"})) == {name: "unknown_field"}


def test_an_archived_feature_stays_and_does_not_change(api: Api) -> None:
    path = f"/api/features/{created(api)['id']}"
    archived = body(api.post(f"{path}/archive"))
    assert archived["status"] == "archived"
    assert body(api.post(f"{path}/archive", {})) == archived
    answer = api.patch(path, {"name": "Other"})
    assert (answer.status_code, body(answer)["code"]) == (409, "feature_archived")
    assert body(api.patch(path, {"name": "Calls"})) == archived


def test_a_feature_is_deleted_unless_something_refers_to_it(api: Api, tenant: Tenant) -> None:
    path = f"/api/features/{created(api)['id']}"
    in_use_guards.register("tests", lambda **_: "3 customers have it", entity="feature")
    try:
        refused = api.delete(path)
    finally:
        in_use_guards.unregister("tests", entity="feature")
    assert (refused.status_code, body(refused)["code"]) == (409, "feature_in_use")
    assert "3 customers have it" in body(refused)["message"]
    product = body(api.post("/api/products", {"name": "API", "type": "recurring"}))["id"]
    priced = created(api, key="priced")["id"]
    given = {"productId": product, "currency": "EUR", "unitAmount": 1, "featureId": priced}
    assert api.post("/api/prices", given).status_code == 201
    assert body(api.delete(f"/api/features/{priced}"))["code"] == "feature_in_use"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.filter(action="feature.deleted").count() == 1


def test_lists_are_newest_first_and_filtered(api: Api, other_api: Api) -> None:
    one, two = created(api)["id"], created(api, key="seats", type="seat")["id"]
    api.post(f"/api/features/{two}/archive")
    created(other_api)

    def found(query: str) -> list[str]:
        return [feature["id"] for feature in body(api.get(f"/api/features?{query}"))["data"]]

    assert found("") == [two, one]
    assert (found("key=calls"), found("type=seat,boolean"), found("status=archived")) == ([one], [two], [two])
    assert problems(api.get("/api/features?type=x&status=y&name=z")) == {
        "type": "invalid_choice", "status": "invalid_choice", "name": "unknown_parameter",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("granted", "method", "path"),
    [
        ("catalogue:read", "POST", "/api/features"), ("catalogue:write", "GET", "/api/features"),
        ("products:write", "DELETE", "/api/features/feat_x"),
        ("products:write", "POST", "/api/features/feat_x/archive"),
    ],
)  # fmt: skip
def test_each_route_needs_its_scope(tenant: Tenant, api_of: Any, granted: str, method: str, path: str) -> None:
    answer = api_of(tenant, granted).request(method, path, {})
    assert (answer.status_code, body(answer)["code"]) == (403, "insufficient_scope")


def test_each_route_costs_a_known_number_of_queries(api: Api, django_assert_num_queries: Any) -> None:
    path = f"/api/features/{created(api)['id']}"
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get(path)
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get("/api/features")
    with django_assert_num_queries(FRAME_QUERIES + 3):  # a savepoint around the unique key
        api.post("/api/features", {"key": "seats", "name": "Seats", "type": "seat"})
    with django_assert_num_queries(FRAME_QUERIES + 2):  # lock and update
        api.patch(path, {"name": "Requests"})
    with django_assert_num_queries(FRAME_QUERIES + 2):
        api.post(f"{path}/archive", {})
    with django_assert_num_queries(FRAME_QUERIES + 4):
        api.delete(path)


@pytest.mark.parametrize(
    "columns",
    [
        {"key": "Calls"}, {"key": "9"}, {"name": ""}, {"type": "x"}, {"status": "x"}, {"default_limit": -2},
        {"type": "boolean", "default_limit": 5}, {"key": "taken"},
    ],
)  # fmt: skip
def test_the_database_refuses_what_makes_no_sense(scope: Tenant, at: Any, columns: dict[str, Any]) -> None:
    base = {"tenant_id": scope.id, "name": "F", "type": "metered", "created_at": at, "updated_at": at}
    Feature.objects.create(**(base | {"key": "taken"}))
    with pytest.raises(DatabaseError), transaction.atomic():
        Feature.objects.create(**(base | {"key": "free"} | columns))
