"""Numbers at the ends of what is taken: an invoice that is issued can be explained and verified, or it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from invoicing.services.verifying_amounts import verify_amounts
from tenants.scope import tenant_scope
from tests.invoicing.documents import Invoices

PACKAGES = {"model": "package", "packageSize": "0.000001", "unitAmount": "0.000000000001"}
CAPPED = {"model": "per_unit", "unitAmount": 10**15, "maximumSpend": 1_000}


@pytest.fixture
def calls(invoices: Invoices) -> str:
    """A metered feature."""
    made = invoices.api.post("/api/features", {"key": "calls", "name": "Calls", "type": "metered"})
    assert made.status_code == 201, made.json()
    return str(made.json()["id"])


@pytest.fixture
def exchange(invoices: Invoices) -> Callable[[str, str, str], None]:
    """States a rate of exchange."""

    def state(source: str, target: str, rate: str) -> None:
        body = {"from": source, "to": target, "rate": rate, "validFrom": "2020-01-01T00:00:00Z"}
        assert invoices.api.post("/api/exchange-rates", body).status_code == 201

    return state


@pytest.mark.parametrize(
    ("terms", "quantity", "total", "seen"),
    [(PACKAGES, "20000000000000", 20_000_000, 20 * 10**18), (CAPPED, str(10**15), 1_000, 10**30)],
)
def test_steps_beyond_64_bits_are_issued_explained_and_verified_to_the_last_digit(
    invoices, price, calls, terms, quantity, total, seen
):
    items = [{"priceId": price(featureId=calls, **terms), "quantity": quantity}]
    preview = invoices.api.post("/api/invoices/preview", {"userId": "ada", "items": items})
    assert (preview.status_code, preview.json()["total"]) == (200, total)
    made = invoices.make(items=items)
    told = invoices.api.get(f"/api/invoices/{made['id']}/explain")
    assert (told.status_code, made["total"]) == (200, total)
    assert f":{seen}" in told.content.decode()
    assert json.loads(told.content)["digest"] == preview.json()["explanation"]["digest"]
    with tenant_scope(invoices.tenant.id):
        assert verify_amounts(tenant_id=invoices.tenant.id).ok


def test_an_amount_in_another_currency_is_within_the_bound_too(invoices, price, exchange):
    exchange("KWD", "JPY", "0.000000000001")
    item = {"priceId": price(currency="KWD", unitAmount=10**10), "quantity": 10**10}
    for path in ("/api/invoices/preview", "/api/invoices"):
        refused = invoices.api.post(path, {"userId": "ada", "currency": "JPY", "items": [item]})
        assert (refused.status_code, refused.json()["code"]) == (422, "amount_too_large")
    assert invoices.api.get("/api/invoices").json()["data"] == []


def test_a_unit_price_that_no_document_has_room_for_shows_one_of_the_amount(invoices, price, exchange):
    exchange("JPY", "KWD", "1000000000")
    item = {"priceId": price(currency="JPY", unitAmount=10**8), "quantity": "0.00001"}
    [made] = invoices.make(currency="KWD", items=[item])["items"]
    assert (made["quantity"], made["unitPrice"], made["total"]) == (1, 10**15, 10**15)


def test_a_preview_needs_room_for_its_due_date(invoices: Any):
    ask = {"userId": "ada", "items": [{"description": "Work", "unitPrice": 1}]}
    refused = invoices.api.post("/api/invoices/preview", {**ask, "at": "9999-12-02T00:00:00Z"})
    assert refused.status_code == 400
    assert [(one["path"], one["code"]) for one in refused.json()["details"]] == [("at", "too_large")]
    assert invoices.api.post("/api/invoices/preview", {**ask, "at": "8999-12-31T00:00:00Z"}).status_code == 200
