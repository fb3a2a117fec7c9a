"""Claims about `/api/customers`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http.response import HttpResponse

from billing.models import Customer
from billing.services.erasing import erase_customers
from common.ids import decode_id, encode_id, new_id
from common.prefixes import CUSTOMER
from events.models import Event
from tenants.models import Tenant
from tenants.registries import in_use_guards
from tenants.scope import tenant_scope
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api

pytestmark = pytest.mark.django_db
FIELDS = {
    "id", "object", "externalId", "name", "email", "currency", "locale", "address", "vatId", "vatStatus", "taxIds",
    "taxExempt", "taxExemption", "balance", "testClockId", "erasedAt", "metadata", "createdAt", "updatedAt",
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "externalId": "user-1",
    "name": "Ada GmbH",
    "email": "ada@example.com",
    "currency": "CHF",
    "locale": "de-CH",
    "address": {
        "line1": "Weg 1",
        "line2": "Hof",
        "city": "Bern",
        "region": "BE",
        "postalCode": "3000",
        "country": "CH",
    },
    "vatId": "CHE-123.456.788",
    "taxExempt": True,
    "metadata": {"tier": "gold"},
}


def body(answer: Any) -> Any:
    return json.loads(answer.content)


def created(api: Api, **fields: Any) -> Any:
    answer = api.post("/api/customers", fields)
    assert answer.status_code == 201, answer.content
    return body(answer)


def problems(answer: HttpResponse) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    assert body(answer)["code"] == "validation_error"
    return {one["path"]: one["code"] for one in body(answer)["details"]}


def test_every_field_given_is_shown_and_found_where_location_says(api: Api) -> None:
    answer = api.post("/api/customers", WHOLE)
    customer = body(answer)
    assert answer.status_code == 201
    assert answer["Location"] == f"/api/customers/{customer['id']}"
    assert customer.keys() == FIELDS
    assert {name: customer[name] for name in WHOLE} == WHOLE
    assert customer["object"] == "customer"
    assert customer["vatStatus"] == "unverified"
    assert customer["balance"] == 0
    assert body(api.get(answer["Location"])) == customer


def test_a_customer_needs_nothing_and_shows_null_for_what_is_not_given(api: Api) -> None:
    customer = created(api)
    assert customer.keys() == FIELDS
    given = {"id", "object", "taxExempt", "balance", "metadata", "createdAt", "updatedAt"}
    assert {name for name, value in customer.items() if value is not None} == given
    assert (customer["taxExempt"], customer["metadata"]) == (False, {})


def test_null_means_absent_when_creating(api: Api) -> None:
    names = [*WHOLE, "name"]
    assert created(api, **dict.fromkeys(names))["name"] is None


def test_two_customers_may_share_an_email_address_but_not_an_external_id(api: Api) -> None:
    first = created(api, externalId="user-1", email="team@example.com")
    assert created(api, externalId="user-2", email="team@example.com")["id"] != first["id"]
    answer = api.post("/api/customers", {"externalId": "user-1"})
    assert (answer.status_code, body(answer)["code"]) == (409, "already_exists")
    assert body(answer)["details"][0]["path"] == "externalId"


def test_two_tenants_may_use_the_same_external_id(api: Api, other_api: Api) -> None:
    assert created(api, externalId="user-1")["id"] != created(other_api, externalId="user-1")["id"]


def test_a_refused_creation_leaves_nothing(api: Api, tenant: Tenant) -> None:
    created(api, externalId="user-1")
    api.post("/api/customers", {"externalId": "user-1", "name": "Second"})
    with tenant_scope(tenant.id):
        assert Customer.objects.count() == 1


def test_every_problem_is_listed_at_once_with_the_path_of_the_caller(api: Api) -> None:
    wrong = {
        "externalId": "x" * 256, "name": "n" * 256, "email": "nobody", "currency": "eur", "locale": "German",
        "address": {"country": "UK", "postalCode": "9" * 33, "street": "x", "city": 5}, "vatId": "DE 1!",
        "taxExempt": "yes", "metadata": {"k" * 41: "v", "ok": 1}, "testClockId": encode_id("clk", new_id()),
    }  # fmt: skip
    assert problems(api.post("/api/customers", wrong)) == {
        "externalId": "too_long", "name": "too_long", "email": "invalid", "currency": "invalid_currency",
        "locale": "invalid", "address.country": "invalid", "address.postalCode": "too_long",
        "address.street": "unknown_field", "address.city": "invalid", "vatId": "invalid", "taxExempt": "invalid",
        f"metadata.{'k' * 41}": "too_long", "metadata.ok": "invalid", "testClockId": "unknown_field",
    }  # fmt: skip


@pytest.mark.parametrize("address", [[], "Weg 1", 5, {"country": "de"}, {"country": None, "line1": 1}])
def test_an_address_that_is_none_is_refused(api: Api, address: Any) -> None:
    assert all(path.startswith("address") for path in problems(api.post("/api/customers", {"address": address})))


def test_an_address_shows_all_its_lines_and_one_without_lines_is_none(api: Api) -> None:
    assert created(api, address={"city": "Rom", "line2": None})["address"] == {
        "line1": None, "line2": None, "city": "Rom", "region": None, "postalCode": None, "country": None,
    }  # fmt: skip
    assert created(api, address={})["address"] is None
    assert created(api, address={"line1": None})["address"] is None


@pytest.mark.parametrize(
    "name",
    [
        'שלום בע"מ',
        "شركة الاختبار",
        "株式会社テスト",
        "Ünïcødé Ⅷ 🧾",
        "a\u202eb",
        "x" * 255,
        "🧾" * 255,
        "O'Brien; DROP TABLE",
        "\\u0000",
    ],
)
def test_names_come_back_as_they_were_sent(api: Api, name: str) -> None:
    customer = created(api, name=name, externalId=name)
    assert (customer["name"], customer["externalId"]) == (name, name)
    found = body(api.client.get("/api/customers", {"externalId": name}, headers=api.headers))
    assert [one["id"] for one in found["data"]] == [customer["id"]]


def test_strings_are_trimmed(api: Api) -> None:
    customer = created(api, externalId="  user-1 ", name="\tAda ", address={"city": " Bern "})
    assert (customer["externalId"], customer["name"], customer["address"]["city"]) == ("user-1", "Ada", "Bern")


def test_patch_changes_what_is_given_and_null_clears(api: Api) -> None:
    customer = created(api, **WHOLE)
    path = f"/api/customers/{customer['id']}"
    changed = body(api.patch(path, {"name": "Ada AG", "email": None, "address": None, "taxExempt": None}))
    assert changed == customer | {
        "name": "Ada AG", "email": None, "address": None, "updatedAt": changed["updatedAt"],
    }  # fmt: skip
    cleared = body(api.patch(path, dict.fromkeys(["name", "currency", "locale", "vatId"])))
    assert [cleared[name] for name in ("name", "currency", "locale", "vatId", "vatStatus")] == [None] * 5
    assert body(api.get(path)) == cleared


def test_patch_replaces_the_address_as_a_whole_and_merges_metadata(api: Api) -> None:
    customer = created(api, address={"city": "Bern", "country": "CH"}, metadata={"a": "1", "b": "2"})
    patch = {"address": {"city": "Rom"}, "metadata": {"a": None, "c": "3"}}
    changed = body(api.patch(f"/api/customers/{customer['id']}", patch))
    assert (changed["address"]["city"], changed["address"]["country"]) == ("Rom", None)
    assert changed["metadata"] == {"b": "2", "c": "3"}


def test_metadata_have_at_most_fifty_pairs_also_after_merging(api: Api) -> None:
    pairs = {f"k{number}": "v" * 500 for number in range(50)}
    path = f"/api/customers/{created(api, metadata=pairs)['id']}"
    assert problems(api.patch(path, {"metadata": {"one": "more"}})) == {"metadata": "too_long"}
    assert body(api.get(path))["metadata"] == pairs
    swapped = body(api.patch(path, {"metadata": {"one": "more", "k0": None}}))["metadata"]
    assert len(swapped) == 50


def test_a_patch_that_changes_nothing_is_no_change(api: Api, tenant: Tenant) -> None:
    customer = created(api, name="Ada", metadata={"a": "1"})
    path = f"/api/customers/{customer['id']}"
    assert body(api.patch(path, {})) == customer
    assert body(api.patch(path, {"name": "Ada", "metadata": {"a": "1", "z": None}})) == customer
    with tenant_scope(tenant.id):
        assert Customer.objects.get().version == 1


@pytest.mark.parametrize(
    "name", ["testClockId", "externalId", "id", "object", "balance", "createdAt", "vatStatus", "tenant"]
)
def test_patch_does_not_know_what_cannot_be_changed(api: Api, name: str) -> None:
    path = f"/api/customers/{created(api)['id']}"
    assert problems(api.patch(path, {name: "x"})) == {name: "unknown_field"}


def test_a_new_vat_number_is_unverified_again_and_the_same_one_keeps_its_status(api: Api, tenant: Tenant) -> None:
    customer = created(api, vatId="DE811907980")
    path = f"/api/customers/{customer['id']}"
    with tenant_scope(tenant.id):
        Customer.objects.update(vat_status="valid")
    assert body(api.patch(path, {"vatId": "DE811907980", "name": "Ada"}))["vatStatus"] == "valid"
    assert body(api.patch(path, {"vatId": "DE136695976"}))["vatStatus"] == "unverified"


def test_an_erased_customer_is_shown_but_not_changed(api: Api, tenant: Tenant, at: Any) -> None:
    customer = created(api)
    path = f"/api/customers/{customer['id']}"
    with tenant_scope(tenant.id):
        erase_customers(customer_ids=[decode_id(CUSTOMER, customer["id"])], at=at)
    answer = api.patch(path, {"name": "Ada"})
    assert (answer.status_code, body(answer)["code"]) == (409, "customer_erased")
    assert body(api.get(path))["erasedAt"] == "2026-03-01T12:00:00.000Z"


def test_a_customer_is_deleted_once(api: Api) -> None:
    path = f"/api/customers/{created(api)['id']}"
    answer = api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(path).status_code == 404
    assert api.delete(path).status_code == 404


def test_the_external_id_of_a_deleted_customer_is_free_again(api: Api) -> None:
    first = created(api, externalId="user-1")
    api.delete(f"/api/customers/{first['id']}")
    assert created(api, externalId="user-1")["id"] != first["id"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_another_tenant_has_reads_like_what_does_not_exist(api: Api, other_api: Api, method: str) -> None:
    customer = created(api, name="Ada")
    foreign = other_api.request(
        method, f"/api/customers/{customer['id']}", {"name": "Eve"} if method == "PATCH" else {}
    )
    nothing = [
        other_api.request(method, f"/api/customers/{text}", {})
        for text in (encode_id("cst", new_id()), encode_id("prd", new_id()), "cst_", "x" * 300, "%00", str(new_id()))
    ]
    for answer in (foreign, *nothing):
        assert answer.status_code == 404
        assert body(answer) | {"traceId": ""} == body(foreign) | {"traceId": ""}
    assert body(api.get(f"/api/customers/{customer['id']}")) == customer


def test_lists_are_newest_first_paged_and_filtered(api: Api, other_api: Api) -> None:
    ids = [created(api, externalId=f"user-{n}", email=f"{n % 2}@example.com")["id"] for n in range(5)]
    created(other_api, externalId="user-0", email="0@example.com")
    page = body(api.get("/api/customers?limit=3"))
    rest = body(api.get(f"/api/customers?limit=3&cursor={page['nextCursor']}"))
    assert [one["id"] for one in page["data"] + rest["data"]] == ids[::-1]
    assert (page["hasMore"], rest["hasMore"], rest["nextCursor"]) == (True, False, None)
    assert [one["id"] for one in body(api.get("/api/customers?externalId=user-3"))["data"]] == [ids[3]]
    assert [one["id"] for one in body(api.get("/api/customers?email=1@example.com"))["data"]] == [ids[3], ids[1]]
    assert body(api.get("/api/customers?email=nobody@example.com"))["data"] == []
    assert body(api.get("/api/customers?createdAt[lt]=2020-01-01T00:00:00Z"))["data"] == []
    assert len(body(api.get("/api/customers?createdAt[gte]=2020-01-01T00:00:00Z"))["data"]) == 5


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ("name=Ada", "name", "unknown_parameter"),
        ("limit=0", "limit", "too_small"),
        ("limit=101", "limit", "too_large"),
        ("createdAt=2026-01-01T00:00:00Z", "createdAt", "unknown_parameter"),
        ("createdAt[gte]=2026-01-01T00:00:00", "createdAt[gte]", "invalid_datetime"),
        ("externalId=", "externalId", "too_short"),
    ],
)
def test_wrong_parameters_of_lists_are_refused(api: Api, query: str, path: str, code: str) -> None:
    assert problems(api.get(f"/api/customers?{query}")) == {path: code}


@pytest.mark.parametrize(
    ("granted", "method", "path"),
    [
        ("customers:read", "POST", "/api/customers"),
        ("customers:read", "PATCH", "/api/customers/cst_x"),
        ("customers:read", "DELETE", "/api/customers/cst_x"),
        ("customers:write", "GET", "/api/customers"),
        ("products:read", "GET", "/api/customers/cst_x"),
    ],
)
def test_each_route_needs_its_scope(tenant: Tenant, api_of: Any, granted: str, method: str, path: str) -> None:
    answer = api_of(tenant, granted).request(method, path, {})
    assert (answer.status_code, body(answer)["code"]) == (403, "insufficient_scope")


def test_a_repeated_key_makes_one_customer_and_repeats_the_answer(api: Api, tenant: Tenant) -> None:
    first = api.post("/api/customers", {"name": "Ada"}, key="k1")
    again = api.post("/api/customers", {"name": "Ada"}, key="k1")
    assert (again.status_code, again.content, again["Location"]) == (201, first.content, first["Location"])
    assert again["Idempotent-Replayed"] == "true"
    assert api.post("/api/customers", {"name": "Eve"}, key="k1").status_code == 409
    with tenant_scope(tenant.id):
        assert Customer.objects.count() == 1


def test_a_refusal_frees_the_key(api: Api) -> None:
    created(api, externalId="user-1")
    assert api.post("/api/customers", {"externalId": "user-1"}, key="k1").status_code == 409
    assert api.post("/api/customers", {"externalId": "user-2"}, key="k1").status_code == 201


def test_lists_cost_the_same_for_one_row_and_for_many(api: Api, django_assert_num_queries: Any) -> None:
    for size in (1, 30):
        for _ in range(size):
            created(api)
        with django_assert_num_queries(FRAME_QUERIES + 2):  # grants that are due, the page
            api.get("/api/customers?limit=100")


def test_each_route_costs_a_known_number_of_queries(api: Api, django_assert_num_queries: Any) -> None:
    path = f"/api/customers/{created(api)['id']}"
    with django_assert_num_queries(FRAME_QUERIES + 2):
        api.get(path)
    with django_assert_num_queries(FRAME_QUERIES + 4):  # a savepoint around the row, the row, its event
        api.post("/api/customers", {"name": "Ada"})
    with django_assert_num_queries(FRAME_QUERIES + 3):  # lock, update, and what they are owed
        api.patch(path, {"name": "Ada"})
    with django_assert_num_queries(FRAME_QUERIES + 4 + len(list(in_use_guards.entries("customer")))):
        api.delete(path)


def test_a_creation_publishes_the_customer_as_the_api_shows_it(api: Api, tenant: Tenant) -> None:
    answer = api.post("/api/customers", WHOLE, x_trace_id="trace-1")
    api.post("/api/customers", WHOLE)
    api.patch(answer["Location"], {"name": "Ada AG"})
    with tenant_scope(tenant.id):
        event = Event.objects.get()
    assert (event.type, event.object_type, event.trace_id) == ("customer.created", "customer", "trace-1")
    assert event.object_id == decode_id("cst", body(answer)["id"])
    assert json.loads(event.data) == body(answer)


def test_ids_in_the_database_and_outside_are_the_same(api: Api, tenant: Tenant) -> None:
    customer = created(api)
    with tenant_scope(tenant.id):
        assert Customer.objects.get().id == decode_id("cst", customer["id"])
