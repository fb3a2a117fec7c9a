"""POST /api/invoices: what an invoice says, whichever way it is issued."""

from __future__ import annotations

import pytest

from common.money import MAX_AMOUNT
from tests.invoicing.documents import ITEM, asked

pytestmark = pytest.mark.django_db
FIELDS = {
    "id", "object", "invoiceNumber", "status", "customerId", "userId", "currency", "subtotal", "discount", "tax",
    "total", "amountPaid", "amountRefunded", "amountCredited", "amountDue", "dueDate", "issuedAt", "paidAt", "voidedAt",
    "voidReason", "periodStart", "periodEnd", "subscriptionId", "notes", "paymentInstructions", "skipTax", "items",
    "taxBreakdown", "coupons", "providerId", "emailStatus", "metadata", "createdAt", "updatedAt",
}  # fmt: skip
ITEM_FIELDS = {
    "id", "object", "description", "quantity", "unitPrice", "total", "discount", "taxRate", "taxes", "taxCode",
    "productId", "priceId", "planId", "type", "usage", "taxBehavior", "exchange", "periodStart", "periodEnd",
    "metadata",
}  # fmt: skip


@pytest.fixture(params=["one statement", "step by step"])
def way(request, invoices):
    """Fields that make a request take the one way or the other: a null is absent, but not plain."""
    invoices.api.post("/api/customers", {"externalId": "user-1"})
    return {} if request.param == "one statement" else {"dueDate": None}


def test_an_invoice_has_every_documented_field_and_no_other(invoices, way):
    body = invoices.make(10_000, **way)
    assert set(body) == FIELDS | {"success"}
    assert set(body["items"][0]) == ITEM_FIELDS
    assert body["success"] is True
    assert (body["object"], body["items"][0]["object"]) == ("invoice", "invoiceItem")


def test_what_was_answered_is_what_can_be_read(invoices, way):
    made = invoices.make(1, 2, 3, notes="Thank you", metadata={"b": "1", "a": "2"}, **way)
    del made["success"]
    assert invoices.get(made) == made


def test_amounts_add_up_and_all_of_it_is_due(invoices, settings_of, way):
    settings_of(taxRate=1900, taxLabel="USt")
    items = [{"description": "A", "unitPrice": 1_999, "quantity": 3}, {"description": "B", "unitPrice": 1}]
    body = invoices.make(items=items, **way)
    assert [item["total"] for item in body["items"]] == [5_997, 1]
    assert (body["subtotal"], body["discount"], body["tax"], body["total"]) == (5_998, 0, 1_140, 7_138)
    assert (body["amountPaid"], body["amountDue"], body["status"]) == (0, 7_138, "pending")
    row = {"label": "USt", "rate": 1900, "category": "standard", "taxable": 5_998, "tax": 1_140, "note": None}
    assert body["taxBreakdown"] == [row]
    assert body["items"][0]["taxes"] == [{"label": "USt", "rate": 1900, "category": "standard"}]
    assert body["items"][0]["taxRate"] == 1900


@pytest.mark.parametrize(
    ("rate", "amount", "tax"),
    [
        (1001, 250, 25),  # 25.025
        (100, 250, 3),  # 2.5: a half goes up, also to the odd number
        (100, 150, 2),  # 1.5
        (100, 50, 1),  # 0.5
        (100, 49, 0),
        (1, 5_000, 1),  # 0.5
        (1, 4_999, 0),
        (10_000, 7, 7),
        (1900, 10**14, 19 * 10**12),
    ],
)
def test_tax_is_rounded_half_away_from_zero(invoices, settings_of, way, rate, amount, tax):
    settings_of(taxRate=rate)
    assert invoices.make(amount, **way)["tax"] == tax


def test_tax_is_taken_on_the_sum_not_item_by_item(invoices, settings_of, way):
    settings_of(taxRate=100)
    assert invoices.make(50, 50, 50, **way)["tax"] == 2  # 3 if each item's half were rounded


def test_without_a_tax_rate_there_is_one_zero_row(invoices, way):
    body = invoices.make(500, **way)
    row = {"label": "VAT", "rate": 0, "category": "zero", "taxable": 500, "tax": 0, "note": None}
    assert (body["tax"], body["total"], body["taxBreakdown"]) == (0, 500, [row])


def test_skip_tax_gives_one_exempt_row(invoices, settings_of, way):
    settings_of(taxRate=1900)
    body = invoices.make(500, skipTax=True, **way)
    row = {"label": "VAT", "rate": 0, "category": "exempt", "taxable": 500, "tax": 0, "note": None}
    assert (body["skipTax"], body["tax"], body["taxBreakdown"]) == (True, 0, [row])


def test_an_exempt_customer_pays_no_tax(invoices, settings_of, way):
    settings_of(taxRate=1900)
    customer = invoices.api.post("/api/customers", {"externalId": "exempt", "taxExempt": True}).json()
    body = invoices.make(500, customerId=customer["id"], **way)
    assert (body["skipTax"], body["tax"], body["taxBreakdown"][0]["category"]) == (False, 0, "exempt")


def test_what_costs_nothing_is_numbered_and_paid_at_once(invoices, settings_of, way):
    settings_of(taxRate=1900)
    body = invoices.make(0, **way)
    assert (body["status"], body["total"], body["amountDue"], body["amountPaid"]) == ("paid", 0, 0, 0)
    assert body["paidAt"] == body["issuedAt"]
    assert body["invoiceNumber"].endswith("-0001")


def test_the_currency_is_the_requests_then_the_customers_then_the_tenants(invoices, settings_of, way):
    settings_of(defaultCurrency="CHF")
    swiss = invoices.api.post("/api/customers", {"externalId": "plain"}).json()
    pound = invoices.api.post("/api/customers", {"externalId": "pound", "currency": "GBP"}).json()
    assert invoices.make(1, customerId=swiss["id"], **way)["currency"] == "CHF"
    assert invoices.make(1, customerId=pound["id"], **way)["currency"] == "GBP"
    assert invoices.make(1, customerId=pound["id"], currency="JPY", **way)["currency"] == "JPY"


def test_texts_of_every_script_come_back_as_they_were_sent(invoices, way):
    texts = [
        "Grüße, 東京 – ἀλφα",
        "שלום עולם 123",
        "👩‍👩‍👧‍👦 🏳️‍🌈 é",
        'q"uo\\te',
        "{}[]'; DROP TABLE --",
        '"invoiceNumber":""',
    ]
    items = [{"description": text, "unitPrice": 1, "taxCode": text[:64]} for text in texts]
    metadata = {"ключ": "значение", "e\u0301": "\t\n\u2028"}
    body = invoices.make(items=items, notes="\n".join(texts), metadata=metadata, **way)
    stored = invoices.get(body)
    assert [item["description"] for item in stored["items"]] == texts
    assert [item["taxCode"] for item in stored["items"]] == texts
    assert (stored["notes"], stored["metadata"]) == ("\n".join(texts), metadata)
    assert {**stored, "success": True} == body


def test_amounts_beyond_2_to_the_53_are_exact_and_integers(invoices, settings_of, way):
    large = 999_999_999_999_999
    body = invoices.make(large, **way)
    assert (body["total"], body["amountDue"]) == (large, large)
    assert invoices.make(MAX_AMOUNT, **way)["total"] == MAX_AMOUNT
    assert invoices.make(items=[{**ITEM, "unitPrice": 1, "quantity": MAX_AMOUNT}], **way)["total"] == MAX_AMOUNT


@pytest.mark.parametrize(
    "items",
    [
        [{**ITEM, "unitPrice": MAX_AMOUNT, "quantity": 2}],
        [{**ITEM, "unitPrice": MAX_AMOUNT}, {**ITEM, "unitPrice": 1}],
        [{**ITEM, "unitPrice": MAX_AMOUNT, "quantity": MAX_AMOUNT}],
        [{**ITEM, "unitPrice": 2**53, "quantity": 1}],
    ],
)
def test_an_amount_beyond_the_bound_is_refused_and_takes_no_number(invoices, way, items):
    answer = invoices.post(asked(items=items, **way))
    if items[0]["unitPrice"] > MAX_AMOUNT:
        assert answer.status_code == 400
        assert answer.json()["details"][0]["code"] == "too_large"
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, "amount_too_large")
    assert invoices.numbers() == []


def test_tax_alone_can_make_the_total_too_large(invoices, settings_of, way):
    settings_of(taxRate=1)
    answer = invoices.post(asked(MAX_AMOUNT, **way))
    assert (answer.status_code, answer.json()["code"]) == (422, "amount_too_large")


def test_a_thousand_items_keep_their_order(invoices, way):
    items = [{"description": f"Line {index}", "unitPrice": index} for index in range(1000)]
    body = invoices.make(items=items, **way)
    assert [item["unitPrice"] for item in body["items"]] == list(range(1000))
    assert invoices.get(body)["items"] == body["items"]
    assert body["total"] == 499_500


def test_a_thousand_and_one_items_are_refused(invoices, way):
    answer = invoices.post(asked(*[1] * 1001, **way))
    assert answer.status_code == 400
    assert [(problem["path"], problem["code"]) for problem in answer.json()["details"]] == [("items", "too_long")]


def test_a_product_stands_on_the_item(invoices, way):
    product = invoices.api.post("/api/products", {"name": "Seat", "type": "one_time"}).json()
    body = invoices.make(items=[{**ITEM, "productId": product["id"]}], **way)
    assert body["items"][0]["productId"] == product["id"]


def test_the_location_names_the_invoice(invoices, way):
    answer = invoices.post(asked(**way))
    assert answer["Location"] == f"/api/invoices/{answer.json()['id']}"
    assert invoices.api.get(answer["Location"]).status_code == 200


def test_periods_stand_on_the_invoice_and_on_items(invoices):
    period = {"periodStart": "2026-01-01T00:00:00+01:00", "periodEnd": "2026-02-01T00:00:00.1239Z"}
    body = invoices.make(items=[{**ITEM, **period}], **period)
    for thing in (body, body["items"][0], invoices.get(body), invoices.get(body)["items"][0]):
        assert (thing["periodStart"], thing["periodEnd"]) == ("2025-12-31T23:00:00.000Z", "2026-02-01T00:00:00.123Z")


def test_the_due_date_is_midnight_of_the_issue_day_plus_terms_in_the_tenants_zone(
    invoices, settings_of, time_machine, way
):
    settings_of(timeZone="America/New_York", paymentTermsDays=14)
    time_machine.move_to("2026-03-01T03:00:00Z", tick=False)  # still 28 February there; the clocks change on 8 March
    assert invoices.make(**way)["dueDate"] == "2026-03-14T04:00:00.000Z"


def test_a_due_date_may_be_a_day_in_the_tenants_zone_or_an_instant(invoices, settings_of):
    settings_of(timeZone="Asia/Kolkata")
    assert invoices.make(dueDate="2026-12-24")["dueDate"] == "2026-12-23T18:30:00.000Z"
    assert invoices.make(dueDate="2026-12-24T10:00:00-05:00")["dueDate"] == "2026-12-24T15:00:00.000Z"


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"])
def test_the_ends_of_the_calendar_are_kept_or_refused(invoices, settings_of, zone, day):
    settings_of(timeZone=zone)
    answer = invoices.post(asked(dueDate=day, periodEnd="9999-12-31T23:59:59.999Z"))
    assert answer.status_code in (201, 400)
    if answer.status_code == 201:
        assert invoices.get(answer.json())["dueDate"] == answer.json()["dueDate"]
        assert invoices.api.get(f"/api/invoices?dueDate[gte]={day}").json()["data"] != []
    else:
        assert answer.json()["details"][0]["code"] == "invalid_datetime"
