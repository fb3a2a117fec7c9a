"""Claims about `/api/prices`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.models import Price
from billing.rating.prices import price_data, price_from
from billing.services.prices import mark_prices_used
from common.ids import decode_id, encode_id, new_id
from common.prefixes import FEATURE, METER, PRICE, PRODUCT
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
TIERS = [{"upTo": "10", "unitAmount": 100}, {"upTo": "20.5", "unitAmount": "0.000000000001", "flatAmount": 7},
         {"upTo": None, "unitAmount": 0}]  # fmt: skip
# Terms of each model, and what of them is shown otherwise than it was given.
MODELS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"model": "flat", "unitAmount": 4900, "interval": "year"}, {"intervalCount": 1, "billing": "advance"}),
    ({"unitAmount": "0.0035", "includedUnits": "10"}, {"model": "per_unit", "interval": None, "intervalCount": None}),
    ({"model": "per_unit", "unitAmount": "49.00", "taxBehavior": "inclusive"},
     {"unitAmount": 49, "includedUnits": "0"}),
    ({"model": "package", "unitAmount": 500, "packageSize": 1000, "minimumSpend": 5, "maximumSpend": 10**15},
     {"packageSize": "1000"}),
    ({"model": "percentage", "rate": "2.9", "fixedAmount": 30, "freeUnits": 3, "perTransactionMin": 10,
      "perTransactionMax": "1000.5"}, {"billing": "arrears"}),
]  # fmt: skip


def body(answer: Any) -> Any:
    return json.loads(answer.content)


def problems(answer: Any, status: int = 400) -> dict[str, str]:
    assert answer.status_code == status, answer.content
    return {one["path"]: one["code"] for one in body(answer)["details"]}


@pytest.fixture
def product(api: Api) -> str:
    made: str = body(api.post("/api/products", {"name": "API", "type": "recurring"}))["id"]
    return made


@pytest.fixture
def create(api: Api, product: str) -> Any:
    def make(**fields: Any) -> Any:
        answer = api.post("/api/prices", {"productId": product, "currency": "EUR", "unitAmount": 100} | fields)
        assert answer.status_code == 201, answer.content
        return body(answer)

    return make


def use(tenant: Tenant, price: Any) -> None:
    with tenant_scope(tenant.id):
        mark_prices_used(tenant_id=tenant.id, price_ids=[decode_id(PRICE, price["id"])], at=AT)


def execute(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def kept(tenant: Tenant, price: Any) -> Price:
    with tenant_scope(tenant.id):
        return Price.objects.get(id=decode_id(PRICE, price["id"]))


@pytest.mark.parametrize(("terms", "shown"), MODELS)
def test_every_model_is_shown_as_given_and_kept_for_the_engine(
    api: Api, tenant: Tenant, product: str, terms: dict[str, Any], shown: dict[str, Any]
) -> None:
    answer = api.post("/api/prices", {"productId": product, "currency": "USD", "taxCode": "saas", **terms})
    price = body(answer)
    assert (answer.status_code, answer["Location"]) == (201, f"/api/prices/{price['id']}")
    expected = {"object": "price", "productId": product, "currency": "USD", "taxCode": "saas", "active": True} | terms
    assert {name: price[name] for name in expected | shown} == expected | shown
    assert (price["usedAt"], price["featureId"], price["meterId"]) == (None, None, None)
    assert body(api.get(answer["Location"])) == price
    assert kept(tenant, price).rated == price_from({"currency": "USD", **terms})


@pytest.mark.parametrize("model", ["graduated", "volume"])
def test_tiers_are_kept_exactly(create: Any, tenant: Tenant, model: str) -> None:
    price = create(unitAmount=None, model=model, tiers=TIERS)
    assert price["tiers"] == [
        {"upTo": "10", "unitAmount": 100, "flatAmount": 0, "rate": None},
        {"upTo": "20.5", "unitAmount": "0.000000000001", "flatAmount": 7, "rate": None},
        {"upTo": None, "unitAmount": 0, "flatAmount": 0, "rate": None},
    ]
    row = kept(tenant, price)
    assert row.rated == price_from({"currency": "EUR", "model": model, "tiers": TIERS})
    assert row.definition == price_data(row.rated)


def test_tiers_of_percentages_have_rates(create: Any) -> None:
    price = create(unitAmount=None, model="graduated_percentage", tiers=[{"upTo": 100, "rate": "2.5"}, {"rate": 1}])
    assert [(tier["upTo"], tier["rate"], tier["unitAmount"]) for tier in price["tiers"]] == [
        ("100", "2.5", None), (None, "1", None),
    ]  # fmt: skip


def test_a_product_has_prices_in_several_currencies_and_of_several_intervals(api: Api, create: Any) -> None:
    for currency in ("EUR", "USD", "JPY"):
        for interval in ("day", "week", "month", "quarter", "year"):
            create(currency=currency, interval=interval, intervalCount=2)
    assert len(body(api.get("/api/prices?currency=JPY"))["data"]) == 5


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"tiers": [{"upTo": 10, "unitAmount": 1}, {"upTo": 5, "unitAmount": 1}, {"unitAmount": 1}]},
         {"tiers[1].upTo": "tier_order"}),
        ({"tiers": [{"upTo": 10, "unitAmount": 1}, {"upTo": 10, "unitAmount": 1}, {"unitAmount": 1}]},
         {"tiers[1].upTo": "tier_overlap"}),
        ({"tiers": [{"upTo": None, "unitAmount": 1}, {"upTo": None, "unitAmount": 1}]},
         {"tiers[0].upTo": "tier_overlap"}),
        ({"tiers": [{"upTo": 10, "unitAmount": 1}]}, {"tiers[0].upTo": "tier_gap"}),
        ({"tiers": [{"upTo": 10, "unitAmount": 1}, {"from": 12, "unitAmount": 1}]}, {"tiers[1].from": "tier_gap"}),
        ({"tiers": [{"upTo": 10, "unitAmount": 1}, {"from": 9, "unitAmount": 1}]}, {"tiers[1].from": "tier_overlap"}),
        ({"tiers": []}, {"tiers": "too_short"}),
        ({"tiers": [5]}, {"tiers[0]": "invalid", "tiers[0].unitAmount": "required"}),
        ({"tiers": [{"upTo": n + 1, "unitAmount": 1} for n in range(500)] + [
            {"unitAmount": 1}]}, {"tiers": "too_long"}),
        ({"tiers": [{"unitAmount": "1e3", "flatAmount": 1.5, "rate": 1}]},
         {"tiers[0].unitAmount": "invalid", "tiers[0].flatAmount": "invalid", "tiers[0].rate": "unknown_field"}),
        ({"tiers": [{"unitAmount": 10**15 + 1}]}, {"tiers[0].unitAmount": "too_large"}),
        ({}, {"tiers": "required"}),
    ],
)  # fmt: skip
def test_a_wrong_tier_table_is_refused_with_its_path_and_nothing_is_written(
    api: Api, product: str, terms: dict[str, Any], expected: dict[str, str]
) -> None:
    answer = api.post("/api/prices", {"productId": product, "currency": "EUR", "model": "graduated", **terms})
    assert problems(answer) == expected
    assert body(api.get("/api/prices"))["data"] == []


def test_numbers_that_nothing_can_hold_are_refused_under_a_key_too(api: Api, create: Any) -> None:
    """The key compares bodies before the engine reads them."""
    path = f"/api/prices/{create()['id']}"
    answer = api.patch(path, {"model": "graduated", "tiers": [{"upTo": [1.5, 10**30], "unitAmount": {}}]}, key="k1")
    assert problems(answer).keys() >= {"tiers[0].upTo", "tiers[0].unitAmount"}


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"unitAmount": "0.0000000000001"}, {"unitAmount": "too_long"}),
        ({"unitAmount": 10**15 + 1}, {"unitAmount": "too_large"}),
        ({"unitAmount": -1}, {"unitAmount": "too_small"}),
        ({"unitAmount": 5.0}, {"unitAmount": "invalid"}),
        ({"unitAmount": True}, {"unitAmount": "invalid"}),
        ({}, {"unitAmount": "required"}),
        ({"unitAmount": 1, "interval": "fortnight"}, {"interval": "invalid_choice"}),
        ({"unitAmount": 1, "interval": "month", "intervalCount": 0}, {"intervalCount": "too_small"}),
        ({"unitAmount": 1, "interval": "month", "intervalCount": 1001}, {"intervalCount": "too_large"}),
        ({"unitAmount": 1, "intervalCount": 2}, {"intervalCount": "not_applicable"}),
        ({"unitAmount": 1, "tiers": []}, {"tiers": "not_applicable"}),
        ({"unitAmount": 1, "minimumSpend": 5, "maximumSpend": 4}, {"minimumSpend": "too_large"}),
        ({"unitAmount": 1, "maximumSpend": 10**15 + 1}, {"maximumSpend": "too_large"}),
        ({"unitAmount": 1, "metered": True}, {"metered": "unknown_field"}),
        ({"unitAmount": 1, "currency": "XXX"}, {"currency": "invalid_currency"}),
        ({"unitAmount": 1, "currency": None, "productId": "prd_1", "active": 1},
         {"currency": "required", "productId": "invalid_id", "active": "invalid"}),
        ({"model": "percentage", "rate": "100.1"}, {"rate": "too_large"}),
        ({"model": "percentage", "rate": 1, "billing": "advance"}, {"billing": "not_applicable"}),
        ({"model": "package", "unitAmount": 1}, {"packageSize": "required"}),
        ({"model": "cheap", "taxBehavior": "none"}, {"model": "invalid_choice", "taxBehavior": "invalid_choice",
                                                     "unitAmount": "required"}),
    ],
)  # fmt: skip
def test_every_problem_is_listed_with_its_path(
    api: Api, product: str, terms: dict[str, Any], expected: dict[str, str]
) -> None:
    assert problems(api.post("/api/prices", {"productId": product, "currency": "EUR", **terms})) == expected


@pytest.mark.parametrize(("field", "prefix"), [("productId", PRODUCT), ("meterId", METER), ("featureId", FEATURE)])
def test_what_does_not_exist_is_named(api: Api, product: str, create: Any, field: str, prefix: str) -> None:
    unknown = {field: encode_id(prefix, new_id())}
    answer = api.post("/api/prices", {"productId": product, "currency": "EUR", "unitAmount": 1} | unknown)
    assert problems(answer, 404) == {field: "not_found"}
    assert problems(api.patch(f"/api/prices/{create()['id']}", unknown), 404) == {field: "not_found"}


def test_a_price_of_a_metered_feature_charges_usage(api: Api, create: Any, tenant: Tenant, product: str) -> None:
    def feature(key: str, kind: str) -> str:
        made: str = body(api.post("/api/features", {"key": key, "name": key, "type": kind}))["id"]
        return made

    calls, seats, sso = feature("calls", "metered"), feature("seats", "seat"), feature("sso", "boolean")
    price = create(featureId=calls)
    assert (price["featureId"], price["billing"], kept(tenant, price).rated.metered) == (calls, "arrears", True)
    assert create(featureId=seats)["billing"] == "advance"
    path, given = "/api/prices", {"productId": product, "currency": "EUR", "unitAmount": 1}
    assert problems(api.post(path, {**given, "featureId": sso}), 422) == {"featureId": "feature_not_counted"}
    assert problems(api.post(path, {**given, "featureId": calls, "model": "flat"})) == {"featureId": "not_applicable"}
    other = create()
    assert body(api.patch(f"{path}/{other['id']}", {"featureId": calls}))["billing"] == "arrears"
    assert body(api.patch(f"{path}/{other['id']}", {"featureId": None}))["billing"] == "advance"
    api.post(f"/api/features/{calls}/archive")
    assert problems(api.post(path, {**given, "featureId": calls}), 409) == {"featureId": "feature_archived"}
    assert body(api.patch(f"{path}/{price['id']}", {"unitAmount": 2}))["unitAmount"] == 2


def test_an_unused_price_changes_in_everything(api: Api, create: Any, tenant: Tenant) -> None:
    price = create(interval="month", includedUnits="5", metadata={"a": "1"})
    path = f"/api/prices/{price['id']}"
    other = body(api.post("/api/products", {"name": "Other", "type": "recurring"}))["id"]
    patch = {"productId": other, "currency": "USD", "interval": "year", "intervalCount": 2, "unitAmount": "1.5",
             "taxBehavior": "inclusive", "taxCode": "x", "minimumSpend": 9, "active": False}  # fmt: skip
    changed = body(api.patch(path, {**patch, "metadata": {"a": None}}))
    assert changed == price | patch | {"metadata": {}, "updatedAt": changed["updatedAt"]}
    once = body(api.patch(path, {"interval": None, "minimumSpend": None}))
    assert (once["interval"], once["intervalCount"], once["minimumSpend"]) == (None, None, None)
    tiered = body(api.patch(path, {"model": "volume", "tiers": TIERS}))
    assert (tiered["unitAmount"], tiered["includedUnits"], len(tiered["tiers"])) == (None, "0", 3)
    assert problems(api.patch(path, {"tiers": TIERS[:1]})) == {"tiers[0].upTo": "tier_gap"}
    assert problems(api.patch(path, {"model": "percentage"})) == {"rate": "required"}
    assert body(api.patch(path, {"model": "percentage", "rate": 3}))["billing"] == "arrears"
    assert kept(tenant, price).rated.metered


def test_of_a_price_in_use_only_active_and_metadata_change(api: Api, create: Any, tenant: Tenant) -> None:
    price = create(interval="month")
    use(tenant, price)
    path = f"/api/prices/{price['id']}"
    used = body(api.get(path))
    assert used["usedAt"] == "2026-03-01T12:00:00.000Z"
    refused = api.patch(path, {"unitAmount": 200, "interval": "month", "taxCode": "x", "active": False})
    assert problems(refused, 409) == {"taxCode": "price_in_use", "unitAmount": "price_in_use"}
    assert body(refused)["code"] == "price_in_use"
    assert body(api.get(path)) == used
    assert body(api.patch(path, {"unitAmount": "100.0", "interval": "month"})) == used  # nothing would differ
    patch = {"active": False, "metadata": {"a": "b"}}
    changed = body(api.patch(path, patch))
    assert changed == used | patch | {"updatedAt": changed["updatedAt"]}


@pytest.mark.parametrize(
    "change",
    ["definition = jsonb_set(definition, '{unitAmount}', '\"1\"')", "tax_code = 'x'", "used_at = NULL",
     "used_at = now()", "product_id = id"],
)  # fmt: skip
def test_the_database_keeps_a_price_in_use(create: Any, tenant: Tenant, change: str) -> None:
    price = create()
    use(tenant, price)
    rows = Price.objects.filter(id=decode_id(PRICE, price["id"]))
    with tenant_scope(tenant.id):
        with pytest.raises(DatabaseError, match="only active and metadata"):
            execute(f"UPDATE billing_price SET {change}")
        with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
            rows.delete()
        assert rows.update(active=False, metadata={"a": "b"}) == 1


def test_the_database_refuses_what_makes_no_sense(create: Any, tenant: Tenant) -> None:
    create()
    for change in ("currency = 'USD'", "currency = 'eur'", "definition = '[]'", "definition = '{}'"):
        with tenant_scope(tenant.id), pytest.raises(DatabaseError):
            execute(f"UPDATE billing_price SET {change}")


def test_lists_are_newest_first_and_filtered(api: Api, other_api: Api, create: Any, product: str) -> None:
    one, two = create()["id"], create(currency="USD", active=False)["id"]

    def found(query: str) -> list[str]:
        return [price["id"] for price in body(api.get(f"/api/prices?{query}"))["data"]]

    assert found("") == found(f"productId={product}") == [two, one]
    assert (found("currency=EUR"), found("active=false"), found("active=true&currency=USD")) == ([one], [two], [])
    assert body(other_api.get("/api/prices"))["data"] == []
    assert problems(api.get("/api/prices?productId=x&active=y&currency=z&model=flat")) == {
        "productId": "invalid_id", "active": "invalid", "currency": "invalid_currency", "model": "unknown_parameter",
    }  # fmt: skip


def test_a_repeated_creation_under_one_key_makes_one_price(api: Api, product: str) -> None:
    given = {"productId": product, "currency": "EUR", "unitAmount": 1}
    first, again = api.post("/api/prices", given, key="k1"), api.post("/api/prices", given, key="k1")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert len(body(api.get("/api/prices"))["data"]) == 1


def test_prices_are_not_deleted_and_need_their_scope(api: Api, create: Any, tenant: Tenant, api_of: Any) -> None:
    answer = api.delete(f"/api/prices/{create()['id']}")
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, PATCH")
    for granted, method in (("catalogue:read", "POST"), ("catalogue:write", "GET"), ("products:write", "POST")):
        refused = api_of(tenant, granted).request(method, "/api/prices", {})
        assert (refused.status_code, body(refused)["code"]) == (403, "insufficient_scope")


def test_each_route_costs_a_known_number_of_queries(
    api: Api, create: Any, product: str, django_assert_num_queries: Any
) -> None:
    path = f"/api/prices/{create()['id']}"
    create()
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get(path)
    with django_assert_num_queries(FRAME_QUERIES + 1):
        api.get("/api/prices")
    with django_assert_num_queries(FRAME_QUERIES + 2):  # the product, the price
        api.post("/api/prices", {"productId": product, "currency": "EUR", "unitAmount": 1})
    with django_assert_num_queries(FRAME_QUERIES + 2):  # lock and update
        api.patch(path, {"unitAmount": 2})


def test_each_change_is_in_the_audit_trail(api: Api, create: Any, tenant: Tenant) -> None:
    api.patch(f"/api/prices/{create()['id']}", {"active": False})
    with tenant_scope(tenant.id):
        entries = list(AuditEntry.objects.filter(entity_type="price").order_by("id"))
    assert [entry.action for entry in entries] == ["price.created", "price.updated"]
    assert entries[1].after == {"active": False}
