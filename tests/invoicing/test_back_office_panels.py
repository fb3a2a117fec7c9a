"""Claims about the page of an invoice: what its lines, coupons and taxes are, and how it was computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from invoicing.explanations import explanation_text
from invoicing.models import Invoice, InvoiceItem
from invoicing.services.explaining import explain_invoice
from tenants.enums import Role
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.scopes import ROLE_SCOPES, covers
from tenants.selectors import get_settings
from tests.billing.catalogue import Catalogue
from tests.invoicing.documents import Invoices, uuid_of
from tests.invoicing.test_back_office import XSS, page_of
from tests.invoicing.test_back_office_lines import a_price, fees
from tests.tenants.backoffice.pressing import tables_on, text_of

pytestmark = pytest.mark.django_db
EXCHANGE = {"currency": "USD", "amount": 10_000, "rate": "0.9213", "date": "2026-11-01", "source": "ECB"}
CANADA = [
    {"label": "GST", "rate": 500, "category": "standard"}, {"label": "QST", "rate": "997.5", "category": "standard"},
]  # fmt: skip
ROWS = [
    {"label": "GST", "rate": 500, "category": "standard", "taxable": 9_000, "tax": 450, "note": None},
    {"label": "QST", "rate": "997.5", "category": "standard", "taxable": 9_000, "tax": 898, "note": "Loi sur la TVQ"},
]  # fmt: skip


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def priced(invoices: Invoices) -> dict[str, Any]:
    """A draft with all kinds of lines that can be asked for."""
    catalogue = Catalogue(invoices.api)
    metered = catalogue.feature()["id"]
    api = a_price(catalogue, "API", unitAmount="0.035", includedUnits=1000, featureId=metered, minimumSpend=1000)["id"]
    shirt = a_price(catalogue, "Shirt", unitAmount=1990, taxBehavior="inclusive")["id"]
    return invoices.draft(
        items=[
            {"priceId": api, "quantity": 12_345},
            {"priceId": fees(catalogue)["id"], "transactions": [90_000, 4_000]},
            {"priceId": fees(catalogue)["id"], "transactions": [70_000]},
            {"priceId": shirt, "quantity": 3},
            {"description": "Goodwill", "unitPrice": -500, "type": "adjustment"},
        ]
    )  # fmt: skip


def discounted(invoices: Invoices) -> dict[str, Any]:
    """A draft as coupons, taxes of a country with two of them, and an exchanged price leave it."""
    draft = invoices.draft(10_000)
    taken = [{"couponId": "cpn_1", "code": "TEN", "name": XSS, "amount": 1_000}]
    with tenant_scope(invoices.tenant.id):
        InvoiceItem.objects.filter(invoice_id=uuid_of(draft)).update(discount=1_000, taxes=CANADA, exchange=EXCHANGE)
        Invoice.objects.filter(id=uuid_of(draft)).update(
            coupons=taken, discount=1_000, tax=1_348, total=10_348, tax_breakdown=ROWS
        )
    return draft


def test_lines_say_their_kind_and_what_their_prices_were_asked_for(
    invoices: Invoices, settings_of: Callable[..., Any], browser: Client
) -> None:
    settings_of(taxRate=1900)
    lines = tables_on(browser.get(page_of(priced(invoices))))[0]
    assert lines[0] == ["Description", "Quantity", "Unit price", "Tax", "Amount, net"]
    assert [line[0] for line in lines[1:7]] == [
        "API Usage · Asked for 12345 · Price", "API Minimum · Price",
        "Fees Usage · 2 transactions of €940.00 · Price", "Fees Usage · 1 transaction of €700.00 · Price",
        "Shirt Price", "Goodwill Adjustment",
    ]  # fmt: skip
    assert lines[5][1:] == ["3", "€19.90 incl. tax", "19 %", "€50.17"]
    assert lines[6][1:] == ["1", "-€5.00", "19 %", "-€5.00"]
    assert all(len(line) == 5 for line in lines)


def test_discounts_coupons_taxes_with_their_wording_and_exchange_are_shown(invoices: Invoices, browser: Client) -> None:
    answer = browser.get(page_of(discounted(invoices)))
    lines, coupons, taxes = tables_on(answer)[:3]
    assert lines == [
        ["Description", "Quantity", "Unit price", "Tax", "Discount", "Amount, net"],
        [
            "Part 0 US$100.00 at 0.9213, rate of 1 Nov 2026 (ECB)", "1", "€100.00", "GST 5 % QST 9.975 %", "-€10.00",
            "€100.00",
        ],
        ["", "", "", "", "Subtotal", "€100.00"], ["", "", "", "", "Discount", "-€10.00"],
        ["", "", "", "", "Tax", "€13.48"], ["", "", "", "", "Total", "€103.48"],
    ]  # fmt: skip
    assert coupons == [["Coupon", "Code", "Amount"], [XSS, "TEN", "-€10.00"]]
    assert taxes == [
        ["Tax", "Rate", "Category", "Taxable", "Tax amount", "Wording"],
        ["GST", "5 %", "standard", "€90.00", "€4.50", ""],
        ["QST", "9.975 %", "standard", "€90.00", "€8.98", "Loi sur la TVQ"],
    ]
    assert XSS not in answer.content.decode()


@pytest.mark.parametrize("role", list(Role))
def test_how_it_was_computed_is_shown_to_whoever_may_read_invoices(
    role: Role, invoices: Invoices, browser_of: Callable[..., Client]
) -> None:
    made = [priced(invoices), invoices.make(10_000)]
    reader = browser_of(invoices.tenant, role=role)
    for one in made:
        answer = reader.get(page_of(one))
        if not covers(ROLE_SCOPES[role], "invoices:read"):
            assert answer.status_code == 403
            continue
        with tenant_scope(invoices.tenant.id):
            row = Invoice.objects.select_related("buyer").get(id=uuid_of(one))
            explained = explain_invoice(row, settings=get_settings(tenant_id=invoices.tenant.id), at=row.created_at)
            text = explanation_text(explained)
        said = text_of(answer)
        assert "How this was computed" in said
        assert " ".join(text.split()) in said


def test_without_coupons_and_prices_there_is_no_panel_and_no_column_for_them(
    invoices: Invoices, browser: Client
) -> None:
    answer = browser.get(page_of(invoices.make(10_000)))
    assert "Code" not in [name for table in tables_on(answer) for name in table[0]]
    assert tables_on(answer)[0][0] == ["Description", "Quantity", "Unit price", "Tax", "Amount, net"]
    assert "Wording" not in text_of(answer)
