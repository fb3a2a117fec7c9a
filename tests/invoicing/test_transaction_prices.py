"""Prices that charge for transactions: each is charged by itself, and no quantity is taken for one."""

from __future__ import annotations

from typing import Any

import pytest

from invoicing.models import Invoice
from tenants.scope import tenant_scope
from tests.invoicing.test_priced_invoices import SETUP, proven, refusal


def test_transactions_are_charged_one_by_one(invoices, price):
    fee = price(model="percentage", rate="1.5", fixedAmount=10)
    made = invoices.make(items=[{"priceId": fee, "transactions": [90_000, 4_000, "33.3"], "description": "Fees"}])
    (item,) = made["items"]
    assert (item["total"], item["usage"], made["total"]) == (1_440, "94033.3", 1_440)
    draft = invoices.draft(items=[{"priceId": fee, "transactions": [90_000, 4_000, "33.3"]}])
    assert invoices.patch(draft, {"skipTax": True}).json()["total"] == 1_440
    (item,) = invoices.act(draft, "finalise").json()["items"]
    assert (item["total"], item["usage"]) == (1_440, "94033.3")
    proven(invoices)


@pytest.mark.parametrize("quantity", [{}, {"quantity": 1}, {"quantity": "90000"}], ids=["none", "one", "an amount"])
@pytest.mark.parametrize(
    "terms",
    [{"model": "percentage", "rate": "1.5"}, {"model": "graduated_percentage", "tiers": [{"upTo": None, "rate": 2}]}],
    ids=lambda terms: terms["model"],
)
def test_a_price_that_charges_for_transactions_takes_no_quantity(invoices, price, terms, quantity):
    asked = {"userId": "u", "items": [SETUP, {"priceId": price(**terms), **quantity}]}
    for path, more in (("", {}), ("", {"draft": True}), ("/preview", {})):
        answer = invoices.api.post(f"/api/invoices{path}", {**asked, **more})
        assert refusal(answer) == (400, "validation_error", "items[1].transactions")
    with tenant_scope(invoices.tenant.id):
        assert not Invoice.objects.exists()


@pytest.mark.parametrize("back", [False, True], ids=["units become transactions", "transactions become units"])
def test_what_a_draft_has_counted_is_not_read_as_something_else(invoices, price, back):
    terms: list[dict[str, Any]] = [
        {"model": "per_unit", "unitAmount": 100},
        {"model": "percentage", "unitAmount": None, "rate": "10"},
    ]
    asked = [{"quantity": 900}, {"transactions": [900]}]
    before, after = terms[::-1] if back else terms
    named = price(**{name: value for name, value in before.items() if value is not None})
    draft = invoices.make(draft=True, items=[{"priceId": named, **asked[back]}])
    change = {"rate": None, **after} if back else after
    refused = invoices.api.patch(f"/api/prices/{named}", change)
    assert refusal(refused) == (409, "price_in_use", "model")
    assert invoices.act(draft, "finalise").json()["total"] == draft["total"]


def test_usage_of_a_price_that_charges_for_transactions_stands_among_the_items(invoices, price):
    usage = [{"priceId": price(model="percentage", rate="1.5"), "quantity": 90_000}]
    answer = invoices.api.post("/api/invoices/preview", {"userId": "u", "usage": usage})
    assert refusal(answer) == (400, "validation_error", "usage[0].quantity")


def test_a_draft_keeps_its_one_transaction(invoices, price):
    fee = price(model="percentage", rate="1.5", fixedAmount=10)
    draft = invoices.draft(items=[{"priceId": fee, "transactions": [90_000]}])
    changed = invoices.api.patch(f"/api/invoices/{draft['id']}", {"skipTax": True}).json()
    assert (changed["total"], changed["items"][0]["usage"]) == (1_360, 90_000)
    assert invoices.act(draft, "finalise").json()["total"] == 1_360
    proven(invoices)


def test_an_invoice_has_no_more_transactions_than_can_be_explained(invoices, price):
    fee = {"priceId": price(model="percentage", rate="1"), "transactions": [1] * 1000}
    answer = invoices.api.post("/api/invoices/preview", {"userId": "u", "items": [fee] * 11})
    assert refusal(answer) == (400, "validation_error", "items[10].transactions")
    assert invoices.api.post("/api/invoices/preview", {"userId": "u", "items": [fee]}).status_code == 200
