"""Claims about `/api/plans`."""

from __future__ import annotations

from typing import Any

import pytest

from billing.models import Plan, PlanFeature, PlanPrice
from common.ids import encode_id, new_id
from common.prefixes import APPLICATION, FEATURE, PRICE
from tenants.models import AuditEntry, Tenant
from tenants.registries import in_use_guards
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.billing.catalogue import Catalogue, body, problems, refusal
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
FIELDS = {
    "id", "object", "name", "slug", "description", "applicationId", "status", "multiple", "version", "versionId",
    "currency", "trialDays", "prices", "features", "minimumCommitment", "metadata", "createdAt", "updatedAt",
}  # fmt: skip


@pytest.fixture
def shop(api: Api) -> Catalogue:
    return Catalogue(api)


@pytest.fixture
def make_application(tenant: Tenant) -> Any:
    def make(slug: str) -> str:
        with tenant_scope(tenant.id):
            return encode_id(APPLICATION, create_application(tenant_id=tenant.id, slug=slug, name=slug, at=AT).id)

    return make


def test_every_field_given_is_shown_and_found_where_location_says(
    api: Api, shop: Catalogue, make_application: Any
) -> None:
    application = make_application("shop")
    prices = [shop.price()["id"], shop.price(interval="year")["id"]]
    calls = shop.feature(key="calls", defaultLimit=100)
    seats = shop.feature(key="seats", type="seat", applicationId=application)
    sso = shop.feature(key="sso", type="boolean")
    given = {
        "name": "Pro", "slug": "pro-2026", "description": "All of it.\nMonthly.", "applicationId": application,
        "currency": "EUR", "trialDays": 14, "prices": prices, "minimumCommitment": 1000, "multiple": True,
        "metadata": {"a": "b"},
    }  # fmt: skip
    features = [
        {"featureId": calls["id"], "limit": -1, "softLimit": True, "resetPeriod": "year"}, {"featureKey": "seats"},
        {"featureKey": "calls2", "limit": 0}, {"featureKey": "sso"},
    ]  # fmt: skip
    shop.feature(key="calls2", defaultLimit=7)
    answer = api.post("/api/plans", {**given, "features": features})
    plan = body(answer)
    assert (answer.status_code, answer["Location"]) == (201, f"/api/plans/{plan['id']}")
    assert plan.keys() == FIELDS
    assert {name: plan[name] for name in given} == given
    assert (plan["object"], plan["status"], plan["version"]) == ("plan", "draft", 1)
    shown = [(one["featureKey"], one["limit"], one["softLimit"], one["resetPeriod"]) for one in plan["features"]]
    assert shown == [
        ("calls", -1, True, "year"), ("seats", -1, False, "never"), ("calls2", 0, False, "billing_period"),
        ("sso", None, False, "never"),
    ]  # fmt: skip
    assert [one["featureId"] for one in plan["features"]][::3] == [calls["id"], sso["id"]]
    assert plan["features"][1]["featureId"] == seats["id"]
    assert body(api.get(answer["Location"])) == plan
    (version,) = body(api.get(f"{answer['Location']}/versions"))["data"]
    assert (version["id"], version["status"], version["name"]) == (plan["versionId"], "draft", "Pro")
    assert (version["prices"], version["features"]) == (prices, plan["features"])


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Pro & more", "pro-more"), ("Größe XL", "groe-xl"), ("a" * 70, "a" * 64), ("Pro_2026 ", "pro-2026")],
)
def test_a_slug_is_made_of_the_name(shop: Catalogue, name: str, slug: str) -> None:
    assert shop.plan(name=name)["slug"] == slug


def test_a_name_that_gives_no_slug_needs_one(api: Api, shop: Catalogue) -> None:
    assert problems(api.post("/api/plans", {"name": "製品", "currency": "EUR"})) == {"slug": "required"}
    assert shop.plan(name="製品", slug="goods")["slug"] == "goods"


def test_a_slug_is_unique_among_global_plans_and_within_each_application(
    api: Api, shop: Catalogue, make_application: Any
) -> None:
    application = make_application("shop")
    shop.plan(name="Pro")
    other = shop.plan(name="Pro", applicationId=application)
    for scope in ({}, {"applicationId": application}):
        refused = api.post("/api/plans", {"name": "Pro", "currency": "USD", **scope})
        assert problems(refused, 409) == {"slug": "already_exists"}
    assert problems(api.patch(f"/api/plans/{other['id']}", {"applicationId": None}), 409) == {"slug": "already_exists"}


@pytest.mark.django_db(transaction=True)
def test_of_two_plans_with_one_slug_at_once_one_wins(api: Api, at_once: Any) -> None:
    answers = at_once(*[lambda: api.post("/api/plans", {"name": "Pro", "currency": "EUR"}).status_code] * 3)
    assert sorted(answers) == [201, 409, 409]


def test_every_problem_is_listed_at_once(api: Api) -> None:
    wrong = {
        "name": "", "slug": "Pro!", "currency": "XXX", "trialDays": -1, "prices": ["prd_1", 5], "multiple": 1,
        "features": [{"limit": -2}, {"featureKey": "a", "featureId": encode_id(FEATURE, new_id())},
                     {"featureKey": "A", "resetPeriod": "daily", "x": 1}, 5],
        "minimumCommitment": -1, "status": "active", "applicationId": "shop",
    }  # fmt: skip
    assert problems(api.post("/api/plans", wrong)) == {
        "name": "required", "slug": "invalid", "currency": "invalid_currency", "trialDays": "too_small",
        "prices[0]": "invalid_id", "prices[1]": "invalid_id", "multiple": "invalid",
        "features[0].limit": "too_small", "features[1].featureKey": "mutually_exclusive",
        "features[2].featureKey": "invalid", "features[2].resetPeriod": "invalid_choice", "features[2].x":
        "unknown_field", "features[3]": "invalid", "minimumCommitment": "too_small", "status": "unknown_field",
        "applicationId": "invalid_id",
    }  # fmt: skip
    assert problems(api.post("/api/plans", {})) == {"name": "required", "currency": "required"}
    assert problems(api.post("/api/plans", {"name": "P", "currency": "EUR", "features": [{}]})) == {
        "features[0].featureId": "required"
    }


def test_what_does_not_fit_is_refused_with_its_path_and_nothing_is_written(
    api: Api, shop: Catalogue, tenant: Tenant, make_application: Any
) -> None:
    price, dollars, sold_out = shop.price()["id"], shop.price(currency="USD")["id"], shop.price(active=False)["id"]
    calls, sso = shop.feature(key="calls")["id"], shop.feature(key="sso", type="boolean")["id"]
    old = shop.feature(key="old")["id"]
    api.post(f"/api/features/{old}/archive")
    foreign = shop.feature(key="foreign", applicationId=make_application("other"))["id"]
    unknown = encode_id(PRICE, new_id())
    cases: list[tuple[dict[str, Any], int, dict[str, str]]] = [
        ({"prices": [price, dollars]}, 422, {"prices[1]": "currency_mismatch"}),
        ({"prices": [price, sold_out]}, 422, {"prices[1]": "price_inactive"}),
        ({"prices": [price, price]}, 400, {"prices[1]": "invalid"}),
        ({"prices": [price, unknown]}, 404, {"prices[1]": "not_found"}),
        ({"features": [{"featureId": calls}, {"featureKey": "calls"}]}, 400, {"features[1]": "invalid"}),
        ({"features": [{"featureId": calls}, {"featureId": old}]}, 409, {"features[1]": "feature_archived"}),
        ({"features": [{"featureId": foreign}]}, 422, {"features[0]": "application_mismatch"}),
        ({"features": [{"featureKey": "foreign"}]}, 404, {"features[0].featureKey": "not_found"}),
        ({"features": [{"featureId": encode_id(FEATURE, new_id())}]}, 404, {"features[0].featureId": "not_found"}),
        ({"features": [{"featureId": sso, "limit": 0, "softLimit": True, "resetPeriod": "month"}]}, 400,
         {f"features[0].{name}": "invalid" for name in ("limit", "softLimit", "resetPeriod")}),
        ({"applicationId": encode_id(APPLICATION, new_id())}, 404, {"applicationId": "not_found"}),
    ]  # fmt: skip
    draft = shop.plan(prices=[price])
    for fields, status, expected in cases:
        assert problems(api.post("/api/plans", {"name": "Pro", "currency": "EUR", **fields}), status) == expected
        assert problems(api.patch(f"/api/plans/{draft['id']}", fields), status) == expected
    assert body(api.get("/api/plans"))["data"] == [draft]
    with tenant_scope(tenant.id):
        assert (Plan.objects.count(), PlanPrice.objects.count(), PlanFeature.objects.count()) == (1, 1, 0)


def test_a_draft_changes_in_everything_and_its_version_with_it(
    api: Api, shop: Catalogue, make_application: Any
) -> None:
    plan = shop.plan(prices=[shop.price()["id"]], features=[{"featureId": shop.feature()["id"]}], description="Old")
    path = f"/api/plans/{plan['id']}"
    dollars = shop.price(currency="USD")["id"]
    assert problems(api.patch(path, {"currency": "USD"}), 422) == {"prices[0]": "currency_mismatch"}
    patch = {"name": "New", "slug": "new", "description": None, "applicationId": make_application("shop"),
             "currency": "USD", "trialDays": 30, "prices": [dollars], "features": [], "minimumCommitment": 5,
             "multiple": True, "metadata": {"x": "y"}}  # fmt: skip
    changed = body(api.patch(path, patch))
    assert changed == plan | patch | {"updatedAt": changed["updatedAt"]}
    (version,) = body(api.get(f"{path}/versions"))["data"]
    for name in ("name", "description", "currency", "trialDays", "prices", "features", "minimumCommitment"):
        assert version[name] == changed[name], name
    assert body(api.patch(path, {"minimumCommitment": None}))["minimumCommitment"] is None
    assert body(api.patch(path, {"prices": None, "name": None})) == body(api.get(path))


def test_of_a_published_plan_only_the_name_description_and_metadata_change(api: Api, shop: Catalogue) -> None:
    plan = shop.plan(prices=[shop.price()["id"]])
    shop.publish(plan)
    path = f"/api/plans/{plan['id']}"
    active = body(api.get(path))
    assert active["status"] == "active"
    wrong = {"name": "New", "prices": [], "trialDays": 5, "slug": "x", "applicationId": None, "currency": "USD"}
    refused = api.patch(path, wrong)
    assert refusal(refused) == (409, "plan_published")
    assert set(problems(refused, 409)) == {"prices", "trialDays", "slug", "applicationId", "currency"}
    patch = {"name": "New", "description": "Text", "metadata": {"a": "b"}}
    changed = body(api.patch(path, patch))
    assert changed == active | patch | {"updatedAt": changed["updatedAt"]}
    assert body(api.get(f"{path}/versions"))["data"][0]["name"] == plan["name"]


def test_an_archived_plan_is_over(api: Api, shop: Catalogue) -> None:
    plan = shop.plan()
    shop.publish(plan)
    shop.version(plan)
    path = f"/api/plans/{plan['id']}"
    archived = body(api.post(f"{path}/archive"))
    assert archived["status"] == "archived"
    assert body(api.post(f"{path}/archive", {})) == archived
    for answer in (
        api.patch(path, {"name": "New"}),
        api.post(f"{path}/versions", {}),
        api.post(f"{path}/versions/2/publish", {}),
    ):
        assert refusal(answer) == (409, "plan_archived")
    assert body(api.get(path)) == archived


def test_a_plan_is_deleted_unless_it_was_published_or_something_refers_to_it(
    api: Api, shop: Catalogue, tenant: Tenant
) -> None:
    feature = shop.feature()["id"]
    plan = shop.plan(prices=[shop.price()["id"]], features=[{"featureId": feature}])
    shop.version(plan)
    path = f"/api/plans/{plan['id']}"
    in_use_guards.register("tests", lambda **_: "3 customers have it", entity="plan")
    try:
        refused = api.delete(path)
    finally:
        in_use_guards.unregister("tests", entity="plan")
    assert refusal(refused) == (409, "plan_in_use")
    assert refusal(api.delete(f"/api/features/{feature}")) == (409, "feature_in_use")
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert api.delete(f"/api/features/{feature}").status_code == 204
    with tenant_scope(tenant.id):
        assert (PlanPrice.objects.count(), PlanFeature.objects.count()) == (0, 0)
    published = shop.plan()
    shop.publish(published)
    api.post(f"/api/plans/{published['id']}/archive")
    assert refusal(api.delete(f"/api/plans/{published['id']}")) == (409, "plan_in_use")


def test_lists_are_newest_first_and_filtered(api: Api, other_api: Api, shop: Catalogue, make_application: Any) -> None:
    application = make_application("shop")
    one, two = shop.plan(slug="one")["id"], shop.plan(slug="two", applicationId=application)["id"]
    shop.publish({"id": two})
    Catalogue(other_api).plan()

    def found(query: str) -> list[str]:
        return [plan["id"] for plan in body(api.get(f"/api/plans?{query}"))["data"]]

    assert found("") == [two, one]
    assert (found("slug=one"), found("status=active,archived"), found(f"applicationId={application}")) == (
        [one], [two], [two],
    )  # fmt: skip
    assert problems(api.get("/api/plans?status=x&applicationId=y&name=z")) == {
        "status": "invalid_choice", "applicationId": "invalid_id", "name": "unknown_parameter",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("granted", "method", "path"),
    [
        ("catalogue:read", "POST", "/api/plans"), ("catalogue:write", "GET", "/api/plans"),
        ("products:write", "PATCH", "/api/plans/plan_x"), ("products:write", "DELETE", "/api/plans/plan_x"),
        ("catalogue:read", "POST", "/api/plans/plan_x/versions/1/publish"),
    ],
)  # fmt: skip
def test_each_route_needs_its_scope(tenant: Tenant, api_of: Any, granted: str, method: str, path: str) -> None:
    assert refusal(api_of(tenant, granted).request(method, path, {})) == (403, "insufficient_scope")


def test_reading_costs_the_same_however_many_there_are(
    api: Api, shop: Catalogue, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        features = [{"featureId": shop.feature()["id"]} for _ in range(2)]
        plan = shop.plan(prices=[shop.price()["id"], shop.price()["id"]], features=features)
        shop.version(plan)
    read = 4  # plans, the versions that stand for them, their prices, their features
    with django_assert_num_queries(FRAME_QUERIES + read):
        api.get("/api/plans")
    with django_assert_num_queries(FRAME_QUERIES + read):
        api.get(f"/api/plans/{plan['id']}")
    with django_assert_num_queries(FRAME_QUERIES + 4):  # is there the plan; versions, prices, features
        api.get(f"/api/plans/{plan['id']}/versions")


def test_writing_costs_a_known_number_of_queries(api: Api, shop: Catalogue, django_assert_num_queries: Any) -> None:
    price, feature = shop.price()["id"], shop.feature()["id"]
    given = {"name": "Pro", "currency": "EUR", "prices": [price], "features": [{"featureId": feature}]}
    with django_assert_num_queries(FRAME_QUERIES + 14):
        # Prices and features are looked up; the plan with a savepoint, its version; two lists, emptied and filled; read
        # again.
        plan = body(api.post("/api/plans", given))
    with django_assert_num_queries(FRAME_QUERIES + 15):
        api.patch(f"/api/plans/{plan['id']}", {"name": "New", "prices": [price]})
    with django_assert_num_queries(FRAME_QUERIES + 13):
        api.post(f"/api/plans/{plan['id']}/versions/1/publish", {})


def test_the_other_routes_of_plans_cost_a_known_number_of_queries(
    api: Api, shop: Catalogue, django_assert_num_queries: Any
) -> None:
    plan = shop.plan(prices=[shop.price()["id"]], features=[{"featureId": shop.feature()["id"]}])
    path, other = f"/api/plans/{plan['id']}", f"/api/plans/{shop.plan()['id']}"
    with django_assert_num_queries(FRAME_QUERIES + 12):
        # The plan, the latest version with its lists; the new one, two lists, emptied and filled; read again.
        api.post(f"{path}/versions", {"trialDays": 1})
    shop.publish(plan)
    with django_assert_num_queries(FRAME_QUERIES + 6):  # the plan, the version with its lists, the reason, the update
        api.post(f"{path}/versions/1/deactivate", {"reason": "x"})
    with django_assert_num_queries(FRAME_QUERIES + 2 + 4):
        api.post(f"{path}/archive", {})
    with django_assert_num_queries(FRAME_QUERIES + 8):  # the plan, was it published; four tables and a savepoint
        api.delete(other)


def test_each_change_is_in_the_audit_trail(api: Api, shop: Catalogue, tenant: Tenant) -> None:
    plan = shop.plan(prices=[shop.price()["id"]])
    shop.publish(plan)
    api.post(f"/api/plans/{plan['id']}/versions/1/deactivate", {"reason": "Too cheap"})
    api.post(f"/api/plans/{plan['id']}/archive")
    with tenant_scope(tenant.id):
        entries = AuditEntry.objects.filter(entity_type__startswith="plan").order_by("id")
        assert [entry.action for entry in entries] == [
            "plan.created", "planVersion.created", "planPrice.created", "plan.activated", "planVersion.published",
            "planVersion.deactivated", "plan.archived",
        ]  # fmt: skip
        assert [entry.reason for entry in entries if entry.reason] == ["Too cheap"]
