"""A preview is what would be issued, and writes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from billing.models import Customer
from events.models import Event
from invoicing.models import Invoice, InvoiceItem, NumberSeries
from tenants.models import AuditEntry, IdempotencyKey
from tests.invoicing.credited import credit, grant, left_of, wallet

TIMES = {"createdAt", "updatedAt", "issuedAt", "paidAt", "dueDate"}
GRADUATED = {
    "model": "graduated",
    "tiers": [{"upTo": 1000, "unitAmount": 1}, {"upTo": None, "unitAmount": "0.5", "flatAmount": 100}],
}
MODELS: dict[str, dict[str, Any]] = {
    "flat": {"model": "flat", "unitAmount": 4900},
    "per unit": {"model": "per_unit", "unitAmount": "0.035"},
    "per unit with included units": {"model": "per_unit", "unitAmount": 7, "includedUnits": 100},
    "graduated": GRADUATED,
    "volume": {**GRADUATED, "model": "volume"},
    "package": {"model": "package", "unitAmount": 500, "packageSize": 100},
    "percentage": {"model": "percentage", "rate": "1.5", "fixedAmount": 10},
    "graduated percentage": {
        "model": "graduated_percentage", "tiers": [{"upTo": 1000, "rate": 2}, {"upTo": None, "rate": 1}],
    },
    "with a minimum": {"model": "per_unit", "unitAmount": 1, "minimumSpend": 100_000},
    "with tax in it": {"model": "per_unit", "unitAmount": 119, "taxBehavior": "inclusive"},
}  # fmt: skip


def usage_of(model: str, quantity: Any) -> dict[str, Any]:
    """A quantity, or one transaction of so much, as the model takes it."""
    return {"transactions": [quantity]} if "percentage" in model else {"quantity": quantity}


def preview(invoices, **fields: Any) -> Any:
    """The answer of a preview."""
    return invoices.api.post("/api/invoices/preview", {"userId": "user-1", **fields})


def comparable(body: dict[str, Any]) -> dict[str, Any]:
    """What is left without ids and times, which cannot be the same."""
    kept = {name: value for name, value in body.items() if name not in TIMES | {"id", "success", "explanation"}}
    items = [{name: value for name, value in item.items() if name != "id"} for item in body["items"]]
    return {**kept, "items": items, "invoiceNumber": None}


def explained(invoices, made: dict[str, Any]) -> dict[str, Any]:
    """The explanation of an issued invoice."""
    found: dict[str, Any] = invoices.api.get(f"/api/invoices/{made['id']}/explain").json()
    return found


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("quantity", [1, 1000, "1001.5"])
def test_a_price_of_each_model_is_previewed_and_issued_to_the_same_cents(invoices, settings_of, price, model, quantity):
    settings_of(taxRate=1900)
    invoices.api.post("/api/customers", {"externalId": "user-1"})
    items = [
        {"priceId": price(**MODELS[model]), **usage_of(model, quantity)},
        {"description": "Setup", "unitPrice": 9_999},
    ]  # fmt: skip
    expected = preview(invoices, items=items)
    assert expected.status_code == 200, expected.json()
    made = invoices.make(items=items)
    assert comparable(made) == comparable(expected.json())
    told = explained(invoices, made)
    assert told["digest"] == expected.json()["explanation"]["digest"]
    assert told["derivation"] == expected.json()["explanation"]["derivation"]
    assert [line["itemId"] for line in told["lines"]] == [item["id"] for item in made["items"]]
    assert all(line["steps"] for line in told["lines"])


def test_a_preview_writes_nothing_at_all(invoices, price):
    items = [{"priceId": price(unitAmount=5), "quantity": 3}]
    before = [model.objects.count() for model in (Customer, Invoice, InvoiceItem, NumberSeries, Event, AuditEntry)]
    body = preview(invoices, items=items, customer={"name": "Ada"}).json()
    keyed = invoices.api.post("/api/invoices/preview", {"userId": "user-1", "items": items}, key="once")
    assert (keyed.status_code, body["id"], body["customerId"], body["invoiceNumber"]) == (200, None, None, None)
    assert (body["userId"], body["total"], body["items"][0]["id"]) == ("user-1", 15, None)
    after = [model.objects.count() for model in (Customer, Invoice, InvoiceItem, NumberSeries, Event, AuditEntry)]
    assert after == before
    assert not IdempotencyKey.objects.filter(key="once").exists()


def test_usage_alone_is_enough_and_the_instant_may_be_given(invoices, price):
    usage = [{"priceId": price(unitAmount="0.5"), "quantity": "7"}]
    body = preview(invoices, usage=usage, at="2027-02-03T10:00:00Z").json()
    assert (body["total"], body["issuedAt"]) == (4, "2027-02-03T10:00:00.000Z")
    refused = preview(invoices)
    assert (refused.status_code, refused.json()["details"][0]["path"]) == (400, "items")


def test_a_problem_with_usage_is_named_where_the_caller_gave_it(invoices, price):
    dollars = price(unitAmount=1, currency="USD")
    refused = preview(invoices, items=[{"description": "Setup", "unitPrice": 1}], usage=[
        {"priceId": dollars, "quantity": 1},
    ])  # fmt: skip
    assert (refused.status_code, refused.json()["details"][0]["path"]) == (422, "usage[0].priceId")
    nowhere = preview(invoices, usage=[{"priceId": dollars[:-3] + "000", "quantity": 1}])
    assert (nowhere.status_code, nowhere.json()["details"][0]["path"]) == (404, "usage[0].priceId")


@pytest.mark.parametrize(
    ("total", "paid", "status"), [(1_000, 400, "pending"), (400, 400, "paid"), (300, 300, "paid"), (0, 0, "paid")]
)
def test_credit_pays_for_a_preview_as_it_does_for_the_invoice_and_is_still_there(invoices, total, paid, status):
    first = grant(invoices, 150)
    credit(invoices, 250)
    items = [{"description": "Setup", "unitPrice": total}]
    expected = preview(invoices, items=items).json()
    assert (expected["amountPaid"], expected["amountDue"], expected["status"]) == (paid, total - paid, status)
    assert expected["paidAt"] == (expected["issuedAt"] if status == "paid" else None)
    assert (wallet(invoices)["posted"], left_of(invoices, first)) == (400, [(150, "active")])
    assert comparable(invoices.make(items=items)) == comparable(expected)


def test_a_preview_of_a_later_day_ends_no_grant(invoices):
    ending = grant(invoices, 60, expiresAt="2100-01-01T00:00:00Z")
    items = [{"description": "Setup", "unitPrice": 100}]
    assert preview(invoices, items=items, at="2100-01-02T00:00:00Z").json()["amountPaid"] == 0
    assert (wallet(invoices)["posted"], left_of(invoices, ending)) == (60, [(60, "active")])
    assert preview(invoices, items=items).json()["amountPaid"] == 60
