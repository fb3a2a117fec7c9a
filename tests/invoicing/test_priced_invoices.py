"""Invoices that name prices, coupons and places: what they come to, and what they leave behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounting.services.verifying import verify_books
from billing.models import Coupon, Redemption
from common.ids import encode_id, new_id
from common.prefixes import PRICE
from invoicing.models import Invoice
from invoicing.services.verifying import verify_numbering
from invoicing.services.verifying_amounts import verify_amounts
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices

SETUP = {"description": "Setup", "unitPrice": 10_000}
BERLIN = {"line1": "1 Street", "city": "Berlin", "country": "DE"}
PARIS = {"line1": "1 Rue", "city": "Paris", "country": "FR"}
ZURICH = {"line1": "1 Gasse", "city": "Zürich", "country": "CH"}
RATES = (
    {"country": "DE", "rate": "19", "label": "USt"},
    {"country": "DE", "category": "books", "rate": "7", "label": "USt"},
    {"country": "FR", "rate": "20", "label": "TVA"},
)  # fmt: skip


@pytest.fixture
def coupon(invoices: Invoices) -> Callable[..., str]:
    """Makes a coupon and gives its code; ten percent, once, unless told otherwise."""

    def make(code: str, **terms: Any) -> str:
        given = terms if "type" in terms else {"type": "percentage", "percentage": "10", **terms}
        made = invoices.api.post("/api/coupons", {"code": code, "name": f"Coupon {code}", **given})
        assert made.status_code == 201, made.json()
        return code

    return make


@pytest.fixture
def german(invoices: Invoices, settings_of: Callable[..., Any]) -> None:
    """A seller in Germany with the rates of Germany and France."""
    settings_of(taxRate=1900, address=BERLIN)
    for rate in RATES:
        made = invoices.api.post("/api/tax-rates", {"validFrom": "2020-01-01T00:00:00Z", **rate})
        assert made.status_code == 201, made.json()


def proven(invoices: Invoices) -> None:
    """Amounts, numbers and books of the tenant agree."""
    with tenant_scope(invoices.tenant.id):
        amounts = verify_amounts(tenant_id=invoices.tenant.id)
        assert amounts.ok, amounts.findings
        numbers = verify_numbering(tenant_id=invoices.tenant.id)
        assert numbers.ok, numbers.findings
        books = verify_books(tenant_id=invoices.tenant.id)
        assert not books.findings, books.findings


def refusal(answer: Any) -> tuple[int, str, str]:
    """Status, code, and the place that is named first."""
    body = answer.json()
    return answer.status_code, body["code"], (body.get("details") or [{"path": ""}])[0]["path"]


def test_a_coupon_takes_its_share_before_the_tax(invoices, settings_of, coupon):
    settings_of(taxRate=1900)
    made = invoices.make(items=[SETUP, {"description": "B", "unitPrice": 3_333}], coupons=[coupon("TEN")])
    assert (made["subtotal"], made["discount"], made["tax"], made["total"]) == (13_333, 1_333, 2_280, 14_280)
    assert [item["discount"] for item in made["items"]] == [1_000, 333]
    (taken,) = made["coupons"]
    assert (taken["code"], taken["name"], taken["amount"]) == ("TEN", "Coupon TEN", 1_333)
    assert invoices.get(made) == {name: value for name, value in made.items() if name != "success"}
    proven(invoices)


def test_a_coupon_larger_than_the_invoice_makes_it_nothing_and_keeps_its_rest(invoices, coupon):
    code = coupon("FIFTY", type="amount", amount=5_000, currency="EUR", keepRemainder=True)
    first = invoices.make(2_000, coupons=[code])
    assert (first["total"], first["status"]) == (0, "paid")
    second = invoices.make(10_000, coupons=[code])
    assert second["total"] == 7_000
    with tenant_scope(invoices.tenant.id):
        assert Redemption.objects.get().ended_at is not None
    proven(invoices)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"validFrom": "2999-01-01T00:00:00Z"}, "coupon_not_started"),
        ({"validUntil": "2020-01-01T00:00:00Z"}, "coupon_expired"),
        ({"active": False}, "coupon_not_applicable"),
        ({"type": "amount", "amount": 1, "currency": "USD"}, "currency_mismatch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_coupon_that_does_not_count_is_named_and_nothing_is_written(invoices, coupon, terms, code):
    active = terms.pop("active", True)
    name = coupon("C", **terms)
    if not active:
        assert invoices.api.patch(f"/api/coupons/{name}", {"active": False}).status_code == 200
    refused = invoices.api.post("/api/invoices", {"userId": "u", "items": [SETUP], "coupons": [name]})
    assert refusal(refused) == (422, code, "coupons[0]")
    previewed = invoices.api.post("/api/invoices/preview", {"userId": "u", "items": [SETUP], "coupons": [name]})
    assert refusal(previewed) == (422, code, "coupons[0]")
    with tenant_scope(invoices.tenant.id):
        assert not Invoice.objects.exists()
        assert not Redemption.objects.exists()


def test_a_coupon_of_a_price_takes_off_its_lines_only_and_needs_one(invoices, price, coupon):
    sold, other = price(unitAmount=1_000), price(unitAmount=2_000)
    code = coupon("HALF", type="percentage", percentage="50", priceIds=[sold])
    made = invoices.make(items=[{"priceId": sold}, {"priceId": other}, SETUP], coupons=[code])
    assert [item["discount"] for item in made["items"]] == [500, 0, 0]
    alone = {"userId": "other", "items": [{"priceId": other}, SETUP], "coupons": [code]}
    assert refusal(invoices.api.post("/api/invoices", alone)) == (422, "coupon_not_applicable", "coupons[0]")


def test_coupons_of_a_draft_are_redeemed_when_it_is_finalised_and_come_back_when_it_is_void(invoices, coupon):
    code = coupon("ONCE", maxRedemptions=1)
    draft = invoices.draft(1_000, coupons=[code])
    assert (draft["discount"], draft["coupons"][0]["amount"]) == (100, 100)
    with tenant_scope(invoices.tenant.id):
        assert Coupon.objects.get().times_redeemed == 0
    issued = invoices.act(draft, "finalise").json()
    assert (issued["discount"], issued["coupons"]) == (100, draft["coupons"])
    again = {"userId": "second", "items": [SETUP], "coupons": [code]}
    assert refusal(invoices.api.post("/api/invoices", again)) == (422, "coupon_exhausted", "coupons[0]")
    invoices.act(issued, "void", {"reason": "wrong"})
    assert invoices.api.post("/api/invoices", again).status_code == 201
    proven(invoices)


def test_a_coupon_on_a_draft_is_not_deleted(invoices, coupon):
    invoices.draft(1_000, coupons=[coupon("TEN")])
    refused = invoices.api.delete("/api/coupons/TEN")
    assert (refused.status_code, refused.json()["code"]) == (409, "coupon_in_use")
    assert "1 draft invoice" in refused.json()["message"]


def test_the_coupons_of_a_draft_are_replaced_and_cleared(invoices, coupon):
    first, second = coupon("A"), coupon("B", type="percentage", percentage="50")
    draft = invoices.draft(1_000, coupons=[first])
    assert invoices.patch(draft, {"coupons": [second]}).json()["discount"] == 500
    assert invoices.patch(draft, {"items": [{**SETUP, "unitPrice": 100}]}).json()["discount"] == 50
    cleared = invoices.patch(draft, {"coupons": []}).json()
    assert (cleared["discount"], cleared["coupons"]) == (0, [])


@pytest.mark.parametrize(
    ("customer", "tax", "category", "note"),
    [
        ({"address": BERLIN}, 1_900, "standard", None),
        ({"address": PARIS}, 2_000, "standard", None),
        ({"address": ZURICH}, 0, "outside", "Not subject to EU VAT"),
    ],
    ids=["at home", "in another member", "outside"],
)
@pytest.mark.parametrize("quick", [True, False], ids=["one statement", "step by step"])
def test_the_tax_is_that_of_the_place_on_both_ways(invoices, german, customer, tax, category, note, quick):
    invoices.api.post("/api/customers", {"externalId": "user-1", **customer})
    made = invoices.make(items=[SETUP], **({} if quick else {"dueDate": None}))
    (row,) = made["taxBreakdown"]
    assert (made["tax"], row["category"]) == (tax, category)
    assert (row["note"] or "").startswith(note or "")
    proven(invoices)


def test_a_rate_that_has_changed_counts_for_the_next_invoice(invoices, german, time_machine):
    time_machine.move_to("2026-12-31T23:00:00Z", tick=False)
    invoices.api.post("/api/customers", {"externalId": "user-1", "address": PARIS})
    assert invoices.make(items=[SETUP])["tax"] == 2_000
    (rate,) = invoices.api.get("/api/tax-rates?country=FR").json()["data"]
    time_machine.move_to("2027-01-01T00:00:00Z", tick=False)
    ended = invoices.api.patch(f"/api/tax-rates/{rate['id']}", {"validUntil": "2027-01-01T00:00:00Z"})
    assert ended.status_code == 200, ended.json()
    new = {"country": "FR", "rate": "21", "label": "TVA", "validFrom": "2027-01-01T00:00:00Z"}
    assert invoices.api.post("/api/tax-rates", new).status_code == 201
    assert invoices.make(items=[SETUP])["tax"] == 2_100


def test_each_category_has_a_row_and_lines_of_one_are_rounded_together(invoices, german):
    invoices.api.post("/api/customers", {"externalId": "user-1", "address": BERLIN})
    books = [{"description": "Book", "unitPrice": 5, "taxCode": "books"} for _ in range(3)]
    made = invoices.make(items=[SETUP, *books])
    assert [(row["rate"], row["taxable"], row["tax"]) for row in made["taxBreakdown"]] == [
        (1900, 10_000, 1_900), (700, 15, 1),
    ]  # fmt: skip


def test_a_price_in_another_currency_is_converted_and_says_so(invoices, price):
    dollars = price(unitAmount=999, currency="USD")
    items = [{"priceId": dollars, "quantity": 3}]
    refused = invoices.api.post("/api/invoices", {"userId": "u", "items": items, "currency": "EUR"})
    assert refusal(refused) == (422, "currency_mismatch", "items[0].priceId")
    rate = {"from": "USD", "to": "EUR", "rate": "0.9213", "validFrom": "2026-01-01T00:00:00Z", "source": "ECB"}
    assert invoices.api.post("/api/exchange-rates", rate).status_code == 201
    made = invoices.make(items=items, currency="EUR")
    (item,) = made["items"]
    assert (item["total"], item["quantity"], item["unitPrice"]) == (2_761, 3, "920.3787")
    assert item["exchange"] == {
        "currency": "USD", "amount": 2_997, "rate": "0.9213", "date": "2026-01-01T00:00:00.000Z", "source": "ECB",
    }  # fmt: skip
    (line,) = invoices.api.get(f"/api/invoices/{made['id']}/explain").json()["lines"]
    assert [step["rounded"] for step in line["steps"]][-2:] == [2_997, 2_761]
    text = invoices.api.get(f"/api/invoices/{made['id']}/explain", Accept="text/plain").content.decode()
    assert "27.61 EUR" in text
    assert "0.9213" in text
    proven(invoices)


def test_a_minimum_in_another_currency_is_converted_as_a_whole(invoices, price):
    rate = {"from": "USD", "to": "EUR", "rate": "0.9213", "validFrom": "2026-01-01T00:00:00Z"}
    assert invoices.api.post("/api/exchange-rates", rate).status_code == 201
    made = invoices.make(items=[{"priceId": price(unitAmount=3, minimumSpend=1_001, currency="USD"), "quantity": 5}])
    used, minimum = made["items"]
    assert [used["exchange"]["amount"], minimum["exchange"]["amount"]] == [15, 986]
    # 10.01 dollars are 9.2222 euros, and the 9.86 that the minimum adds are 9.0840: the first line takes the rest.
    assert [used["total"], minimum["total"], made["total"]] == [14, 908, 922]
    proven(invoices)


def test_a_price_that_contains_its_tax_keeps_its_gross(invoices, settings_of, price, coupon):
    settings_of(taxRate=1900)
    gross = price(unitAmount=119, taxBehavior="inclusive")
    made = invoices.make(items=[{"priceId": gross, "quantity": 3}], coupons=[coupon("TEN")])
    (item,) = made["items"]
    assert (item["unitPrice"], item["taxBehavior"], item["total"], item["discount"]) == (119, "inclusive", 300, 30)
    assert (made["subtotal"], made["discount"], made["tax"], made["total"]) == (300, 30, 51, 321)
    assert made["coupons"][0]["amount"] == 36
    proven(invoices)


def test_the_tax_code_of_an_item_goes_before_that_of_its_price(invoices, german, price):
    invoices.api.post("/api/customers", {"externalId": "user-1", "address": BERLIN})
    book = price(unitAmount=10_000, taxCode="books")
    made = invoices.make(items=[{"priceId": book}, {"priceId": book, "taxCode": "standard"}])
    assert [(item["taxCode"], item["taxRate"]) for item in made["items"]] == [("books", 700), ("standard", 1900)]
    assert made["tax"] == 700 + 1_900


def test_an_adjustment_takes_off_on_drafts_only(invoices):
    goodwill = {"description": "Goodwill", "unitPrice": -500, "type": "adjustment"}
    refused = invoices.api.post("/api/invoices", {"userId": "u", "items": [SETUP, goodwill]})
    assert refusal(refused) == (400, "validation_error", "items[1].unitPrice")
    plain = invoices.api.post("/api/invoices", {"userId": "u", "draft": True, "items": [{**SETUP, "unitPrice": -1}]})
    assert refusal(plain) == (400, "validation_error", "items[0].unitPrice")
    draft = invoices.draft(items=[SETUP, goodwill])
    issued = invoices.act(draft, "finalise").json()
    assert (issued["total"], issued["items"][1]["type"]) == (9_500, "adjustment")
    too_much = {"userId": "u", "draft": True, "items": [{**goodwill, "unitPrice": -1}]}
    assert refusal(invoices.api.post("/api/invoices", too_much))[:2] == (422, "negative_total")
    proven(invoices)


@pytest.mark.parametrize(("of_charge", "of_credit"), [("standard", "books"), ("books", "standard")])
def test_a_coupon_larger_than_charges_less_a_credit_at_another_rate_leaves_nothing(
    invoices, german, coupon, of_charge, of_credit
):  # fmt: skip
    invoices.api.post("/api/customers", {"externalId": "user-1", "address": BERLIN})
    goodwill = {"description": "Goodwill", "unitPrice": -4_000, "type": "adjustment", "taxCode": of_credit}
    large = coupon("LARGE", type="amount", amount=50_000, currency="EUR", keepRemainder=True)
    draft = invoices.draft(items=[{**SETUP, "taxCode": of_charge}, goodwill], coupons=[large])
    answer = invoices.act(draft, "finalise")
    assert answer.status_code == 200, answer.json()
    issued = answer.json()
    assert (issued["total"], issued["tax"], issued["status"]) == (0, 0, "paid")
    assert (issued["subtotal"], issued["discount"], issued["coupons"][0]["amount"]) == (6_000, 6_000, 6_000)
    assert [(row["taxable"], row["tax"]) for row in issued["taxBreakdown"]] == [(0, 0), (0, 0)]
    assert invoices.make(items=[{**SETUP, "unitPrice": 50_000}], coupons=[large])["discount"] == 44_000
    proven(invoices)


def test_what_cannot_be_priced_is_named(invoices, price):
    gone, known = encode_id(PRICE, new_id()), price(unitAmount=5)
    cases = {
        "items[0].priceId": ({"priceId": gone}, 404),
        "items[0].unitPrice": ({"priceId": known, "unitPrice": 5}, 400),
        "items[0].description": ({"unitPrice": 5}, 400),
        "items[0].quantity": ({"description": "A", "unitPrice": 5, "quantity": "1.5"}, 400),
        "items[0].transactions": ({"description": "A", "unitPrice": 5, "transactions": ["1"]}, 400),
    }
    for path, (item, status) in cases.items():
        answer = invoices.api.post("/api/invoices", {"userId": "u", "items": [item]})
        assert (answer.status_code, answer.json()["details"][0]["path"]) == (status, path)
    assert invoices.api.patch(f"/api/prices/{known}", {"active": False}).status_code == 200
    answer = invoices.api.post("/api/invoices", {"userId": "u", "items": [{"priceId": known}]})
    assert refusal(answer) == (422, "price_inactive", "items[0].priceId")


def test_a_price_of_a_product_that_is_not_sold_any_more_enters_nothing_new(invoices, price):
    gone, sold = price(unitAmount=5), price(unitAmount=7)
    draft = invoices.draft(items=[{"priceId": gone}])
    product = invoices.api.get(f"/api/prices/{gone}").json()["productId"]
    assert invoices.api.patch(f"/api/products/{product}", {"active": False}).status_code == 200
    body = {"userId": "u", "items": [{"priceId": sold}, {"priceId": gone}]}
    for path, more in (("/api/invoices", {}), ("/api/invoices", {"draft": True}), ("/api/invoices/preview", {})):
        assert refusal(invoices.api.post(path, {**body, **more})) == (422, "price_inactive", "items[1].priceId")
    assert refusal(invoices.patch(draft, {"items": [{"priceId": gone}]})) == (422, "price_inactive", "items[0].priceId")
    # What stands on a draft already may stay, as with a price that is not active.
    assert invoices.act(draft, "finalise").json()["total"] == 5
    assert invoices.api.patch(f"/api/products/{product}", {"active": True}).status_code == 200
    assert invoices.api.post("/api/invoices", body).json()["total"] == 12


def test_a_price_of_another_tenant_does_not_exist(invoices, other_invoices, price):
    answer = other_invoices.api.post("/api/invoices", {"userId": "u", "items": [{"priceId": price(unitAmount=5)}]})
    assert refusal(answer) == (404, "not_found", "items[0].priceId")


def test_the_line_of_a_minimum_keeps_its_id_when_the_draft_is_finalised(invoices, price):
    draft = invoices.draft(items=[{"priceId": price(unitAmount=3, minimumSpend=500)}, SETUP])
    ids = [item["id"] for item in draft["items"]]
    assert len(set(ids)) == 3
    assert [item["id"] for item in invoices.act(draft, "finalise").json()["items"]] == ids


def test_a_void_invoice_of_prices_leaves_the_books_even(invoices, price, coupon):
    made = invoices.make(items=[{"priceId": price(unitAmount=500), "quantity": 2}], coupons=[coupon("TEN")])
    assert invoices.act(made, "void", {"reason": "wrong"}).status_code == 200
    proven(invoices)


def test_a_minimum_that_has_come_in_since_the_draft_stands_beside_its_price_in_the_list_of_items(invoices, price):
    changing = price(unitAmount=3)
    draft = invoices.draft(items=[{"priceId": changing, "quantity": 2}, SETUP])
    assert invoices.api.patch(f"/api/prices/{changing}", {"minimumSpend": 500}).status_code == 200
    issued = invoices.act(draft, "finalise").json()
    assert [(item["type"], item["total"]) for item in issued["items"]] == [
        ("one_time", 6), ("minimum", 494), ("one_time", 10_000),
    ]  # fmt: skip
    assert invoices.api.get(f"/api/invoices/{issued['id']}/items").json()["data"] == issued["items"]
    assert issued["items"][0]["id"] == draft["items"][0]["id"]
    proven(invoices)
