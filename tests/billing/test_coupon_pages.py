"""Claims about the pages of coupons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.services.coupon_use import return_coupons
from common.ids import decode_id, encode_id
from common.prefixes import COUPON, INVOICE, PLAN, PRICE, PRODUCT
from tenants.enums import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.billing.catalogue import Catalogue
from tests.billing.coupon_cases import coupon, customer, invoice
from tests.clients import Api
from tests.conftest import AT
from tests.tenants.backoffice.pressing import buttons_on, press, tables_on, text_of

pytestmark = pytest.mark.django_db
COUPONS = "/admin/billing/coupon/"


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


@pytest.fixture
def shop(api: Api) -> Catalogue:
    return Catalogue(api)


def page(made: Any) -> str:
    return f"{COUPONS}{decode_id(COUPON, made['id'])}/"


def latest(api: Api) -> Any:
    return api.get("/api/coupons").json()["data"][0]


def test_a_share_is_created_changed_stopped_and_deleted(api: Api, browser: Client, shop: Catalogue) -> None:
    price, plan = shop.price(), shop.plan(name="Pro")
    given = {
        "code": "summer", "name": "Summer", "type": "percentage", "percentage": "12.5", "duration": "repeating",
        "duration_periods": "3", "valid_from": "2026-06-01T00:00", "max_redemptions_per_customer": "1",
        "plans": [str(decode_id(PLAN, plan["id"]))], "products": [str(decode_id(PRODUCT, price["productId"]))],
        "prices": [str(decode_id(PRICE, price["id"]))], "stacking_order": "5", "metadata": "a = b",
    }  # fmt: skip
    assert "SUMMER has been created." in text_of(press(browser, f"{COUPONS}do/create/", **given))
    made = latest(api)
    assert (made["code"], made["percentage"], made["amount"], made["currency"]) == ("SUMMER", "12.5", None, None)
    assert (made["duration"], made["durationPeriods"], made["stackingOrder"]) == ("repeating", 3, 5)
    assert (made["planIds"], made["productIds"], made["priceIds"]) == (
        [plan["id"]], [price["productId"]], [price["id"]],
    )  # fmt: skip
    assert (made["validFrom"], made["maxRedemptionsPerCustomer"]) == ("2026-06-01T00:00:00.000Z", 1)
    said = text_of(browser.get(f"{page(made)}change/"))
    for expected in ("SUMMER", "12.5%, 3 times", "At most 1", "Pro", "Only from lines of", "Offered"):
        assert expected in said, expected
    press(browser, f"{page(made)}do/edit/", name="Sun", max_redemptions="7", metadata="c = d")
    shown = latest(api)
    assert (shown["name"], shown["maxRedemptions"], shown["metadata"]) == ("Sun", 7, {"c": "d"})
    press(browser, f"{page(made)}do/stop/")
    assert latest(api)["active"] is False
    assert "Not offered" in text_of(browser.get(COUPONS))
    press(browser, f"{page(made)}do/resume/")
    assert latest(api)["active"] is True
    assert press(browser, f"{page(made)}do/remove/", reason="r").status_code == 200
    assert api.get("/api/coupons").json()["data"] == []


def test_a_plan_that_is_archived_is_not_offered(api: Api, browser: Client, shop: Catalogue) -> None:
    sold, over = shop.plan(name="Sold"), shop.plan(name="Over")
    assert api.post(f"/api/plans/{over['id']}/archive").status_code == 200
    form = browser.get(f"{COUPONS}do/create/").content.decode()
    assert str(decode_id(PLAN, sold["id"])) in form
    assert str(decode_id(PLAN, over["id"])) not in form


def test_an_amount_is_entered_in_its_currency(api: Api, browser: Client) -> None:
    given = {"code": "FIVE", "name": "Five", "type": "amount", "amount": "1,005.50", "currency": "EUR"}
    press(browser, f"{COUPONS}do/create/", **given, keep_remainder="on")
    made = latest(api)
    assert (made["amount"], made["currency"], made["keepRemainder"]) == (100_550, "EUR", True)
    said = text_of(browser.get(f"{page(made)}change/"))
    assert ("€1,005.50, once" in said, "Kept for the next invoice" in said) == (True, True)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"percentage": "101"}, 400, "At most 100."),
        ({"percentage": ""}, 400, "This field is required."),
        ({"duration": "repeating"}, 400, "A repeating coupon, and no other, has a number of periods."),
        ({"keep_remainder": "on"}, 400, "Only of an amount that counts once something can be left."),
        ({"type": "amount"}, 400, "A coupon of the type amount has no such field."),
        ({"amount": "5.00"}, 422, "An amount needs its currency."),
        ({"amount": "5.001", "currency": "EUR"}, 422, "EUR has 2 decimal places."),
        ({"code": "A B"}, 422, "Expected letters, digits, dashes and underscores."),
        ({"valid_from": "2026-06-01T00:00", "valid_until": "2026-06-01T00:00"}, 400, "ends after it starts"),
        ({"plans": ["nothing"]}, 422, "Select a valid choice."),
    ],
)
def test_what_is_wrong_stands_at_the_field(
    api: Api, browser: Client, fields: dict[str, Any], status: int, said: str
) -> None:
    given = {"code": "TEN", "name": "Ten", "type": "percentage", "percentage": "10"} | fields
    answer = press(browser, f"{COUPONS}do/create/", **given)
    assert (answer.status_code, said in text_of(answer)) == (status, True)
    assert api.get("/api/coupons").json()["data"] == []


def test_a_code_that_is_taken_is_said_at_the_field(browser: Client, shop: Catalogue) -> None:
    shop.create("/api/coupons", {"code": "TEN", "name": "Ten", "type": "percentage", "percentage": 10})
    answer = press(browser, f"{COUPONS}do/create/", code="ten", name="T", type="percentage", percentage="5")
    assert (answer.status_code, "already exists" in text_of(answer)) == (409, True)


def test_an_end_within_a_minute_stays_when_something_else_is_changed(
    api: Api, browser: Client, shop: Catalogue
) -> None:
    terms = {"type": "percentage", "percentage": 10, "validUntil": "2030-01-01T10:20:30.400Z"}
    made = shop.create("/api/coupons", {"code": "TEN", "name": "Ten", **terms})
    press(browser, f"{page(made)}do/edit/", name="Other")
    assert (latest(api)["name"], latest(api)["validUntil"]) == ("Other", made["validUntil"])
    press(browser, f"{page(made)}do/edit/", valid_until="2031-01-01T00:00")
    assert latest(api)["validUntil"] == "2031-01-01T00:00:00.000Z"
    press(browser, f"{page(made)}do/edit/", valid_until="")
    assert latest(api)["validUntil"] is None


def test_redemptions_and_uses_stand_on_the_page(api: Api, browser: Client, tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        one, ada, bob = coupon(tenant, amount=1000, keep_remainder=True), customer(tenant), customer(tenant)
        first, _ = invoice(tenant, ada, one.code, amount=300)
        second, _ = invoice(tenant, bob, one.code, amount=5000, at=AT + dt.timedelta(hours=1))
        return_coupons(tenant_id=tenant.id, invoice_id=second, at=AT + dt.timedelta(hours=2))
    answer = browser.get(f"{COUPONS}{one.id}/change/")
    had, used = tables_on(answer)[:2]
    assert [[row[0], *row[2:]] for row in had[1:]] == [
        ["Ada", encode_id(INVOICE, second), "Returned", "0", "€10.00"],
        ["Ada", encode_id(INVOICE, first), "Open", "1", "€7.00"],
    ]
    tables = tables_on(browser.get(f"/admin/billing/customer/{ada}/change/"))
    [mine] = [table for table in tables if table[0][:2] == ["Code", "Takes off"]]
    assert [[*row[:2], *row[3:]] for row in mine[1:]] == [
        [one.code, "€10.00", encode_id(INVOICE, first), "Open", "1", "€7.00"],
    ]
    assert [(row[1], row[2], row[3] != "–") for row in used[1:]] == [
        (encode_id(INVOICE, second), "€10.00", True), (encode_id(INVOICE, first), "€3.00", False),
    ]  # fmt: skip
    assert {"edit", "stop"} <= buttons_on(answer)
    assert "remove" not in buttons_on(answer)


def test_search_finds_by_id_and_code(browser: Client, shop: Catalogue) -> None:
    terms = {"type": "percentage", "percentage": 10}
    made = shop.create("/api/coupons", {"code": "TEN", "name": "Ten percent", **terms})
    shop.create("/api/coupons", {"code": "OTHER", "name": "Another", **terms})
    for term in (made["id"], "ten"):
        said = text_of(browser.get(COUPONS, {"q": term}))
        assert ("Ten percent" in said, "Another" in said) == (True, False)


def test_the_page_costs_the_same_however_many_have_redeemed(browser: Client, tenant: Tenant) -> None:
    def queries_of(number: int) -> int:
        with tenant_scope(tenant.id):
            one = coupon(tenant)
            for _ in range(number):
                invoice(tenant, customer(tenant), one.code)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(f"{COUPONS}{one.id}/change/").status_code == 200
        return len(queries)

    queries_of(1)
    assert queries_of(2) == queries_of(9)


@pytest.mark.parametrize("role", [Role.READ_ONLY, Role.MEMBER, Role.ADMIN])
def test_who_only_reads_has_no_buttons(
    tenant: Tenant, browser_of: Callable[..., Client], shop: Catalogue, role: Role
) -> None:
    made = shop.create("/api/coupons", {"code": "T", "name": "Ten", "type": "percentage", "percentage": 10})
    browser = browser_of(tenant, role=role)
    found = buttons_on(browser.get(f"{page(made)}change/")) | buttons_on(browser.get(COUPONS))
    assert found == (set() if role == Role.READ_ONLY else {"create", "edit", "stop", "remove"})
