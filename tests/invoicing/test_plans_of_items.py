"""An item may say of which plan its price is: coupons of plans then count for it, and the document keeps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from common.ids import decode_id, encode_id, new_id
from common.prefixes import PLAN, PRICE
from invoicing.models import InvoiceItem
from invoicing.selectors import content_of
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices, uuid_of
from tests.invoicing.test_previews import comparable
from tests.invoicing.test_priced_invoices import SETUP, proven, refusal

PATHS = ("", "/preview")


@pytest.fixture
def plan(invoices: Invoices) -> Callable[..., str]:
    """Makes a plan of these prices, published unless told otherwise, and gives its id."""

    def make(*prices: str, publish: bool = True, **window: Any) -> str:
        body = {"name": "Pro", "slug": f"pro-{new_id()}", "currency": "EUR", "prices": list(prices)}
        made = invoices.api.post("/api/plans", body)
        assert made.status_code == 201, made.json()
        if publish:
            answer = invoices.api.post(f"/api/plans/{made.json()['id']}/versions/1/publish", window)
            assert answer.status_code == 200, answer.json()
        return str(made.json()["id"])

    return make


@pytest.fixture
def half(invoices: Invoices) -> Callable[..., str]:
    """Makes a coupon of 50 % for plans, and gives its code."""

    def make(*plans: str, **terms: Any) -> str:
        body = {"code": "HALF", "name": "Half", "type": "percentage", "percentage": 50, "planIds": list(plans)}
        made = invoices.api.post("/api/coupons", body | terms)
        assert made.status_code == 201, made.json()
        return "HALF"

    return make


def plans_of(body: dict[str, Any]) -> list[str | None]:
    """What each item says."""
    return [item["planId"] for item in body["items"]]


def test_a_coupon_of_a_plan_counts_for_the_items_of_that_plan(invoices, price, plan, half):
    fee, seats = price(unitAmount=1_000), price(unitAmount=200)
    pro, other = plan(fee, seats), plan(fee)
    items = [{"priceId": fee, "planId": pro}, {"priceId": fee, "planId": other}, {"priceId": seats}, SETUP]
    coupons = [half(pro)]
    expected = invoices.api.post("/api/invoices/preview", {"userId": "user-1", "items": items, "coupons": coupons})
    made = invoices.make(items=items, coupons=coupons)
    assert [item["discount"] for item in made["items"]] == [500, 0, 0, 0]
    assert plans_of(made) == [pro, other, None, None]
    assert comparable(made)["items"] == comparable(expected.json())["items"]
    with tenant_scope(invoices.tenant.id):
        stored = InvoiceItem.objects.filter(invoice_id=uuid_of(made)).order_by("position")
        assert [row.plan_id for row in stored] == [decode_id(PLAN, pro), decode_id(PLAN, other), None, None]
    proven(invoices)


def test_a_coupon_of_a_plan_that_no_item_names_is_refused(invoices, price, plan, half):
    fee = price(unitAmount=1_000)
    body = {"userId": "u", "items": [{"priceId": fee}], "coupons": [half(plan(fee))]}
    assert refusal(invoices.api.post("/api/invoices", body)) == (422, "coupon_not_applicable", "coupons[0]")


def test_what_a_minimum_adds_is_of_the_plan_too(invoices, price, plan, half):
    usage = price(unitAmount=1, minimumSpend=1_000)
    pro = plan(usage)
    made = invoices.make(items=[{"priceId": usage, "planId": pro, "quantity": 10}], coupons=[half(pro)])
    assert [(item["type"], item["total"], item["discount"]) for item in made["items"]] == [
        ("one_time", 10, 5), ("minimum", 990, 495),
    ]  # fmt: skip
    assert plans_of(made) == [pro, pro]


def test_a_draft_keeps_its_plan_and_so_does_its_invoice(invoices, price, plan, half):
    fee = price(unitAmount=1_000)
    pro = plan(fee)
    draft = invoices.draft(items=[{"priceId": fee, "planId": pro}, SETUP], coupons=[half(pro)])
    changed = invoices.api.patch(f"/api/invoices/{draft['id']}", {"skipTax": True}).json()
    assert (plans_of(draft), plans_of(changed)) == ([pro, None], [pro, None])
    # What stands on a draft may stay, as a price may that is not active any more.
    assert invoices.api.post(f"/api/plans/{pro}/archive").status_code == 200
    issued = invoices.act(draft, "finalise").json()
    assert (plans_of(issued), issued["discount"]) == ([pro, None], 500)
    assert plans_of(invoices.get(issued)) == [pro, None]
    proven(invoices)


def test_the_digest_of_a_document_covers_the_plan_where_there_is_one(invoices, price, plan):
    fee = price(unitAmount=1_000)
    made = invoices.make(items=[{"priceId": fee, "planId": plan(fee)}])
    with tenant_scope(invoices.tenant.id):
        row = InvoiceItem.objects.select_related("invoice").get(invoice_id=uuid_of(made))
        content, buyer = content_of(row.invoice, [row]), bytes(row.invoice.buyer_digest or b"")
        assert content.digest(buyer) == bytes(row.invoice.content_digest or b"")
        row.plan_id = None
        assert content_of(row.invoice, [row]).digest(buyer) != content.digest(buyer)


@pytest.mark.parametrize("path", PATHS)
def test_the_price_must_be_one_that_the_plan_charges_at_that_instant(invoices, price, plan, path):
    fee, later = price(unitAmount=1_000), price(unitAmount=2_000)
    pro = plan(fee)
    start = dt.datetime.now(dt.UTC) + dt.timedelta(days=30)
    version = invoices.api.post(f"/api/plans/{pro}/versions", {"prices": [later]})
    assert version.status_code == 201, version.json()
    published = invoices.api.post(f"/api/plans/{pro}/versions/2/publish", {"startsAt": start.isoformat()})
    assert published.status_code == 200, published.json()
    asked = {"userId": "u", "items": [SETUP, {"priceId": later, "planId": pro}]}
    answer = invoices.api.post(f"/api/invoices{path}", asked)
    assert refusal(answer) == (422, "price_not_in_plan", "items[1].planId")
    then = {**asked, "at": (start + dt.timedelta(seconds=1)).isoformat()}
    assert invoices.api.post("/api/invoices/preview", then).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_plan_that_is_not_sold_is_refused(invoices, price, plan, path):
    fee = price(unitAmount=1_000)
    over, future = plan(fee), plan(fee, startsAt="2100-01-01T00:00:00Z")
    assert invoices.api.post(f"/api/plans/{over}/archive").status_code == 200
    for one in (plan(fee, publish=False), over, future):
        answer = invoices.api.post(f"/api/invoices{path}", {"userId": "u", "items": [{"priceId": fee, "planId": one}]})
        assert refusal(answer) == (422, "plan_not_active", "items[0].planId")


@pytest.mark.parametrize("path", PATHS)
def test_a_plan_stands_beside_a_price_only(invoices, price, plan, path):
    fee = price(unitAmount=1_000)
    answer = invoices.api.post(f"/api/invoices{path}", {"userId": "u", "items": [{**SETUP, "planId": plan(fee)}]})
    assert refusal(answer) == (400, "validation_error", "items[0].planId")


def test_a_plan_of_another_tenant_or_of_nobody_does_not_exist(invoices, other_invoices, price, plan):
    fee = price(unitAmount=1_000)
    mine = other_invoices.api.post("/api/products", {"name": "Calls", "type": "one_time"}).json()["id"]
    terms = {"productId": mine, "currency": "EUR", "unitAmount": 5}
    foreign = other_invoices.api.post("/api/prices", terms).json()["id"]
    for named in (plan(fee), encode_id(PLAN, new_id())):
        for path in PATHS:
            body = {"userId": "u", "items": [{"priceId": foreign, "planId": named}]}
            answer = other_invoices.api.post(f"/api/invoices{path}", body)
            assert refusal(answer) == (404, "not_found", "items[0].planId")
    both = {"userId": "u", "items": [{"priceId": encode_id(PRICE, new_id()), "planId": encode_id(PLAN, new_id())}]}
    details = invoices.api.post("/api/invoices", both).json()["details"]
    assert [one["path"] for one in details] == ["items[0].priceId", "items[0].planId"]
