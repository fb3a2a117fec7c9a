"""Claims about `/api/coupons`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.services.erasing import erase_customers
from common.clock import SystemClock, format_instant
from common.ids import decode_id, encode_id, new_id
from common.prefixes import APPLICATION, COUPON, CUSTOMER, PLAN, PRICE, PRODUCT
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tenants.services.tenants import create_application
from tests.billing.catalogue import Catalogue, body, problems, refusal
from tests.billing.conftest import FRAME_QUERIES
from tests.clients import Api
from tests.conftest import AT

pytestmark = pytest.mark.django_db
TEN = {"code": "TEN", "name": "Ten percent", "type": "percentage", "percentage": 10}
FIVE = {"code": "FIVE", "name": "Five euros", "type": "amount", "amount": 500, "currency": "EUR"}


@pytest.fixture
def shop(api: Api) -> Catalogue:
    return Catalogue(api)


def customer(api: Api) -> str:
    made: str = api.post("/api/customers", {"name": "Ada"}).json()["id"]
    return made


def in_hours(hours: float) -> str:
    return format_instant(SystemClock().now() + dt.timedelta(hours=hours))


def application_of(tenant: Tenant, slug: str = "shop") -> str:
    with tenant_scope(tenant.id):
        return encode_id(APPLICATION, create_application(tenant_id=tenant.id, slug=slug, name=slug, at=AT).id)


def test_a_coupon_shows_every_field(api: Api, shop: Catalogue, tenant: Tenant) -> None:
    price, plan, application = shop.price(), shop.plan(), application_of(tenant)
    given = {
        "code": "summer-26_a", "name": "Summer", "type": "amount", "amount": 500, "currency": "EUR",
        "duration": "once", "keepRemainder": True, "validFrom": "2026-06-01T00:00:00Z",
        "validUntil": "2026-09-01T00:00:00+02:00", "maxRedemptions": 100, "maxRedemptionsPerCustomer": 2,
        "planIds": [plan["id"]], "productIds": [price["productId"]], "priceIds": [price["id"]], "stackingOrder": -5,
        "applicationId": application, "metadata": {"a": "b"},
    }  # fmt: skip
    answer = api.post("/api/coupons", given)
    made = body(answer)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/coupons/{made['id']}"
    assert made == given | {
        "id": made["id"], "object": "coupon", "code": "SUMMER-26_A", "percentage": None, "durationPeriods": None,
        "validFrom": "2026-06-01T00:00:00.000Z", "validUntil": "2026-08-31T22:00:00.000Z", "timesRedeemed": 0,
        "active": True, "createdAt": made["createdAt"], "updatedAt": made["createdAt"],
    }  # fmt: skip
    for named in (made["id"], "SUMMER-26_A", "summer-26_a"):
        assert body(api.get(f"/api/coupons/{named}")) == made


def test_what_is_left_out_has_its_default(shop: Catalogue) -> None:
    made = shop.create("/api/coupons", TEN)
    assert (made["percentage"], made["amount"], made["currency"], made["duration"]) == ("10", None, None, "once")
    assert (made["stackingOrder"], made["keepRemainder"], made["active"]) == (100, False, True)
    assert (made["planIds"], made["productIds"], made["priceIds"]) == ([], [], [])
    assert (made["applicationId"], made["maxRedemptions"], made["maxRedemptionsPerCustomer"]) == (None, None, None)


def test_a_percentage_has_up_to_twelve_places(shop: Catalogue) -> None:
    fine = shop.create("/api/coupons", TEN | {"percentage": "33.333333333333"})
    assert fine["percentage"] == "33.333333333333"
    assert shop.create("/api/coupons", TEN | {"code": "ALL", "percentage": "100.0"})["percentage"] == "100"


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"code": ""}, {"code": "required"}),
        ({"code": "A B"}, {"code": "invalid"}),
        ({"code": "ÄPFEL"}, {"code": "invalid"}),
        ({"code": "A" * 65}, {"code": "too_long"}),
        ({"code": "CPN_01HQX3QGF2C8MHWY9S6ZWMF3YH"}, {"code": "invalid"}),
        ({"type": "free"}, {"type": "invalid_choice"}),
        ({"percentage": 0}, {"percentage": "too_small"}),
        ({"percentage": "0.0000000000001"}, {"percentage": "too_long"}),
        ({"percentage": "100.000000000001"}, {"percentage": "too_large"}),
        ({"percentage": 12.5}, {"percentage": "invalid"}),
        ({"percentage": None}, {"percentage": "required"}),
        ({"amount": 5, "currency": "EUR"}, {"amount": "not_applicable", "currency": "not_applicable"}),
        ({"type": "amount"}, {"percentage": "not_applicable", "amount": "required", "currency": "required"}),
        ({"type": "amount", "percentage": None, "amount": 0, "currency": "EUR"}, {"amount": "too_small"}),
        ({"type": "amount", "percentage": None, "amount": 5, "currency": "XXX"}, {"currency": "invalid_currency"}),
        ({"type": "amount", "percentage": None, "amount": 10**15 + 1, "currency": "EUR"}, {"amount": "too_large"}),
        ({"duration": "repeating"}, {"durationPeriods": "required"}),
        ({"duration": "forever", "durationPeriods": 3}, {"durationPeriods": "not_applicable"}),
        ({"duration": "repeating", "durationPeriods": 0}, {"durationPeriods": "too_small"}),
        ({"duration": "repeating", "durationPeriods": 1001}, {"durationPeriods": "too_large"}),
        ({"keepRemainder": True}, {"keepRemainder": "not_applicable"}),
        ({"maxRedemptions": 0}, {"maxRedemptions": "too_small"}),
        ({"maxRedemptionsPerCustomer": "2"}, {"maxRedemptionsPerCustomer": "invalid"}),
        ({"validFrom": "2026-01-01"}, {"validFrom": "invalid_datetime"}),
        ({"validFrom": "2026-01-01T00:00:00Z", "validUntil": "2026-01-01T00:00:00Z"}, {"validUntil": "invalid"}),
        ({"priceIds": ["prc_1"]}, {"priceIds[0]": "invalid_id"}),
        ({"timesRedeemed": 3}, {"timesRedeemed": "unknown_field"}),
        ({"name": None, "percentage": 101, "x": 1},
         {"name": "required", "percentage": "too_large", "x": "unknown_field"}),
    ],
    ids=lambda value: "",
)  # fmt: skip
def test_a_coupon_that_is_none_is_refused_with_every_problem(
    api: Api, given: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert problems(api.post("/api/coupons", TEN | given)) == wrong
    assert api.get("/api/coupons").json()["data"] == []


def test_a_code_is_taken_once_per_tenant_whatever_its_case(api: Api, other_api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN)
    assert problems(api.post("/api/coupons", FIVE | {"code": "ten"}), 409) == {"code": "already_exists"}
    assert other_api.post("/api/coupons", TEN).status_code == 201


@pytest.mark.parametrize(("field", "prefix"), [("planIds", PLAN), ("productIds", PRODUCT), ("priceIds", PRICE)])
def test_what_a_coupon_is_restricted_to_exists_in_the_tenant_and_is_named_once(
    api: Api, other_api: Api, shop: Catalogue, field: str, prefix: str
) -> None:
    def one(of: Catalogue) -> str:
        price = of.price()
        return str({PLAN: of.plan()["id"], PRODUCT: price["productId"], PRICE: price["id"]}[prefix])

    mine, theirs = one(shop), one(Catalogue(other_api))
    for unknown in (encode_id(prefix, new_id()), theirs):
        assert problems(api.post("/api/coupons", TEN | {field: [mine, unknown]}), 404) == {f"{field}[1]": "not_found"}
    assert problems(api.post("/api/coupons", TEN | {field: [mine, mine]})) == {f"{field}[1]": "invalid"}
    many = [encode_id(prefix, new_id()) for _ in range(101)]
    assert problems(api.post("/api/coupons", TEN | {field: many})) == {field: "too_long"}
    missing = encode_id(APPLICATION, new_id())
    assert problems(api.post("/api/coupons", TEN | {"applicationId": missing}), 404) == {"applicationId": "not_found"}
    assert api.get("/api/coupons").json()["data"] == []


def test_a_coupon_names_no_plan_that_is_archived(api: Api, shop: Catalogue) -> None:
    sold, over = shop.plan(name="Sold"), shop.plan(name="Over")
    assert api.post(f"/api/plans/{over['id']}/archive").status_code == 200
    refused = api.post("/api/coupons", TEN | {"planIds": [sold["id"], over["id"]]})
    assert refusal(refused) == (409, "plan_archived")
    assert problems(refused, 409) == {"planIds[1]": "plan_archived"}
    assert api.get("/api/coupons").json()["data"] == []
    shop.create("/api/coupons", TEN | {"planIds": [sold["id"]]})
    assert api.post(f"/api/plans/{sold['id']}/archive").status_code == 200
    assert api.get("/api/coupons/TEN").json()["planIds"] == [sold["id"]]


def test_a_plan_that_a_coupon_names_is_not_deleted(api: Api, shop: Catalogue) -> None:
    plan = shop.plan()
    shop.create("/api/coupons", TEN | {"planIds": [plan["id"]]})
    assert refusal(api.delete(f"/api/plans/{plan['id']}")) == (409, "plan_in_use")
    assert api.delete("/api/coupons/TEN").status_code == 204
    assert api.delete(f"/api/plans/{plan['id']}").status_code == 204


def test_what_may_change_changes_also_when_it_was_redeemed(api: Api, shop: Catalogue) -> None:
    made = shop.create("/api/coupons", TEN | {"metadata": {"a": "1"}, "validFrom": "2026-01-01T00:00:00Z"})
    shop.create("/api/coupons/ten/redeem", {"customerId": customer(api)})
    changes = {"name": "10 %", "validUntil": "2030-01-01T00:00:00Z", "maxRedemptions": 5, "active": False}
    answer = api.patch("/api/coupons/ten", changes | {"metadata": {"b": "2", "a": None}})
    shown = body(answer)
    assert answer.status_code == 200
    assert {name: shown[name] for name in changes} == changes | {"validUntil": "2030-01-01T00:00:00.000Z"}
    assert (shown["metadata"], shown["timesRedeemed"]) == ({"b": "2"}, 1)
    cleared = body(api.patch(f"/api/coupons/{made['id']}", {"validUntil": None, "maxRedemptions": None}))
    assert (cleared["validUntil"], cleared["maxRedemptions"]) == (None, None)
    assert problems(api.patch("/api/coupons/TEN", {"validUntil": "2026-01-01T00:00:00Z"})) == {"validUntil": "invalid"}


@pytest.mark.parametrize(
    "field",
    ["code", "type", "percentage", "amount", "currency", "duration", "durationPeriods", "validFrom", "stackingOrder",
     "maxRedemptionsPerCustomer", "planIds", "productIds", "priceIds", "keepRemainder", "applicationId"],
)  # fmt: skip
def test_what_a_coupon_takes_off_never_changes(api: Api, shop: Catalogue, field: str) -> None:
    shop.create("/api/coupons", TEN)
    assert problems(api.patch("/api/coupons/TEN", {field: 5})) == {field: "unknown_field"}


def test_a_limit_below_what_was_redeemed_is_refused(api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN)
    for _ in range(2):
        shop.create("/api/coupons/TEN/redeem", {"customerId": customer(api)})
    answer = api.patch("/api/coupons/TEN", {"maxRedemptions": 1, "name": "Changed"})
    assert (refusal(answer), problems(answer, 409)) == ((409, "coupon_in_use"), {"maxRedemptions": "coupon_in_use"})
    assert body(api.get("/api/coupons/TEN"))["name"] == "Ten percent"
    assert api.patch("/api/coupons/TEN", {"maxRedemptions": 2}).status_code == 200


def test_a_coupon_is_deleted_until_it_was_redeemed(api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN | {"priceIds": [shop.price()["id"]]})
    shop.create("/api/coupons", FIVE)
    shop.create("/api/coupons/FIVE/redeem", {"customerId": customer(api)})
    assert api.delete("/api/coupons/ten").status_code == 204
    assert refusal(api.get("/api/coupons/TEN")) == (404, "not_found")
    answer = api.delete("/api/coupons/FIVE")
    assert refusal(answer) == (409, "coupon_in_use")
    assert "it has been redeemed" in body(answer)["message"]


def test_a_redemption_shows_what_was_given(api: Api, shop: Catalogue) -> None:
    owner = customer(api)
    ten, five = shop.create("/api/coupons", TEN | {"percentage": "12.50"}), shop.create("/api/coupons", FIVE)
    answer = api.post("/api/coupons/ten/redeem", {"customerId": owner})
    made = body(answer)
    assert (answer.status_code, answer.headers["Location"]) == (201, f"/api/coupons/{ten['id']}")
    assert made == {
        "id": made["id"], "object": "redemption", "couponId": ten["id"], "code": "TEN", "discountType": "percentage",
        "discountValue": "12.5", "customerId": owner, "subscriptionId": None, "appliedAt": made["appliedAt"],
    }  # fmt: skip
    assert made["id"].startswith("red_")
    by_id = shop.create(f"/api/coupons/{five['id']}/redeem", {"customerId": owner})
    assert (by_id["discountType"], by_id["discountValue"]) == ("amount", 500)
    assert body(api.get("/api/coupons/TEN"))["timesRedeemed"] == 1


def test_a_subscription_cannot_be_named_yet(api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN)
    given = {"customerId": customer(api), "subscriptionId": "sub_01hqx3qgf2c8mhwy9s6zwmf3yh"}
    assert problems(api.post("/api/coupons/TEN/redeem", given)) == {"subscriptionId": "unknown_field"}


def test_who_has_a_coupon_does_not_redeem_it_again(api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN)
    given = {"customerId": customer(api)}
    shop.create("/api/coupons/TEN/redeem", given)
    assert refusal(api.post("/api/coupons/TEN/redeem", given)) == (409, "already_redeemed")
    assert body(api.get("/api/coupons/TEN"))["timesRedeemed"] == 1
    assert api.post("/api/coupons/TEN/redeem", {"customerId": customer(api)}).status_code == 201


def test_with_an_idempotency_key_it_is_redeemed_once(api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN)
    given = {"customerId": customer(api)}
    first, again = (api.post("/api/coupons/TEN/redeem", given, key="k") for _ in range(2))
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)


def test_the_last_redemption_leaves_none(api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN | {"maxRedemptions": 1})
    shop.create("/api/coupons/TEN/redeem", {"customerId": customer(api)})
    answer = api.post("/api/coupons/TEN/redeem", {"customerId": customer(api)})
    assert refusal(answer) == (422, "coupon_exhausted")
    assert body(api.get("/api/coupons/TEN"))["timesRedeemed"] == 1


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"validFrom": in_hours(48)}, "coupon_not_started"),
        ({"validUntil": in_hours(-1)}, "coupon_expired"),
        ({"active": False}, "coupon_not_applicable"),
    ],
    ids=["early", "late", "inactive"],
)
def test_what_is_not_offered_now_is_not_redeemed(api: Api, shop: Catalogue, terms: dict[str, Any], code: str) -> None:
    created = {name: value for name, value in terms.items() if name != "active"}
    shop.create("/api/coupons", TEN | created)
    api.patch("/api/coupons/TEN", {name: value for name, value in terms.items() if name == "active"})
    assert refusal(api.post("/api/coupons/TEN/redeem", {"customerId": customer(api)})) == (422, code)


def test_a_coupon_of_an_application_is_redeemed_by_its_keys_only(
    api: Api, shop: Catalogue, tenant: Tenant, api_of: Callable[..., Api]
) -> None:
    mine, other = application_of(tenant), application_of(tenant, "other")
    shop.create("/api/coupons", TEN | {"applicationId": mine})
    callers = {one: api_of(tenant, application_id=decode_id(APPLICATION, one)) for one in (mine, other)}
    for caller in (api, callers[other]):
        answer = caller.post("/api/coupons/TEN/redeem", {"customerId": customer(api)})
        assert refusal(answer) == (422, "coupon_not_applicable")
    assert callers[mine].post("/api/coupons/TEN/redeem", {"customerId": customer(api)}).status_code == 201


def test_the_customer_must_exist_and_not_be_erased(api: Api, other_api: Api, shop: Catalogue, tenant: Tenant) -> None:
    shop.create("/api/coupons", TEN)
    for unknown in (encode_id(CUSTOMER, new_id()), customer(other_api)):
        assert problems(api.post("/api/coupons/TEN/redeem", {"customerId": unknown}), 404) == {
            "customerId": "not_found"
        }
    erased = customer(api)
    with tenant_scope(tenant.id):
        erase_customers(customer_ids=[decode_id(CUSTOMER, erased)], at=AT)
    assert refusal(api.post("/api/coupons/TEN/redeem", {"customerId": erased})) == (409, "customer_erased")


def test_a_customer_with_a_redemption_is_not_deleted(api: Api, shop: Catalogue) -> None:
    shop.create("/api/coupons", TEN)
    owner = customer(api)
    shop.create("/api/coupons/TEN/redeem", {"customerId": owner})
    answer = api.delete(f"/api/customers/{owner}")
    assert refusal(answer) == (409, "customer_in_use")
    assert "redemptions" in body(answer)["message"]


def test_active_lists_what_can_still_be_redeemed(api: Api, shop: Catalogue) -> None:
    cases: dict[str, dict[str, Any]] = {
        "PLAIN": {}, "LATER": {"validFrom": in_hours(5)}, "LIMITED": {"maxRedemptions": 2},
        "EXPIRED": {"validUntil": in_hours(-1)}, "EXHAUSTED": {"maxRedemptions": 1}, "STOPPED": {},
    }  # fmt: skip
    for code, terms in cases.items():
        shop.create("/api/coupons", TEN | {"code": code} | terms)
    api.patch("/api/coupons/STOPPED", {"active": False})
    for code in ("EXHAUSTED", "LIMITED"):
        shop.create(f"/api/coupons/{code}/redeem", {"customerId": customer(api)})

    def codes(query: str = "") -> list[str]:
        return [one["code"] for one in api.get(f"/api/coupons{query}").json()["data"]]

    assert codes() == list(reversed(cases))
    assert codes("?active=true") == ["LIMITED", "LATER", "PLAIN"]
    assert codes("?active=false") == ["STOPPED", "EXHAUSTED", "EXPIRED"]
    assert problems(api.get("/api/coupons?active=yes")) == {"active": "invalid"}
    assert problems(api.get("/api/coupons?code=PLAIN")) == {"code": "unknown_parameter"}


def test_a_list_needs_two_queries_however_long(api: Api, shop: Catalogue) -> None:
    price = shop.price()["id"]
    for number in range(5):
        shop.create("/api/coupons", TEN | {"code": f"C{number}", "priceIds": [price]})
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(api.get("/api/coupons").json()["data"]) == 5
    assert len(queries) == FRAME_QUERIES + 2


@pytest.mark.parametrize("name", ["%2e%2e", "A%20B", "%00", "cpn_1", "ß", "A" * 300, "ten'--"], ids=lambda one: "")
def test_what_names_no_coupon_is_not_found(api: Api, shop: Catalogue, name: str) -> None:
    shop.create("/api/coupons", TEN)
    assert refusal(api.get(f"/api/coupons/{name}"))[0] == 404
    assert refusal(api.get(f"/api/coupons/{encode_id(COUPON, new_id())}")) == (404, "not_found")


def test_scopes_are_those_of_the_catalogue(tenant: Tenant, api: Api, shop: Catalogue, api_of: Any) -> None:
    shop.create("/api/coupons", TEN)
    reader = api_of(tenant, "catalogue:read")
    assert reader.get("/api/coupons/TEN").status_code == 200
    for answer in (
        reader.post("/api/coupons", FIVE), reader.patch("/api/coupons/TEN", {"name": "x"}),
        reader.delete("/api/coupons/TEN"), reader.post("/api/coupons/TEN/redeem", {"customerId": customer(api)}),
        api_of(tenant, "products:read").get("/api/coupons"),
    ):  # fmt: skip
        assert refusal(answer) == (403, "insufficient_scope")


def test_changes_are_in_the_trail_and_redemptions_as_their_own(api: Api, shop: Catalogue, tenant: Tenant) -> None:
    shop.create("/api/coupons", TEN)
    api.patch("/api/coupons/TEN", {"name": "New"})
    shop.create("/api/coupons/TEN/redeem", {"customerId": customer(api)})
    with tenant_scope(tenant.id):
        found = AuditEntry.objects.exclude(entity_type="customer").order_by("id").values_list("action", flat=True)
        assert [one for one in found if one.startswith(("coupon", "redemption"))] == [
            "coupon.created", "coupon.updated", "redemption.created",
        ]  # fmt: skip
