"""Claims about `GET /api/invoices/{id}/pdf`."""

from __future__ import annotations

import hashlib
from typing import Any

import pypdfium2
import pytest

from invoicing.models import InvoiceDocument
from tenants.scope import tenant_scope
from tests.billing.catalogue import Catalogue
from tests.invoicing.anonymised import erase
from tests.invoicing.documents import Invoices

pytestmark = pytest.mark.django_db


def pdf_of(invoices: Invoices, invoice: dict[str, Any], **headers: str) -> Any:
    return invoices.api.get(f"/api/invoices/{invoice['id']}/pdf", **headers)


def text_of(content: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content))


def test_a_finalised_invoice_has_a_pdf_with_its_number_name_and_tag(invoices):
    invoice = invoices.make(12_000, customer={"name": "Ada Lovelace"})
    answer = pdf_of(invoices, invoice)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'inline; filename="{invoice["invoiceNumber"]}.pdf"'
    assert answer["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    text = text_of(answer.content)
    assert invoice["invoiceNumber"] in text
    assert "Ada Lovelace" in text
    assert "€120.00" in text


def test_the_bytes_never_change_whatever_becomes_of_settings_customer_and_invoice(invoices, settings_of):
    invoice = invoices.make(12_000, customer={"name": "Ada Lovelace"})
    first = pdf_of(invoices, invoice)
    settings_of(legalName="Somebody Else", brandColor="#ff0000", locale="de")
    invoices.api.patch(f"/api/customers/{invoice['customerId']}", {"name": "Countess"})
    assert invoices.act(invoice, "mark-paid").status_code == 200
    again = pdf_of(invoices, invoice)
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])


def test_what_is_typeset_late_shows_what_stood_at_finalisation(invoices, settings_of):
    settings_of(legalName="Before Ltd", brandColor="#123456", paymentInstructions="IBAN OLD")
    invoice = invoices.make(12_000, customer={"name": "Ada Lovelace"})
    settings_of(legalName="After Ltd", paymentInstructions="IBAN NEW")
    text = text_of(pdf_of(invoices, invoice).content)
    assert "Before Ltd" in text
    assert "IBAN OLD" in text
    assert "After" not in text
    assert "NEW" not in text


def test_if_none_match_is_answered_without_a_body(invoices):
    invoice = invoices.make(5)
    tag = pdf_of(invoices, invoice)["ETag"]
    for given in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        answer = pdf_of(invoices, invoice, if_none_match=given)
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
    assert pdf_of(invoices, invoice, if_none_match='"other"').status_code == 200


def test_a_draft_has_no_document(invoices):
    answer = pdf_of(invoices, invoices.draft(5))
    assert (answer.status_code, answer.json()["code"]) == (409, "invoice_not_finalised")


def test_an_invoice_of_another_tenant_does_not_exist(invoices, other_invoices):
    invoice = other_invoices.make(5)
    answer = pdf_of(invoices, invoice)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    with tenant_scope(other_invoices.tenant.id):
        assert not InvoiceDocument.objects.exists()


def test_reading_needs_the_scope(invoices, api_of):
    invoice = invoices.make(5)
    answer = api_of(invoices.tenant, "customers:read").get(f"/api/invoices/{invoice['id']}/pdf")
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_an_unknown_parameter_is_refused(invoices):
    invoice = invoices.make(5)
    answer = invoices.api.get(f"/api/invoices/{invoice['id']}/pdf?download=1")
    assert answer.json()["details"][0]["code"] == "unknown_parameter"


@pytest.mark.parametrize("typeset_before", [True, False])
def test_an_erased_document_is_gone_and_its_digest_stays(invoices, typeset_before):
    invoice = invoices.make(5, customer={"name": "Ada"})
    if typeset_before:
        digest = hashlib.sha256(pdf_of(invoices, invoice).content).digest()
    invoices.act(invoice, "void", {"reason": "moved away"})
    erase(invoices, invoice["customerId"])
    answer = pdf_of(invoices, invoice)
    assert (answer.status_code, answer.json()["code"]) == (410, "document_erased")
    with tenant_scope(invoices.tenant.id):
        rows = list(InvoiceDocument.objects.values_list("content", "sha256"))
    assert [(content, bytes(sha256)) for content, sha256 in rows] == ([(None, digest)] if typeset_before else [])


def test_a_head_request_has_the_headers_and_no_body(invoices):
    invoice = invoices.make(5)
    answer = invoices.api.request("HEAD", f"/api/invoices/{invoice['id']}/pdf")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["ETag"] == pdf_of(invoices, invoice)["ETag"]


def test_usage_of_a_price_per_transaction_is_counted_and_is_money(invoices):
    catalogue = Catalogue(invoices.api)
    fees = catalogue.price(
        productId=catalogue.product(name="Card payments")["id"], model="percentage", rate="1.5", unitAmount=None,
        featureId=catalogue.feature()["id"], interval=None,
    )  # fmt: skip
    calls = catalogue.price(
        unitAmount="0.035", includedUnits=1000, featureId=catalogue.feature()["id"], minimumSpend=1000
    )
    items = [{"priceId": fees["id"], "transactions": [90_000]}, {"priceId": calls["id"], "quantity": 12_345}]
    text = text_of(pdf_of(invoices, invoices.make(items=items)).content)
    for said in ("Card payments", "Transactions: 1, together EUR", "900.00", "Usage: 12,345", "Minimum charge: API"):
        assert said in text, said
