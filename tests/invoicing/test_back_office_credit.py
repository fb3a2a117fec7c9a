"""Claims about the page of an invoice that was paid with credit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from billing.models import Payment
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.invoicing.credited import credit
from tests.invoicing.documents import Invoices
from tests.invoicing.test_back_office import OPEN, button, page_of
from tests.tenants.backoffice.pressing import buttons_on, press, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def test_credit_is_shown_as_the_payment_that_it_is_and_does_not_hinder_a_void(
    invoices: Invoices, browser: Client
) -> None:
    credit(invoices, 3_000)
    invoice = invoices.make(10_000)
    said = text_of(browser.get(page_of(invoice)))
    for expected in ("Credit – €30.00 –", "Paid €30.00", "Open €70.00", "payment.created"):
        assert expected in said, expected
    assert buttons_on(browser.get(page_of(invoice))) == OPEN
    assert 'value="credit"' not in browser.get(button(invoice, "pay")).content.decode()
    press(browser, button(invoice, "void"), reason="Wrong buyer")
    said = text_of(browser.get(page_of(invoice)))
    for expected in ("Credit – €30.00 €30.00", "Refunded €30.00"):
        assert expected in said, expected
    with tenant_scope(invoices.tenant.id):
        payment = Payment.objects.get(method="credit")
    said = text_of(browser.get(f"/admin/billing/payment/{payment.id}/change/"))
    for expected in ("Credit", invoice["invoiceNumber"]):
        assert expected in said, expected
    mixed = invoices.make(10_000)
    invoices.act(mixed, "mark-paid", {"amount": 1})
    assert buttons_on(browser.get(page_of(mixed))) == OPEN - {"void"}
