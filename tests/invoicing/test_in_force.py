"""Taxes, exchange rates and coupons of an invoice are those in force when it is issued, whichever way that goes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.invoicing.documents import Invoices
from tests.invoicing.test_previews import preview
from tests.invoicing.test_priced_invoices import BERLIN, PARIS, SETUP, refusal

BEFORE, NEW_YEAR = "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z"


@pytest.fixture
def new_year(invoices: Invoices, time_machine: Any) -> None:
    """An hour before the tax of France rises from 20 % to 21 %, a dollar falls from 0.90 EUR to 0.80, and TEN ends."""
    assert invoices.api.patch("/api/settings", {"address": BERLIN}).status_code == 200
    time_machine.move_to(BEFORE, tick=False)
    french = {"country": "FR", "label": "TVA"}
    dollars = {"from": "USD", "to": "EUR"}
    ten = {"code": "TEN", "name": "Ten", "type": "percentage", "percentage": "10", "validUntil": NEW_YEAR}
    for path, body in (
        ("/api/tax-rates", {**french, "rate": "20", "validFrom": "2020-01-01T00:00:00Z", "validUntil": NEW_YEAR}),
        ("/api/tax-rates", {**french, "rate": "21", "validFrom": NEW_YEAR}),
        ("/api/exchange-rates", {**dollars, "rate": "0.9", "validFrom": "2020-01-01T00:00:00Z"}),
        ("/api/exchange-rates", {**dollars, "rate": "0.8", "validFrom": NEW_YEAR}),
        ("/api/coupons", {**ten, "duration": "forever", "maxRedemptionsPerCustomer": 1}),
        ("/api/customers", {"externalId": "user-1", "address": PARIS}),
    ):
        made = invoices.api.post(path, body)
        assert made.status_code == 201, made.json()


@pytest.mark.parametrize("more", [{}, {"dueDate": None}], ids=["one statement", "step by step"])
def test_the_tax_is_that_of_the_moment(invoices, new_year, time_machine, more):
    draft = invoices.draft(items=[SETUP])
    assert (invoices.make(items=[SETUP], **more)["tax"], draft["tax"]) == (2_000, 2_000)
    assert preview(invoices, items=[SETUP], at=NEW_YEAR).json()["tax"] == 2_100
    time_machine.move_to(NEW_YEAR, tick=False)
    assert invoices.make(items=[SETUP], **more)["tax"] == 2_100
    assert invoices.act(draft, "finalise").json()["tax"] == 2_100


def test_the_exchange_rate_is_that_of_the_moment(invoices, new_year, price, time_machine):
    items = [{"priceId": price(unitAmount=1_000, currency="USD")}]
    draft = invoices.draft(items=items, currency="EUR")
    assert (invoices.make(items=items, currency="EUR")["subtotal"], draft["subtotal"]) == (900, 900)
    assert preview(invoices, items=items, currency="EUR", at=NEW_YEAR).json()["subtotal"] == 800
    time_machine.move_to(NEW_YEAR, tick=False)
    assert invoices.make(items=items, currency="EUR")["subtotal"] == 800
    issued = invoices.act(draft, "finalise").json()
    assert (issued["subtotal"], issued["items"][0]["exchange"]["date"]) == (800, "2027-01-01T00:00:00.000Z")


def test_a_coupon_that_has_ended_is_for_those_only_who_have_it(invoices, new_year, time_machine):
    mine, theirs = (invoices.draft(items=[SETUP], coupons=["TEN"], userId=name) for name in ("user-1", "user-2"))
    assert invoices.make(items=[SETUP], coupons=["TEN"])["discount"] == 1_000
    time_machine.move_to(NEW_YEAR, tick=False)
    assert invoices.act(mine, "finalise").json()["discount"] == 1_000
    assert preview(invoices, items=[SETUP], coupons=["TEN"]).json()["discount"] == 1_000
    assert refusal(invoices.act(theirs, "finalise")) == (422, "coupon_expired", "coupons[0]")
    assert invoices.get(theirs)["status"] == "draft"
