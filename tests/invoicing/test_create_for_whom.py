"""POST /api/invoices: which customer is billed, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from billing.models import Customer
from billing.services.erasing import erase_customers
from common.ids import decode_id, encode_id, new_id
from common.prefixes import CUSTOMER, PRODUCT
from invoicing.services.erasing import erase_invoices
from tenants.scope import tenant_scope
from tests.invoicing.documents import ITEM, Invoices, asked, uuid_of

pytestmark = pytest.mark.django_db
ADDRESS = {"line1": "1 High St", "line2": None, "city": "Bath", "region": None, "postalCode": "BA1", "country": "GB"}


def problems(answer: Any) -> set[tuple[str, str]]:
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "validation_error"
    return {(problem["path"], problem["code"]) for problem in answer.json()["details"]}


def customers(invoices: Invoices) -> int:
    with tenant_scope(invoices.tenant.id):
        return Customer.objects.count()


def test_an_unknown_user_id_creates_the_customer_once(invoices):
    first, second = invoices.make(userId="new"), invoices.make(userId="new")
    assert first["customerId"] == second["customerId"]
    assert first["userId"] == "new"
    customer = invoices.api.get(f"/api/customers/{first['customerId']}").json()
    assert (customer["externalId"], customer["name"]) == ("new", None)
    assert customers(invoices) == 1


def test_an_invoice_for_a_customer_id_shows_the_external_id(invoices):
    known = invoices.api.post("/api/customers", {"externalId": "u", "name": "Ada"}).json()
    nameless = invoices.api.post("/api/customers", {"name": "Bob"}).json()
    assert invoices.make(customerId=known["id"])["userId"] == "u"
    assert invoices.make(customerId=nameless["id"])["userId"] is None


def test_both_ids_of_one_customer_are_accepted(invoices):
    known = invoices.api.post("/api/customers", {"externalId": "u"}).json()
    assert invoices.make(userId="u", customerId=known["id"])["customerId"] == known["id"]


@pytest.mark.parametrize("user_id", ["other", "nobody"])
def test_ids_of_two_customers_are_refused(invoices, user_id):
    known = invoices.api.post("/api/customers", {"externalId": "u"}).json()
    invoices.api.post("/api/customers", {"externalId": "other"})
    answer = invoices.post(asked(userId=user_id, customerId=known["id"]))
    assert (answer.status_code, answer.json()["code"]) == (422, "customer_mismatch")
    assert customers(invoices) == 2
    assert invoices.numbers() == []


def test_somebody_must_be_billed(invoices):
    assert problems(invoices.post({"items": [ITEM]})) == {("userId", "required")}
    assert problems(invoices.post({"items": [ITEM], "userId": None, "customerId": None})) == {("userId", "required")}
    assert problems(invoices.post(asked(userId="   "))) >= {("userId", "too_short")}


@pytest.mark.parametrize("extra", [{}, {"dueDate": None}])
def test_unknown_and_foreign_customers_read_the_same(invoices, other_invoices, extra):
    foreign = other_invoices.make()["customerId"]
    for unknown in (encode_id(CUSTOMER, new_id()), foreign):
        answer = invoices.post(asked(customerId=unknown, **extra))
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert [problem["path"] for problem in answer.json()["details"]] == ["customerId"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("extra", [{}, {"dueDate": None}])
def test_unknown_and_foreign_products_are_named_by_their_paths(invoices, other_invoices, extra):
    invoices.make()
    foreign = other_invoices.api.post("/api/products", {"name": "Seat", "type": "one_time"}).json()["id"]
    items = [ITEM, {**ITEM, "productId": encode_id(PRODUCT, new_id())}, {**ITEM, "productId": foreign}]
    answer = invoices.post(asked(items=items, **extra))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert [problem["path"] for problem in answer.json()["details"]] == ["items[1].productId", "items[2].productId"]
    assert len(invoices.numbers()) == 1
    assert invoices.make()["invoiceNumber"].endswith("0002")


def test_details_fill_empty_fields_of_the_customer_and_overwrite_nothing(invoices):
    made = invoices.api.post("/api/customers", {"externalId": "u", "name": "Ada"}).json()
    details = {"name": "Eve", "email": "a@example.com", "address": ADDRESS, "vatId": "DE123456789", "locale": "de"}
    invoices.make(userId="u", customer=details)
    customer = invoices.api.get(f"/api/customers/{made['id']}").json()
    assert customer["name"] == "Ada"
    assert {name: customer[name] for name in ("email", "address", "vatId", "locale")} == {
        "email": "a@example.com", "address": ADDRESS, "vatId": "DE123456789", "locale": "de",
    }  # fmt: skip
    invoices.make(userId="u", customer={"email": "other@example.com"})
    assert invoices.api.get(f"/api/customers/{made['id']}").json()["email"] == "a@example.com"


def test_the_buyer_on_the_document_is_the_customer_of_that_day(invoices):
    invoice = invoices.make(customer={"name": "Ada", "email": "a@example.com", "address": ADDRESS})
    invoices.api.patch(f"/api/customers/{invoice['customerId']}", {"name": "Eve"})
    later = invoices.make()
    assert (invoices.row(invoice).buyer.name, invoices.row(later).buyer.name) == ("Ada", "Eve")
    assert (invoices.row(later).buyer.address, invoices.row(later).buyer.locale) == (ADDRESS, "en")


@pytest.mark.parametrize("field", ["testClockId", "discount", "invoiceNumber", "status", "total"])
def test_fields_of_later_or_no_capabilities_are_unknown(invoices, field):
    invoices.make()
    assert problems(invoices.post(asked(**{field: "x"}))) == {(field, "unknown_field")}
    assert problems(invoices.post(asked(items=[{**ITEM, field: "x"}]))) == {(f"items[0].{field}", "unknown_field")}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"items": []}, ("items", "too_short")),
        ({"items": None}, ("items", "required")),
        ({"items": {}}, ("items", "invalid")),
        ({"items": ["x"]}, ("items[0]", "invalid")),
        ({"items": [None]}, ("items[0]", "required")),
        ({"items": [{**ITEM, "unitPrice": -1}]}, ("items[0].unitPrice", "too_small")),
        ({"items": [{**ITEM, "unitPrice": "5"}]}, ("items[0].unitPrice", "invalid")),
        ({"items": [{**ITEM, "unitPrice": 5.0}]}, ("items[0].unitPrice", "invalid")),
        ({"items": [{**ITEM, "unitPrice": True}]}, ("items[0].unitPrice", "invalid")),
        ({"items": [{**ITEM, "quantity": 0}]}, ("items[0].quantity", "too_small")),
        ({"items": [{**ITEM, "quantity": 1.5}]}, ("items[0].quantity", "invalid")),
        ({"items": [{"unitPrice": 1}]}, ("items[0].description", "required")),
        ({"items": [{"description": "x"}]}, ("items[0].unitPrice", "required")),
        ({"items": [{**ITEM, "description": " "}]}, ("items[0].description", "too_short")),
        ({"items": [{**ITEM, "description": "x" * 501}]}, ("items[0].description", "too_long")),
        ({"items": [{**ITEM, "description": "a\x07"}]}, ("items[0].description", "invalid")),
        ({"items": [{**ITEM, "productId": "cst_01m7yktwpbegeag8wyqzfdxp2m"}]}, ("items[0].productId", "invalid_id")),
        ({"customerId": "inv_01m7yktwpbegeag8wyqzfdxp2m"}, ("customerId", "invalid_id")),
        ({"userId": "x" * 256}, ("userId", "too_long")),
        ({"userId": 5}, ("userId", "invalid")),
        ({"currency": "eur"}, ("currency", "invalid_currency")),
        ({"currency": "XXQ"}, ("currency", "invalid_currency")),
        ({"notes": "x" * 5001}, ("notes", "too_long")),
        ({"dueDate": "2026-13-01"}, ("dueDate", "invalid_datetime")),
        ({"dueDate": "2026-01-01T00:00:00"}, ("dueDate", "invalid_datetime")),
        ({"periodStart": "2026-01-01"}, ("periodStart", "invalid_datetime")),
        ({"skipTax": "true"}, ("skipTax", "invalid")),
        ({"draft": 1}, ("draft", "invalid")),
        ({"metadata": {str(n): "" for n in range(51)}}, ("metadata", "too_long")),
        ({"metadata": {"k" * 41: "v"}}, (f"metadata.{'k' * 41}", "too_long")),
        ({"metadata": {"k": "v" * 501}}, ("metadata.k", "too_long")),
        ({"metadata": {"k": 5}}, ("metadata.k", "invalid")),
        ({"metadata": []}, ("metadata", "invalid")),
        ({"customer": {"email": "nobody"}}, ("customer.email", "invalid")),
    ],
)
def test_a_wrong_value_is_named_with_its_path(invoices, change, problem):
    assert problems(invoices.post(asked(**change))) == {problem}


def test_a_period_ends_after_it_starts(invoices):
    period = {"periodStart": "2026-02-01T00:00:00Z", "periodEnd": "2026-02-01T00:00:00Z"}
    assert problems(invoices.post(asked(**period))) == {("periodEnd", "too_small")}
    assert problems(invoices.post(asked(items=[{**ITEM, **period}]))) == {("items[0].periodEnd", "too_small")}


def test_all_problems_are_named_at_once(invoices):
    body = {"items": [{"unitPrice": -1}, {**ITEM, "x": 1}], "currency": "?", "y": 1, "userId": "u"}
    assert problems(invoices.post(body)) == {
        ("items[0].description", "required"), ("items[0].unitPrice", "too_small"), ("items[1].x", "unknown_field"),
        ("currency", "invalid_currency"), ("y", "unknown_field"),
    }  # fmt: skip


def test_a_query_parameter_is_refused(invoices):
    answer = invoices.api.post("/api/invoices?dryRun=1", asked())
    assert problems(answer) == {("dryRun", "unknown_parameter")}
    assert invoices.numbers() == []


def test_an_erased_customer_is_not_billed(invoices, at):
    made = invoices.make(0, userId="u")
    with tenant_scope(invoices.tenant.id):
        erase_invoices(invoice_ids=[uuid_of(made)], at=at)
        erase_customers(customer_ids=[decode_id(CUSTOMER, made["customerId"])], at=at)
    answer = invoices.post(asked(customerId=made["customerId"]))
    assert (answer.status_code, answer.json()["code"]) == (409, "customer_erased")
    assert invoices.make(userId="u")["customerId"] != made["customerId"]
