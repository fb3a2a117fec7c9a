"""Whatever is asked for, the invoice is what its preview said, to the cent and to the digest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoicing.services.verifying_amounts import verify_amounts
from tenants.scope import tenant_scope
from tests.invoicing.test_previews import MODELS, comparable, explained, usage_of

PLACES = ("DE", "FR", "CH", None)
QUANTITIES = st.integers(0, 2_000) | st.decimals(0, 2_000, places=3).map(str)
RATES = (("DE", "standard", "19"), ("DE", "books", "7"), ("FR", "standard", "20"))
CODES = ("TEN", "THIRD", "FIVER", "BIG", "OF-ONE")


def catalogue(invoices: Any, price: Any) -> list[str]:
    """A price of each model, one in dollars with a rate for it, taxes of two countries, and coupons."""
    post = invoices.api.post
    prices = [price(**terms) for terms in MODELS.values()] + [price(unitAmount="3.3", currency="USD")]
    dollars = {"from": "USD", "to": "EUR", "rate": "0.92137", "validFrom": "2020-01-01T00:00:00Z"}
    made = [post("/api/exchange-rates", dollars)]
    for country, category, rate in RATES:
        body = {"country": country, "category": category, "rate": rate, "label": "VAT"}
        made.append(post("/api/tax-rates", {**body, "validFrom": "2020-01-01T00:00:00Z"}))
    terms: dict[str, dict[str, Any]] = {
        "TEN": {"type": "percentage", "percentage": "10", "duration": "forever"},
        "THIRD": {"type": "percentage", "percentage": "33.333333", "duration": "forever", "stackingOrder": 1},
        "FIVER": {"type": "amount", "amount": 500, "currency": "EUR", "duration": "forever"},
        "BIG": {"type": "amount", "amount": 10**9, "currency": "EUR", "keepRemainder": True},
        "OF-ONE": {"type": "percentage", "percentage": "50", "duration": "forever", "priceIds": prices[:1]},
    }
    made += [post("/api/coupons", {"code": code, "name": code, **of}) for code, of in terms.items()]
    assert [one.status_code for one in made] == [201] * len(made), [one.content for one in made]
    return prices


@pytest.mark.timeout(900)
def test_the_invoice_is_what_its_preview_said(invoices, settings_of, price):
    settings_of(taxRate=1900, address={"line1": "1 Street", "city": "Berlin", "country": "DE"})
    prices = catalogue(invoices, price)
    for place in PLACES:
        address = {"line1": "1", "city": "C", "country": place} if place else None
        invoices.api.post("/api/customers", {"externalId": f"of {place}", "address": address})
    model_of = dict(zip(prices, [*MODELS, "in dollars"], strict=True))
    priced = st.builds(
        lambda price_id, quantity, more: {"priceId": price_id, **usage_of(model_of[price_id], quantity), **more},
        st.sampled_from(prices), QUANTITIES, st.sampled_from([{}, {"taxCode": "books"}]),
    )  # fmt: skip
    own = st.fixed_dictionaries(
        {"description": st.just("Work"), "unitPrice": st.integers(0, 10**6), "quantity": st.integers(1, 99)},
        optional={"taxCode": st.just("books")},
    )

    @settings(max_examples=25)
    @given(
        items=st.lists(priced | own, min_size=1, max_size=6), coupons=st.lists(st.sampled_from(CODES), unique=True),
        place=st.sampled_from(PLACES), skip_tax=st.booleans(),
    )  # fmt: skip
    def same(items: list[Any], coupons: list[str], place: str | None, skip_tax: bool) -> None:
        body = {"userId": f"of {place}", "items": items, "coupons": coupons, "currency": "EUR", "skipTax": skip_tax}
        expected = invoices.api.post("/api/invoices/preview", body)
        made = invoices.api.post("/api/invoices", body)
        if made.status_code != 201:
            refusals = [(one.status_code, {**one.json(), "traceId": ""}) for one in (expected, made)]
            assert refusals[0] == refusals[1]
            return
        assert comparable(made.json()) == comparable(expected.json())
        assert explained(invoices, made.json())["digest"] == expected.json()["explanation"]["digest"]

    same()
    with tenant_scope(invoices.tenant.id):
        verdict = verify_amounts(tenant_id=invoices.tenant.id)
    assert verdict.ok, verdict.findings
