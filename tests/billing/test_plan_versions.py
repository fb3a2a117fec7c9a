"""Claims about versions of plans: what is published stays, and at each instant at most one is in force."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from billing.models import PlanVersion
from billing.selectors import plan_version_in_force
from common.clock import parse_instant
from common.ids import decode_id, encode_id, new_id
from common.prefixes import PLAN, PLAN_VERSION
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.billing.catalogue import Catalogue, body, problems, refusal
from tests.clients import Api

pytestmark = pytest.mark.django_db
JAN, FEB, MAR, APR = (f"2100-{month:02}-01T00:00:00.000Z" for month in (1, 2, 3, 4))


@pytest.fixture
def shop(api: Api) -> Catalogue:
    return Catalogue(api)


def publish(api: Api, plan: Any, version: object, **fields: Any) -> Any:
    return api.post(f"/api/plans/{plan['id']}/versions/{version}/publish", fields)


def in_force(api: Api, plan: Any, at: str) -> list[int]:
    answer = api.get(f"/api/plans/{plan['id']}/versions?at={at}")
    return [version["version"] for version in body(answer)["data"]]


def windows(api: Api, plan: Any) -> dict[int, tuple[str | None, str | None]]:
    rows = body(api.get(f"/api/plans/{plan['id']}/versions"))["data"]
    return {row["version"]: (row["startsAt"], row["endsAt"]) for row in rows}


def execute(sql: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def test_a_version_is_as_the_latest_but_for_what_is_given(api: Api, shop: Catalogue) -> None:
    price, other, feature = shop.price()["id"], shop.price()["id"], shop.feature(defaultLimit=5)["id"]
    plan = shop.plan(prices=[price], features=[{"featureId": feature}], trialDays=14, minimumCommitment=100)
    second = shop.version(plan, trialDays=0, metadata={"a": "b"})
    assert (second["version"], second["status"], second["trialDays"]) == (2, "draft", 0)
    assert (second["prices"], second["minimumCommitment"], second["metadata"]) == ([price], 100, {"a": "b"})
    assert [one["limit"] for one in second["features"]] == [5]
    third = shop.version(plan, prices=[other], features=[], name="Pro 3", currency="EUR", description="New")
    assert (third["version"], third["prices"], third["features"], third["name"]) == (3, [other], [], "Pro 3")
    path = f"/api/plans/{plan['id']}/versions"
    assert [row["version"] for row in body(api.get(path))["data"]] == [3, 2, 1]
    assert problems(api.post(path, {"currency": "USD"}), 422) == {"currency": "currency_mismatch"}
    assert problems(api.post(path, {"slug": "x", "multiple": True})) == {
        "slug": "unknown_field", "multiple": "unknown_field",
    }  # fmt: skip


def test_publishing_makes_the_plan_active_and_its_prices_used(api: Api, shop: Catalogue) -> None:
    price = shop.price()
    plan = shop.plan(prices=[price["id"]])
    version = shop.publish(plan)
    assert (version["status"], version["endsAt"]) == ("published", None)
    assert version["startsAt"] == version["publishedAt"]
    assert body(api.get(f"/api/plans/{plan['id']}"))["status"] == "active"
    assert body(api.get(f"/api/prices/{price['id']}"))["usedAt"] == version["publishedAt"]
    assert refusal(api.patch(f"/api/prices/{price['id']}", {"unitAmount": 1})) == (409, "price_in_use")
    assert refusal(publish(api, plan, 1)) == (409, "version_published")
    assert refusal(publish(api, plan, version["id"])) == (409, "version_published")


def test_the_version_before_ends_where_the_new_one_starts(api: Api, shop: Catalogue) -> None:
    plan = shop.plan(trialDays=1)
    shop.publish(plan, startsAt=JAN)
    shop.version(plan, trialDays=2)
    assert shop.publish(plan, 2, startsAt=FEB, endsAt=MAR)["endsAt"] == MAR
    shop.version(plan, trialDays=3)
    shop.publish(plan, 3, startsAt=APR)
    assert windows(api, plan) == {1: (JAN, FEB), 2: (FEB, MAR), 3: (APR, None)}
    found = [
        in_force(api, plan, at) for at in ("2099-12-31T23:59:59Z", JAN, FEB, MAR, APR, "2200-01-01T00:00:00%2B01:00")
    ]
    assert found == [[], [1], [2], [], [3], [3]]
    assert problems(api.get(f"/api/plans/{plan['id']}/versions?at=today&version=1")) == {
        "at": "invalid_datetime", "version": "unknown_parameter",
    }  # fmt: skip
    assert body(api.get(f"/api/plans/{plan['id']}"))["version"] == 3  # the latest, as none is in force yet


def test_a_plan_shows_the_version_in_force(api: Api, shop: Catalogue, tenant: Tenant) -> None:
    plan = shop.plan(trialDays=1)
    first = shop.publish(plan)
    shop.version(plan, trialDays=2)
    shown = body(api.get(f"/api/plans/{plan['id']}"))
    assert (shown["version"], shown["trialDays"], shown["versionId"]) == (1, 1, first["id"])
    shop.publish(plan, 2)
    shown = body(api.get(f"/api/plans/{plan['id']}"))
    assert (shown["version"], shown["trialDays"]) == (2, 2)
    assert body(api.get("/api/plans"))["data"] == [shown]
    with tenant_scope(tenant.id):
        ids = {"tenant_id": tenant.id, "plan_id": decode_id(PLAN, plan["id"])}
        found = plan_version_in_force(**ids, at=parse_instant(JAN))
        assert found is not None
        assert found.number == 2
        assert plan_version_in_force(**ids, at=parse_instant("2000-01-01T00:00:00Z")) is None


def test_windows_never_overlap(api: Api, shop: Catalogue) -> None:
    plan = shop.plan()
    shop.publish(plan, startsAt=FEB, endsAt=MAR)
    shop.version(plan)
    for window in (
        {"startsAt": FEB}, {"startsAt": JAN}, {"startsAt": JAN, "endsAt": MAR}, {"startsAt": JAN, "endsAt": APR},
        {}, {"startsAt": "2100-02-15T00:00:00Z", "endsAt": "2100-02-16T00:00:00Z"},
    ):  # fmt: skip
        refused = publish(api, plan, 2, **window)
        assert (refusal(refused), problems(refused, 409)) == ((409, "version_overlap"), {"startsAt": "version_overlap"})
    assert problems(publish(api, plan, 2, startsAt=MAR, endsAt=MAR)) == {"endsAt": "too_small"}
    assert problems(publish(api, plan, 2, startsAt="2100-01-01T00:00:00", endsAt="x")) == {
        "startsAt": "invalid_datetime", "endsAt": "invalid_datetime",
    }  # fmt: skip
    assert body(api.get(f"/api/plans/{plan['id']}/versions"))["data"][0]["status"] == "draft"
    assert publish(api, plan, 2, startsAt=JAN, endsAt=FEB).status_code == 200
    shop.version(plan)
    assert publish(api, plan, 3, startsAt=MAR).status_code == 200
    assert publish(api, shop.plan(), 1, startsAt=JAN).status_code == 200  # of another plan


def test_what_has_been_in_force_stays_so(api: Api, shop: Catalogue) -> None:
    plan = shop.plan()
    shop.publish(plan, startsAt="2020-01-01T00:00:00Z")
    shop.version(plan)
    assert refusal(publish(api, plan, 2, startsAt="2020-06-01T00:00:00Z")) == (409, "version_overlap")
    before = publish(api, plan, 2, startsAt="2019-01-01T00:00:00Z", endsAt="2020-01-01T00:00:00Z")
    assert before.status_code == 200
    assert in_force(api, plan, "2019-12-31T00:00:00Z") == [2]


def test_a_deactivated_version_ends_now_and_its_time_is_free(api: Api, shop: Catalogue) -> None:
    plan = shop.plan()
    shop.publish(plan, startsAt="2020-01-01T00:00:00Z")
    path = f"/api/plans/{plan['id']}/versions"
    off = body(api.post(f"{path}/1/deactivate", {"reason": "Too cheap"}))
    assert (off["status"], off["deactivationReason"]) == ("deactivated", "Too cheap")
    assert off["endsAt"] == off["deactivatedAt"]
    assert (in_force(api, plan, "2020-01-01T00:00:00Z"), in_force(api, plan, JAN)) == ([1], [])
    assert body(api.post(f"{path}/1/deactivate", {"reason": "Again"})) == off
    assert refusal(publish(api, plan, 1)) == (409, "version_published")
    shop.version(plan)
    assert refusal(api.post(f"{path}/2/deactivate", {"reason": "x"})) == (409, "version_not_published")
    assert problems(api.post(f"{path}/2/deactivate", {})) == {"reason": "required"}
    shop.publish(plan, 2, startsAt=JAN, endsAt=FEB)
    planned = body(api.post(f"{path}/2/deactivate", {"reason": "Not yet"}))
    assert (planned["startsAt"], planned["endsAt"]) == (JAN, JAN)
    shop.version(plan)
    shop.publish(plan, 3, startsAt=JAN, endsAt=FEB)
    assert in_force(api, plan, JAN) == [3]


def test_what_a_draft_holds_is_looked_at_again_when_it_is_published(api: Api, shop: Catalogue) -> None:
    price, gone, feature = shop.price()["id"], shop.price()["id"], shop.feature()["id"]
    plan = shop.plan(prices=[price, gone], features=[{"featureId": feature}])
    api.patch(f"/api/prices/{gone}", {"active": False})
    assert problems(publish(api, plan, 1), 422) == {"prices[1]": "price_inactive"}
    api.patch(f"/api/prices/{gone}", {"active": True, "currency": "USD"})
    assert problems(publish(api, plan, 1), 422) == {"prices[1]": "currency_mismatch"}
    api.patch(f"/api/prices/{gone}", {"currency": "EUR"})
    api.post(f"/api/features/{feature}/archive")
    assert problems(publish(api, plan, 1), 409) == {"features[0]": "feature_archived"}
    shown = body(api.get(f"/api/plans/{plan['id']}"))
    assert shown["status"] == "draft"
    assert body(api.get(f"/api/prices/{price}"))["usedAt"] is None


@pytest.mark.parametrize("version", ["2", "0", "-1", "1.0", "x", "9" * 30, encode_id(PLAN_VERSION, UUID(int=7))])
def test_a_version_that_does_not_exist_is_not_found(api: Api, shop: Catalogue, version: str) -> None:
    plan = shop.plan()
    assert refusal(publish(api, plan, version)) == (404, "not_found")
    assert refusal(publish(api, {"id": encode_id(PLAN, new_id())}, 1)) == (404, "not_found")


def test_a_repeated_publication_under_one_key_is_one(api: Api, shop: Catalogue) -> None:
    path = f"/api/plans/{shop.plan()['id']}/versions/1/publish"
    first, again = api.post(path, {}, key="k1"), api.post(path, {}, key="k1")
    assert (first.status_code, again.content) == (200, first.content)
    assert again["Idempotent-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_of_two_publications_at_once_one_wins(api: Api, shop: Catalogue, at_once: Any) -> None:
    plan = shop.plan(prices=[shop.price()["id"]])
    answers = at_once(*[lambda: refusal_or_ok(publish(api, plan, 1))] * 4)
    assert sorted(answers) == ["ok", *["version_published"] * 3]
    other = shop.plan()
    for _ in range(2):
        shop.version(other)
    asks = [lambda number=number: refusal_or_ok(publish(api, other, number, startsAt=JAN)) for number in (1, 2, 3)]
    assert sorted(at_once(*asks)) == ["ok", "version_overlap", "version_overlap"]
    assert len(in_force(api, other, JAN)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_price_that_is_changed_while_it_is_published_is_one_or_the_other(
    api: Api, shop: Catalogue, at_once: Any
) -> None:
    for _ in range(3):
        price = shop.price()["id"]
        plan = shop.plan(prices=[price])
        published, changed = at_once(
            lambda plan=plan: publish(api, plan, 1).status_code,
            lambda price=price: api.patch(f"/api/prices/{price}", {"currency": "USD"}).status_code,
        )
        assert (published, changed) in {(200, 409), (422, 200)}


def refusal_or_ok(answer: Any) -> str:
    code: str = "ok" if answer.status_code == 200 else body(answer)["code"]
    return code


@pytest.mark.parametrize(
    "change",
    ["trial_days = 5", "name = 'x'", "metadata = '{\"a\": \"b\"}'", "minimum_commitment = 1", "currency = 'USD'",
     "starts_at = starts_at - interval '1 day'", "status = 'draft'", "published_at = now()", "number = 9"],
)  # fmt: skip
def test_the_database_keeps_a_published_version(shop: Catalogue, tenant: Tenant, change: str) -> None:
    shop.publish(shop.plan())
    with tenant_scope(tenant.id):
        with pytest.raises(DatabaseError):
            execute(f"UPDATE billing_planversion SET {change}")
        with pytest.raises(DatabaseError, match="never deleted"):
            execute("DELETE FROM billing_planversion")


def test_the_database_closes_an_open_window_once(shop: Catalogue, tenant: Tenant) -> None:
    shop.publish(shop.plan())
    with tenant_scope(tenant.id):
        execute("UPDATE billing_planversion SET ends_at = %s", APR)
        for other in (MAR, None):
            with pytest.raises(DatabaseError, match="never changes"):
                execute("UPDATE billing_planversion SET ends_at = %s", other)
        off = "UPDATE billing_planversion SET status = 'deactivated', deactivated_at = now(), deactivation_reason = 'x'"
        with pytest.raises(DatabaseError, match="never changes"):
            execute(f"{off}, ends_at = %s", "2101-01-01T00:00:00Z")
        execute(f"{off}, ends_at = %s", MAR)
        with pytest.raises(DatabaseError, match="never changes"):
            execute("UPDATE billing_planversion SET deactivation_reason = 'y'")


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM billing_planprice", "UPDATE billing_planprice SET position = 5", "DELETE FROM billing_planfeature",
     'UPDATE billing_planfeature SET "limit" = 5'],
)  # fmt: skip
def test_the_database_keeps_what_a_published_version_holds(shop: Catalogue, tenant: Tenant, change: str) -> None:
    plan = shop.plan(prices=[shop.price()["id"]], features=[{"featureId": shop.feature()["id"]}])
    with tenant_scope(tenant.id), transaction.atomic():
        execute(change)
        transaction.set_rollback(True)
    shop.publish(plan)
    with tenant_scope(tenant.id), pytest.raises(DatabaseError, match="only a draft"):
        execute(change)


def test_the_database_publishes_only_prices_that_never_change_and_of_active_plans(
    shop: Catalogue, tenant: Tenant
) -> None:
    shop.plan(prices=[shop.price()["id"]])
    publish = "UPDATE billing_planversion SET status = 'published', starts_at = now(), published_at = now()"
    with tenant_scope(tenant.id):
        with pytest.raises(DatabaseError, match="only an active plan"):
            execute(publish)
        execute("UPDATE billing_plan SET status = 'active'")
        with pytest.raises(DatabaseError, match="prices in its currency that never change"):
            execute(publish)
        execute("UPDATE billing_price SET used_at = now()")
        execute(publish)


def test_the_database_keeps_windows_apart(shop: Catalogue, tenant: Tenant) -> None:
    plan = shop.plan()
    for number in (1, 2):
        shop.publish(plan, number, startsAt=JAN if number == 1 else FEB)
        shop.version(plan)
    with tenant_scope(tenant.id):
        third = PlanVersion.objects.get(number=3)
        publish = (
            "UPDATE billing_planversion SET status = 'published', published_at = now(), starts_at = %s WHERE id = %s"
        )
        for start in (JAN, FEB, APR):
            with pytest.raises(DatabaseError, match="plan_version_windows_apart"):
                execute(publish, start, third.id)
        with pytest.raises(DatabaseError, match="begins as a draft"):
            execute("INSERT INTO billing_planversion SELECT (v).* FROM (SELECT v FROM billing_planversion v "
                    "WHERE status = 'published' LIMIT 1) x")  # fmt: skip
