"""Claims about `/api/products`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.http.response import HttpResponse

from billing.models import Product
from common.ids import encode_id, new_id
from tenants.models import AuditEntry, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api

pytestmark = pytest.mark.django_db
FIELDS = {
    "id", "object", "name", "description", "type", "price", "currency", "interval", "prorateOnChange", "active",
    "providerRefs", "metadata", "createdAt", "updatedAt",
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "name": "Pro", "description": "All of it.\nMonthly.", "type": "recurring", "price": 4900, "currency": "USD",
    "interval": "month", "prorateOnChange": True, "active": False, "metadata": {"sku": "P-1"},
}  # fmt: skip


def body(answer: Any) -> Any:
    return json.loads(answer.content)


def created(api: Api, **fields: Any) -> Any:
    answer = api.post("/api/products", {"name": "Pro", "type": "one_time", **fields})
    assert answer.status_code == 201, answer.content
    return body(answer)


def problems(answer: HttpResponse) -> dict[str, str]:
    assert answer.status_code == 400, answer.content
    return {one["path"]: one["code"] for one in body(answer)["details"]}


def test_every_field_given_is_shown_and_found_where_location_says(api: Api) -> None:
    answer = api.post("/api/products", WHOLE)
    product = body(answer)
    assert (answer.status_code, answer["Location"]) == (201, f"/api/products/{product['id']}")
    assert product.keys() == FIELDS
    assert {name: product[name] for name in WHOLE} == WHOLE
    assert (product["object"], product["providerRefs"]) == ("product", {})
    assert body(api.get(answer["Location"])) == product


def test_a_product_needs_a_name_and_a_type(api: Api) -> None:
    assert problems(api.post("/api/products", {})) == {"name": "required", "type": "required"}
    assert problems(api.post("/api/products", {"name": "  ", "type": None})) == {"name": "required", "type": "required"}
    product = created(api)
    given = {
        "id",
        "object",
        "name",
        "type",
        "prorateOnChange",
        "active",
        "providerRefs",
        "metadata",
        "createdAt",
        "updatedAt",
    }
    assert {name for name, value in product.items() if value is not None} == given
    assert (product["prorateOnChange"], product["active"]) == (False, True)


def test_the_old_spelling_of_one_time_is_read(api: Api) -> None:
    assert created(api, type="one-time")["type"] == "one_time"


def test_a_price_without_currency_is_in_the_currency_of_the_tenant(api: Api, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        TenantSettings.objects.update(default_currency="JPY")
    assert created(api, price=100)["currency"] == "JPY"
    assert created(api)["currency"] is None
    product = created(api)
    assert body(api.patch(f"/api/products/{product['id']}", {"price": 5}))["currency"] == "JPY"


def test_a_price_of_nothing_is_a_price(api: Api) -> None:
    assert created(api, price=0)["price"] == 0


def test_a_recurring_price_needs_an_interval(api: Api) -> None:
    assert problems(api.post("/api/products", {"name": "Pro", "type": "recurring", "price": 5})) == {
        "interval": "required"
    }
    product = created(api, type="recurring")
    path = f"/api/products/{product['id']}"
    assert problems(api.patch(path, {"price": 5})) == {"interval": "required"}
    assert body(api.get(path)) == product
    assert body(api.patch(path, {"price": 5, "interval": "quarter"}))["interval"] == "quarter"
    assert problems(api.patch(path, {"interval": None})) == {"interval": "required"}
    cleared = body(api.patch(path, {"interval": None, "price": None}))
    assert (cleared["interval"], cleared["price"]) == (None, None)


def test_every_problem_is_listed_at_once(api: Api) -> None:
    wrong = {
        "name": "n" * 256, "type": "monthly", "price": -1, "currency": "XXX", "interval": "fortnight",
        "prorateOnChange": 1, "active": "true", "metadata": [], "providerRefs": {}, "description": 5,
    }  # fmt: skip
    assert problems(api.post("/api/products", wrong)) == {
        "name": "too_long", "type": "invalid_choice", "price": "too_small", "currency": "invalid_currency",
        "interval": "invalid_choice", "prorateOnChange": "invalid", "active": "invalid", "metadata": "invalid",
        "providerRefs": "unknown_field", "description": "invalid",
    }  # fmt: skip


@pytest.mark.parametrize("price", ["5", 5.0, True, 10**15 + 1, 2**63, 10**400])
def test_a_price_is_an_integer_within_bounds(api: Api, price: Any) -> None:
    assert "price" in problems(api.post("/api/products", {"name": "Pro", "type": "one_time", "price": price}))


def test_the_largest_price_is_kept_exactly(api: Api) -> None:
    assert created(api, price=10**15)["price"] == 10**15


@pytest.mark.parametrize("name", ["מוצר", "منتج", "製品", "🧾" * 255])
def test_names_come_back_as_they_were_sent(api: Api, name: str) -> None:
    assert created(api, name=name)["name"] == name


def test_patch_changes_what_is_given_and_null_clears(api: Api) -> None:
    product = body(api.post("/api/products", WHOLE))
    path = f"/api/products/{product['id']}"
    patch = {"name": "Basic", "description": None, "price": 100, "metadata": {"sku": None, "x": "y"}, "active": True}
    changed = body(api.patch(path, patch))
    assert changed == product | patch | {"metadata": {"x": "y"}, "updatedAt": changed["updatedAt"]}
    assert body(api.get(path)) == changed
    assert body(api.patch(path, {"name": None, "prorateOnChange": None})) == changed


@pytest.mark.parametrize("name", ["type", "id", "object", "providerRefs", "createdAt"])
def test_patch_does_not_know_what_cannot_be_changed(api: Api, name: str) -> None:
    path = f"/api/products/{created(api)['id']}"
    assert problems(api.patch(path, {name: "one_time"})) == {name: "unknown_field"}


def test_toggle_flips_and_flips_back(api: Api) -> None:
    product = created(api)
    path = f"/api/products/{product['id']}"
    off = api.post(f"{path}/toggle", {})
    assert (off.status_code, body(off)["active"]) == (200, False)
    assert body(api.get(path))["active"] is False
    assert body(api.post(f"{path}/toggle"))["active"] is True
    assert problems(api.post(f"{path}/toggle", {"active": True})) == {"active": "unknown_field"}


def test_a_repeated_toggle_under_one_key_flips_once(api: Api) -> None:
    path = f"/api/products/{created(api)['id']}"
    first = api.post(f"{path}/toggle", {}, key="k1")
    again = api.post(f"{path}/toggle", {}, key="k1")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert body(api.get(path))["active"] is False


@pytest.mark.django_db(transaction=True)
def test_toggles_at_once_all_count(api: Api, at_once: Any) -> None:
    path = f"/api/products/{created(api)['id']}"
    answers = at_once(*[lambda: api.post(f"{path}/toggle", {}).status_code] * 5)
    assert answers == [200] * 5
    assert body(api.get(path))["active"] is False


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("PATCH", ""), ("POST", "/toggle")])
def test_what_another_tenant_has_reads_like_what_does_not_exist(
    api: Api, other_api: Api, method: str, suffix: str
) -> None:
    product = created(api)
    foreign = other_api.request(method, f"/api/products/{product['id']}{suffix}", {})
    for text in (encode_id("prd", new_id()), encode_id("cst", new_id()), "prd_", "%00"):
        answer = other_api.request(method, f"/api/products/{text}{suffix}", {})
        assert answer.status_code == foreign.status_code == 404
        assert body(answer) | {"traceId": ""} == body(foreign) | {"traceId": ""}
    assert body(api.get(f"/api/products/{product['id']}")) == product


def test_lists_are_newest_first_and_filtered(api: Api, other_api: Api) -> None:
    one, two = created(api)["id"], created(api, type="recurring", active=False)["id"]
    created(other_api)

    def found(query: str) -> list[str]:
        return [product["id"] for product in body(api.get(f"/api/products?{query}"))["data"]]

    assert found("") == [two, one]
    assert found("active=true") == [one]
    assert found("active=false") == [two]
    assert found("type=recurring") == [two]
    assert found("type=recurring,one_time") == [two, one]
    assert found("type=one_time&active=false") == []
    assert problems(api.get("/api/products?active=yes&type=x&name=y")) == {
        "active": "invalid", "type": "invalid_choice", "name": "unknown_parameter",
    }  # fmt: skip


def test_a_product_is_not_deleted(api: Api) -> None:
    answer = api.delete(f"/api/products/{created(api)['id']}")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, PATCH")


@pytest.mark.parametrize(
    ("granted", "method", "path"),
    [
        ("products:read", "POST", "/api/products"),
        ("products:read", "PATCH", "/api/products/prd_x"),
        ("products:read", "POST", "/api/products/prd_x/toggle"),
        ("products:write", "GET", "/api/products"),
        ("customers:read", "GET", "/api/products/prd_x"),
    ],
)
def test_each_route_needs_its_scope(tenant: Tenant, api_of: Any, granted: str, method: str, path: str) -> None:
    answer = api_of(tenant, granted).request(method, path, {})
    assert (answer.status_code, body(answer)["code"]) == (403, "insufficient_scope")


def test_each_route_costs_a_known_number_of_queries(api: Api, django_assert_num_queries: Any) -> None:
    path = f"/api/products/{created(api)['id']}"
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get(path)
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get("/api/products")
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.post("/api/products", {"name": "Pro", "type": "one_time"})
    with django_assert_num_queries(FRAME_QUERIES + 2):  # the price asks for the tenant's currency
        api.post("/api/products", {"name": "Pro", "type": "one_time", "price": 5})
    with django_assert_num_queries(FRAME_QUERIES + 2):  # lock and update
        api.patch(path, {"name": "Basic"})
    with django_assert_num_queries(FRAME_QUERIES + 2):
        api.post(f"{path}/toggle", {})


def test_each_change_is_in_the_audit_trail(api: Api, tenant: Tenant) -> None:
    path = f"/api/products/{created(api)['id']}"
    api.post(f"{path}/toggle", {})
    with tenant_scope(tenant.id):
        entries = list(AuditEntry.objects.filter(entity_type="product").order_by("id"))
    assert [(entry.action, entry.actor_type) for entry in entries] == [
        ("product.created", "service"), ("product.updated", "service"),
    ]  # fmt: skip
    assert entries[1].after == {"active": False}


@pytest.mark.parametrize(
    "columns",
    [
        {"name": ""}, {"type": "gift"}, {"price": -1, "currency": "EUR"}, {"price": 5}, {"interval": "hour"},
        {"type": "recurring", "price": 5, "currency": "EUR"}, {"currency": "eur"},
    ],
)  # fmt: skip
def test_the_database_refuses_what_makes_no_sense(scope: Tenant, at: Any, columns: dict[str, Any]) -> None:
    base = {"tenant_id": scope.id, "name": "Pro", "type": "one_time", "created_at": at, "updated_at": at}
    with pytest.raises(DatabaseError), transaction.atomic():
        Product.objects.create(**(base | columns))
