"""Claims about the pages of features, prices, plans and versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing.admin.amounts import fine_money, major_text, minor_text
from common.ids import decode_id
from common.prefixes import FEATURE, PLAN, PLAN_VERSION, PRICE, PRODUCT
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.billing.catalogue import Catalogue
from tests.clients import Api
from tests.tenants.backoffice.pressing import buttons_on, press, text_of

pytestmark = pytest.mark.django_db
FEATURES, PRICES, PLANS, VERSIONS = (
    f"/admin/billing/{name}/" for name in ("feature", "price", "plan", "planversion")
)  # fmt: skip


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


@pytest.fixture
def shop(api: Api) -> Catalogue:
    return Catalogue(api)


def uuid(made: Any, prefix: str) -> str:
    return str(decode_id(prefix, made["id"]))


def page(made: Any) -> str:
    prefix = made["id"].partition("_")[0]
    base = {FEATURE: FEATURES, PRICE: PRICES, PLAN: PLANS, PLAN_VERSION: VERSIONS}[prefix]
    return f"{base}{uuid(made, prefix)}/"


def latest(api: Api, path: str) -> Any:
    return api.get(path).json()["data"][0]


def test_a_feature_is_created_changed_archived_and_deleted(api: Api, browser: Client) -> None:
    given = {"key": "api.calls", "name": "Calls", "type": "metered", "default_limit": "-1", "unit": "calls"}
    assert "Calls has been created." in text_of(press(browser, f"{FEATURES}do/create/", **given))
    made = latest(api, "/api/features")
    assert (made["key"], made["defaultLimit"], made["applicationId"]) == ("api.calls", -1, None)
    assert "Unlimited" in text_of(browser.get(FEATURES))
    taken = press(browser, f"{FEATURES}do/create/", **given)
    assert (taken.status_code, "already exists" in text_of(taken)) == (409, True)
    press(browser, f"{page(made)}do/edit/", name="Requests", default_limit="1000", metadata="a = b")
    shown = latest(api, "/api/features")
    assert (shown["name"], shown["defaultLimit"], shown["metadata"]) == ("Requests", 1000, {"a": "b"})
    press(browser, f"{page(made)}do/archive/")
    assert latest(api, "/api/features")["status"] == "archived"
    assert {"edit", "archive"} & buttons_on(browser.get(f"{page(made)}change/")) == set()
    assert press(browser, f"{page(made)}do/remove/", reason="r").status_code == 200
    assert api.get("/api/features").json()["data"] == []


def test_the_limit_of_a_switch_is_refused_at_its_field(browser: Client) -> None:
    given = {"key": "sso", "name": "SSO", "type": "boolean", "default_limit": "5"}
    answer = press(browser, f"{FEATURES}do/create/", **given)
    assert (answer.status_code, "has no limit" in text_of(answer)) == (400, True)


def test_a_price_is_created_and_changed_until_it_is_used(
    api: Api, browser: Client, shop: Catalogue, tenant: Tenant
) -> None:
    product = uuid(shop.product(), PRODUCT)
    given = {"product": product, "currency": "EUR", "unit_amount": "0.000035", "interval": "month"}
    answer = press(browser, f"{PRICES}do/create/", **given, minimum_spend="5.00", metadata="a = b")
    assert "The price of €0.000035 per unit / month has been created." in text_of(answer)
    made = latest(api, "/api/prices")
    assert (made["unitAmount"], made["minimumSpend"], made["billing"]) == ("0.0035", 500, "advance")
    press(browser, f"{page(made)}do/edit/", unit_amount="49.90", model="flat", included_units="", interval_count="2")
    shown = latest(api, "/api/prices")
    assert (shown["model"], shown["unitAmount"], shown["intervalCount"]) == ("flat", 4990, 2)
    assert (shown["minimumSpend"], shown["metadata"]) == (500, {"a": "b"})
    press(browser, f"{page(made)}do/stop/")
    assert latest(api, "/api/prices")["active"] is False
    press(browser, f"{page(made)}do/resume/")
    assert "€49.90 / 2 months" in text_of(browser.get(PRICES))
    shop.publish(shop.plan(prices=[made["id"]]))
    assert "edit" not in buttons_on(browser.get(f"{page(made)}change/"))
    press(browser, f"{page(made)}do/annotate/", metadata="c = d")
    assert latest(api, "/api/prices")["metadata"] == {"c": "d"}


TIERS = {
    "rows-TOTAL_FORMS": "3", "rows-0-up_to": "1000", "rows-0-unit_amount": "0.01", "rows-1-up_to": "5000",
    "rows-1-unit_amount": "0.008", "rows-1-flat_amount": "2", "rows-2-up_to": "", "rows-2-unit_amount": "0",
}  # fmt: skip


def test_tiers_are_rows_of_the_form(api: Api, browser: Client, shop: Catalogue) -> None:
    calls = shop.feature(name="Calls")
    given = {"product": uuid(shop.product(), PRODUCT), "currency": "EUR", "model": "graduated",
             "feature": uuid(calls, FEATURE), "interval": "month"}  # fmt: skip
    assert press(browser, f"{PRICES}do/create/", **given, **TIERS).status_code == 200
    made = latest(api, "/api/prices")
    assert [(one["upTo"], one["unitAmount"], one["flatAmount"]) for one in made["tiers"]] == [
        ("1000", 1, 0), ("5000", "0.8", 200), (None, 0, 0),
    ]  # fmt: skip
    assert (made["featureId"], made["billing"]) == (calls["id"], "arrears")
    said = text_of(browser.get(f"{page(made)}change/"))
    for expected in ("Graduated, 3 tiers, EUR / month", "€0.008", "€2.00", "Calls"):
        assert expected in said, expected
    assert press(browser, f"{page(made)}do/edit/", **{"rows-1-up_to": "6000"}).status_code == 200
    changed = latest(api, "/api/prices")
    assert changed["tiers"][1]["upTo"] == "6000"
    assert changed["tiers"][0] == made["tiers"][0]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (TIERS | {"rows-1-up_to": "900"}, "ends below where the one before it does"),
        (TIERS | {"rows-2-up_to": "9000"}, "The last tier is open"),
        (TIERS | {"rows-0-unit_amount": "much"}, "Expected an amount such as 49.90"),
        ({"model": "graduated"}, "This field is required."),
        ({"model": "flat", "unit_amount": "1e3"}, "Expected an amount such as 49.90"),
        ({"model": "flat", "unit_amount": "0.000000000000001"}, "At most 14 decimal places"),
        ({"model": "flat", "unit_amount": "1", "rate": "5"}, "A price of the model flat has no such field."),
        ({"model": "flat", "unit_amount": "1", "minimum_spend": "0.001"}, "Expected an integer."),
        ({"model": "percentage", "rate": "101"}, "At most 100."),
        ({"model": "flat", "unit_amount": "1", "interval_count": "3"}, "without an interval"),
    ],
)  # fmt: skip
def test_what_the_engine_finds_stands_at_the_field(
    api: Api, browser: Client, shop: Catalogue, fields: dict[str, str], said: str
) -> None:
    given = {"product": uuid(shop.product(), PRODUCT), "currency": "EUR", "model": "graduated"} | fields
    answer = press(browser, f"{PRICES}do/create/", **given)
    assert (answer.status_code, said in text_of(answer)) == (422, True)
    assert api.get("/api/prices").json()["data"] == []


def test_a_plan_is_made_published_followed_and_archived(
    api: Api, browser: Client, shop: Catalogue, tenant: Tenant
) -> None:
    price, calls = shop.price(), shop.feature(name="Calls")
    given = {
        "name": "Pro", "currency": "EUR", "trial_days": "14", "prices": [uuid(price, PRICE)],
        "minimum_commitment": "10.00", "rows-0-feature": uuid(calls, FEATURE), "rows-0-limit": "100",
    }  # fmt: skip
    assert "Pro has been created, as a draft." in text_of(press(browser, f"{PLANS}do/create/", **given))
    plan = latest(api, "/api/plans")
    assert (plan["slug"], plan["trialDays"], plan["minimumCommitment"]) == ("pro", 14, 1000)
    assert (plan["prices"], plan["features"][0]["limit"]) == ([price["id"]], 100)
    press(browser, f"{page(plan)}do/edit/", name="Pro+", **{"rows-0-soft_limit": "soft"})
    plan = latest(api, "/api/plans")
    assert (plan["name"], plan["slug"], plan["prices"]) == ("Pro+", "pro", [price["id"]])
    assert plan["features"][0]["softLimit"] is True
    first = page({"id": plan["versionId"]})
    assert "The version is published." in text_of(press(browser, f"{first}do/publish/"))
    said = text_of(browser.get(f"{page(plan)}change/"))
    for expected in ("Active", "Version 1", "Published", "€49.00 per unit / month", "Calls", "100"):
        assert expected in said, expected
    assert {"edit", "remove"} & buttons_on(browser.get(f"{page(plan)}change/")) == set()
    press(browser, f"{page(plan)}do/rename/", name="Pro 2", description="New")
    press(browser, f"{page(plan)}do/draft/", trial_days="0", prices=[], **{"rows-0-DELETE": "on"})
    second = latest(api, f"/api/plans/{plan['id']}/versions")
    assert (second["version"], second["trialDays"], second["prices"], second["features"]) == (2, 0, [], [])
    wrong = press(browser, f"{page(second)}do/publish/", starts_at="2100-01-02T00:00", ends_at="2100-01-01T00:00")
    assert (wrong.status_code, "Must be after" in text_of(wrong)) == (400, True)
    press(browser, f"{page(second)}do/publish/", starts_at="2100-01-01T00:00")
    press(browser, f"{page(second)}do/deactivate/", reason="Not yet")
    versions = api.get(f"/api/plans/{plan['id']}/versions").json()["data"]
    assert [(one["status"], one["endsAt"]) for one in versions] == [
        ("deactivated", "2100-01-01T00:00:00.000Z"), ("published", "2100-01-01T00:00:00.000Z"),
    ]  # fmt: skip
    press(browser, f"{page(plan)}do/archive/")
    assert latest(api, "/api/plans")["status"] == "archived"
    with tenant_scope(tenant.id):
        assert AuditEntry.objects.filter(action="planVersion.deactivated").get().reason == "Not yet"


def test_what_does_not_fit_a_plan_is_said_and_a_draft_is_deleted(api: Api, browser: Client, shop: Catalogue) -> None:
    dollars = shop.price(currency="USD")
    given = {"name": "Pro", "currency": "EUR", "prices": [uuid(dollars, PRICE)]}
    answer = press(browser, f"{PLANS}do/create/", **given)
    assert (answer.status_code, "prices[0]" in text_of(answer)) == (422, True)
    wrong = press(browser, f"{PLANS}do/create/", name="Pro", currency="EUR", slug="Pro!", minimum_commitment="x")
    assert wrong.status_code == 422
    plan = shop.plan()
    assert press(browser, f"{page(plan)}do/remove/", reason="r").status_code == 200
    assert api.get("/api/plans").json()["data"] == []


def test_search_finds_by_id_key_and_slug(browser: Client, shop: Catalogue) -> None:
    feature, price, plan = shop.feature(key="calls", name="Calls"), shop.price(), shop.plan(name="Pro")
    shop.feature(key="other", name="Other")
    shop.plan(name="Basic")
    for term in (feature["id"], "calls"):
        said = text_of(browser.get(FEATURES, {"q": term}))
        assert ("Calls" in said, "Other" in said) == (True, False)
    for term in (plan["id"], "pro"):
        said = text_of(browser.get(PLANS, {"q": term}))
        assert ("Pro" in said, "Basic" in said) == (True, False)
    for term in (price["id"], price["productId"]):
        assert "€49.00" in text_of(browser.get(PRICES, {"q": term}))
    assert "€49.00" not in text_of(browser.get(PRICES, {"q": "nothing"}))
    assert "Pro" in text_of(browser.get(VERSIONS, {"q": plan["id"]}))


@pytest.mark.parametrize(
    ("major", "currency", "minor", "shown"),
    [
        ("49.90", "EUR", "4990", "€49.90"), ("0.000035", "EUR", "0.0035", "€0.000035"), ("5", "JPY", "5", "JP¥5"),
        ("0.5", "JPY", "0.5", "JP¥0.5"), ("1,000", "USD", "100000", "US$1,000.00"), ("1.2345", "KWD", "1234.5", None),
    ],
)  # fmt: skip
def test_amounts_below_a_minor_unit_come_back_as_they_were(
    major: str, currency: str, minor: str, shown: str | None
) -> None:
    text = minor_text(major, currency)
    assert text.rstrip("0").rstrip(".") == minor.rstrip("0").rstrip(".") or text == minor
    assert minor_text(major_text(text, currency), currency).rstrip("0").rstrip(".") == text.rstrip("0").rstrip(".")
    if shown is not None:
        assert fine_money(text, currency) == shown
