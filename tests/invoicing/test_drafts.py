"""Drafts: no number, everything can be changed, and finalising makes them documents."""

from __future__ import annotations

from typing import Any

import pytest

from common.ids import encode_id, new_id
from common.prefixes import INVOICE, PRODUCT
from invoicing.models import InvoiceBuyer, InvoiceItem
from tenants.scope import tenant_scope
from tests.invoicing.documents import ITEM

pytestmark = pytest.mark.django_db


def refused(answer: Any) -> tuple[int, str]:
    return int(answer.status_code), str(answer.json()["code"])


def without_success(answer: dict[str, Any]) -> dict[str, Any]:
    """What a creation answered, without the `success` that only creations and actions add."""
    return {name: value for name, value in answer.items() if name != "success"}


def test_a_draft_has_no_number_no_issue_date_and_no_due_date(invoices):
    draft = invoices.draft(500)
    assert (draft["status"], draft["total"]) == ("draft", 500)
    assert [draft[name] for name in ("invoiceNumber", "issuedAt", "dueDate", "paidAt")] == [None] * 4
    assert invoices.numbers() == []


def test_items_are_replaced_as_a_whole_and_everything_is_computed_anew(invoices, settings_of):
    settings_of(taxRate=1900)
    draft = invoices.draft(500, 700)
    changed = invoices.patch(
        draft, {"items": [{**ITEM, "unitPrice": 50, "quantity": 2, "metadata": {"a": "b"}}]}
    ).json()
    assert [(item["unitPrice"], item["total"]) for item in changed["items"]] == [(50, 100)]
    assert (changed["subtotal"], changed["tax"], changed["total"], changed["amountDue"]) == (100, 19, 119, 119)
    assert changed["taxBreakdown"][0]["taxable"] == 100
    assert invoices.get(draft) == changed


def test_a_draft_can_be_emptied_but_not_finalised_empty(invoices):
    draft = invoices.draft(500)
    changed = invoices.patch(draft, {"items": []}).json()
    assert (changed["items"], changed["taxBreakdown"], changed["total"]) == ([], [], 0)
    assert refused(invoices.act(draft, "finalise")) == (422, "invoice_empty")
    assert invoices.get(draft)["status"] == "draft"
    invoices.patch(draft, {"notes": "still empty"})
    assert invoices.get(draft)["items"] == []


def test_fields_that_are_not_given_stay(invoices):
    period = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-02-01T00:00:00Z"}
    item = {**ITEM, **period, "quantity": 3, "taxCode": "txcd_1", "metadata": {"k": "v"}}
    draft = invoices.draft(items=[item], notes="N", dueDate="2027-01-01", skipTax=True, currency="USD", **period)
    changed = invoices.patch(draft, {"metadata": {"x": "y"}}).json()
    unchanged = {**without_success(draft), "metadata": {"x": "y"}, "updatedAt": changed["updatedAt"]}
    assert changed == unchanged
    changed = invoices.patch(draft, {"currency": "GBP"}).json()
    for name in ("notes", "dueDate", "skipTax", "periodStart", "periodEnd", "total", "metadata"):
        assert changed[name] == unchanged[name], name
    assert [{**item, "id": None} for item in changed["items"]] == [{**item, "id": None} for item in draft["items"]]
    assert changed["currency"] == "GBP"


def test_notes_and_due_date_are_set_and_cleared(invoices):
    draft = invoices.draft()
    changed = invoices.patch(draft, {"notes": " New\nline ", "dueDate": "2027-01-01"}).json()
    assert (changed["notes"], changed["dueDate"]) == ("New\nline", "2027-01-01T00:00:00.000Z")
    changed = invoices.patch(draft, {"notes": None, "dueDate": None}).json()
    assert (changed["notes"], changed["dueDate"]) == (None, None)


def test_null_changes_nothing_where_there_is_nothing_to_clear(invoices):
    draft = invoices.draft(500, skipTax=True, currency="USD")
    changed = invoices.patch(draft, {"items": None, "currency": None, "skipTax": None, "metadata": None}).json()
    assert changed == {**without_success(draft), "updatedAt": changed["updatedAt"]}


def test_skip_tax_can_be_turned_on_and_off(invoices, settings_of):
    settings_of(taxRate=1900)
    draft = invoices.draft(100)
    assert invoices.patch(draft, {"skipTax": True}).json()["tax"] == 0
    assert invoices.patch(draft, {"skipTax": False}).json()["tax"] == 19


@pytest.mark.parametrize("field", ["userId", "customerId", "draft", "periodStart", "status", "subscriptionId"])
def test_what_cannot_be_changed_is_an_unknown_field(invoices, field):
    answer = invoices.patch(invoices.draft(), {field: "x"})
    assert (answer.status_code, answer.json()["details"][0]["code"]) == (400, "unknown_field")


def test_an_unknown_product_in_a_change_is_named_and_nothing_changes(invoices):
    draft = invoices.draft(500)
    answer = invoices.patch(draft, {"items": [{**ITEM, "productId": encode_id(PRODUCT, new_id())}], "notes": "x"})
    assert refused(answer) == (404, "not_found")
    assert answer.json()["details"][0]["path"] == "items[0].productId"
    assert {**invoices.get(draft), "success": True} == draft


def test_an_amount_too_large_in_a_change_is_refused(invoices):
    answer = invoices.patch(invoices.draft(), {"items": [{**ITEM, "unitPrice": 10**15, "quantity": 2}]})
    assert refused(answer) == (422, "amount_too_large")


def test_a_draft_is_deleted_with_all_that_belongs_to_it(invoices):
    draft = invoices.draft()
    assert invoices.api.delete(f"/api/invoices/{draft['id']}").status_code == 204
    assert invoices.api.get(f"/api/invoices/{draft['id']}").status_code == 404
    assert invoices.api.delete(f"/api/invoices/{draft['id']}").status_code == 404
    with tenant_scope(invoices.tenant.id):
        assert (InvoiceItem.objects.count(), InvoiceBuyer.objects.count()) == (0, 0)


def test_a_finalised_invoice_is_neither_deleted_nor_changed(invoices):
    invoice = invoices.make()
    assert refused(invoices.api.delete(f"/api/invoices/{invoice['id']}")) == (409, "invoice_not_draft")
    for change in (
        {"items": [ITEM]}, {"notes": "x"}, {"notes": None}, {"currency": "USD"}, {"dueDate": "2027-01-01"},
        {"skipTax": True}, {"metadata": {"a": "b"}, "notes": "x"},
    ):  # fmt: skip
        assert refused(invoices.patch(invoice, change)) == (409, "invoice_not_draft"), change
    assert {**invoices.get(invoice), "success": True} == invoice


def test_metadata_of_a_finalised_invoice_are_merged(invoices):
    invoice = invoices.make(metadata={"keep": "1", "drop": "2", "change": "3"})
    changed = invoices.patch(invoice, {"metadata": {"drop": None, "change": "4", "new": "5", "absent": None}}).json()
    assert changed["metadata"] == {"keep": "1", "change": "4", "new": "5"}
    assert changed == {**without_success(invoice), "metadata": changed["metadata"], "updatedAt": changed["updatedAt"]}


def test_metadata_may_not_outgrow_fifty_pairs(invoices):
    invoice = invoices.make(metadata={f"k{n}": "v" for n in range(40)})
    answer = invoices.patch(invoice, {"metadata": {f"x{n}": "v" for n in range(11)}})
    assert refused(answer) == (400, "validation_error")
    assert [(one["path"], one["code"]) for one in answer.json()["details"]] == [("metadata", "too_long")]
    assert len(invoices.get(invoice)["metadata"]) == 40
    removed = {f"k{n}": None for n in range(10)}
    assert invoices.patch(invoice, {"metadata": removed | {f"x{n}": "v" for n in range(20)}}).status_code == 200
    assert len(invoices.get(invoice)["metadata"]) == 50


@pytest.mark.parametrize("verb", ["finalise", "finalize"])
def test_finalising_gives_number_issue_date_and_due_date(invoices, settings_of, time_machine, verb):
    settings_of(paymentTermsDays=7)
    time_machine.move_to("2026-04-01T10:00:00Z", tick=False)
    draft = invoices.draft(500)
    time_machine.move_to("2026-05-05T10:00:00Z", tick=False)
    done = invoices.act(draft, verb).json()
    assert (done["invoiceNumber"], done["status"]) == ("INV-2026-0001", "pending")
    assert (done["issuedAt"], done["dueDate"]) == ("2026-05-05T10:00:00.000Z", "2026-05-12T00:00:00.000Z")
    assert done["createdAt"] == "2026-04-01T10:00:00.000Z"
    assert done == {**invoices.get(draft), "success": True}


def test_a_given_due_date_is_kept_by_finalising(invoices):
    draft = invoices.draft(dueDate="2030-01-01")
    assert invoices.act(draft, "finalise").json()["dueDate"] == "2030-01-01T00:00:00.000Z"


def test_a_draft_of_nothing_is_paid_when_finalised(invoices):
    done = invoices.act(invoices.draft(0), "finalise").json()
    assert (done["status"], done["paidAt"]) == ("paid", done["issuedAt"])


def test_a_draft_is_finalised_once(invoices):
    draft = invoices.draft()
    assert invoices.act(draft, "finalise").status_code == 200
    assert refused(invoices.act(draft, "finalise")) == (409, "invoice_not_draft")
    assert refused(invoices.act(invoices.make(), "finalise")) == (409, "invoice_not_draft")
    assert len(invoices.numbers()) == 2


def test_the_buyer_is_the_customer_as_of_finalising_with_the_drafts_notes(invoices):
    draft = invoices.draft(customer={"name": "Ada"}, notes="Mine")
    invoices.api.patch(f"/api/customers/{draft['customerId']}", {"name": "Eve", "vatId": "DE123456789"})
    invoices.act(draft, "finalise")
    buyer = invoices.row(draft).buyer
    assert (buyer.name, buyer.vat_id, buyer.notes) == ("Eve", "DE123456789", "Mine")


def test_finalising_takes_nothing(invoices):
    draft = invoices.draft()
    answer = invoices.act(draft, "finalise", {"issuedAt": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["details"][0]["code"]) == (400, "unknown_field")
    assert invoices.api.post(f"/api/invoices/{draft['id']}/finalise").status_code == 200


def test_what_is_not_there_or_of_another_tenant_is_not_found(invoices, other_invoices):
    foreign = other_invoices.draft()
    for name in (foreign["id"], encode_id(INVOICE, new_id()), "inv_x", foreign["customerId"], "x" * 300):
        path = f"/api/invoices/{name}"
        answers = [
            invoices.api.get(path), invoices.api.patch(path, {"notes": "x"}), invoices.api.delete(path),
            invoices.api.get(path + "/items"), invoices.api.get(path + "/status"),
            *(invoices.api.post(f"{path}/{verb}", {}) for verb in ("finalise", "finalize", "mark-paid", "cancel")),
            *(invoices.api.post(f"{path}/{verb}", {"reason": "x"}) for verb in ("void", "mark-uncollectible")),
        ]  # fmt: skip
        assert {refused(answer) for answer in answers} == {(404, "not_found")}
    assert {**other_invoices.get(foreign), "success": True} == foreign


def test_items_that_stay_keep_their_ids(invoices):
    draft = invoices.draft(500, 700)
    ids = [item["id"] for item in draft["items"]]
    assert [item["id"] for item in invoices.patch(draft, {"skipTax": True, "notes": "N"}).json()["items"]] == ids
    assert [item["id"] for item in invoices.act(draft, "finalise").json()["items"]] == ids


def test_the_tax_of_a_draft_is_that_of_its_issue_date(invoices, settings_of):
    draft = invoices.draft(1000)
    assert draft["tax"] == 0
    settings_of(taxRate=2000)
    issued = invoices.act(draft, "finalise").json()
    assert (issued["tax"], issued["total"], issued["items"][0]["taxRate"]) == (200, 1200, 2000)
    assert issued["items"][0]["id"] == draft["items"][0]["id"]
    assert [item["total"] for item in invoices.get(issued)["items"]] == [1000]
