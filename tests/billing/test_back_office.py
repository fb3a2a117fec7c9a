"""Claims about the pages of customers, products and payments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing.models import Customer, Product
from billing.services.erasing import erase_customers
from common.ids import decode_id
from common.prefixes import CUSTOMER, PRODUCT
from tenants.enums import Role
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.billing.backoffice_rows import _payment
from tests.clients import Api
from tests.conftest import AT
from tests.tenants.backoffice.pressing import buttons_on, form_of, press, text_of

pytestmark = pytest.mark.django_db
CUSTOMERS, PRODUCTS, PAYMENTS = "/admin/billing/customer/", "/admin/billing/product/", "/admin/billing/payment/"
ADDRESS = {"line1": "1 High St", "line2": None, "city": "Leeds", "region": None, "postalCode": "LS1", "country": "GB"}


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


@pytest.fixture
def ada(api: Api) -> dict[str, Any]:
    body = {
        "externalId": "user-1",
        "name": "Ada",
        "email": "ada@example.com",
        "address": ADDRESS,
        "metadata": {"a": "1"},
    }
    made: dict[str, Any] = api.post("/api/customers", body).json()
    return made


def customer_page(customer: dict[str, Any]) -> str:
    return f"{CUSTOMERS}{decode_id(CUSTOMER, customer['id'])}/change/"


def customer_button(customer: dict[str, Any], name: str) -> str:
    return customer_page(customer).replace("/change/", f"/do/{name}/")


def test_a_customer_is_created_and_checked_as_the_api_checks(api: Api, browser: Client) -> None:
    given = {"external_id": "user-7", "name": " Ada ", "email": "ada@example.com", "country": "DE", "city": "Jena"}
    answer = press(browser, f"{CUSTOMERS}do/create/", **given, vat_id="DE811907980", metadata="team = a")
    assert "Ada has been created." in text_of(answer)
    shown = api.get("/api/customers?externalId=user-7").json()["data"][0]
    assert (shown["name"], shown["address"]["city"], shown["address"]["line1"]) == ("Ada", "Jena", None)
    assert (shown["vatStatus"], shown["metadata"]) == ("unverified", {"team": "a"})
    taken = press(browser, f"{CUSTOMERS}do/create/", external_id="user-7")
    assert taken.status_code == 409


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "nobody"), ("locale", "english"), ("vat_id", "!"), ("country", "XX"), ("currency", "EURO"),
     ("metadata", "a"), ("metadata", "a = 1\na = 2"), ("name", "x" * 256), ("metadata", f"{'k' * 41} = 1")],
)  # fmt: skip
def test_a_wrong_value_is_refused(field: str, value: str, tenant: Tenant, browser: Client) -> None:
    assert press(browser, f"{CUSTOMERS}do/create/", **{field: value}).status_code == 422
    with tenant_scope(tenant.id):
        assert Customer.objects.filter(tenant_id=tenant.id).count() == 0


def test_an_edit_changes_what_was_changed_and_leaves_a_trail(
    ada: dict[str, Any], api: Api, tenant: Tenant, browser: Client
) -> None:
    press(browser, customer_button(ada, "edit"), name="Ada Lovelace", metadata="b = 2")
    shown = api.get(f"/api/customers/{ada['id']}").json()
    assert (shown["name"], shown["address"], shown["metadata"]) == ("Ada Lovelace", ADDRESS, {"b": "2"})
    with tenant_scope(tenant.id):
        entry = AuditEntry.objects.filter(action="customer.updated").get()
    assert set(entry.after or {}) == {"name", "metadata"}
    assert "customer.updated" in text_of(browser.get(customer_page(ada)))


def test_an_edit_of_something_older_is_refused(ada: dict[str, Any], api: Api, browser: Client) -> None:
    sent = form_of(browser.get(customer_button(ada, "edit")).content.decode()) | {"name": "mine"}
    api.patch(f"/api/customers/{ada['id']}", {"name": "theirs"})
    assert browser.post(customer_button(ada, "edit"), sent).status_code == 409
    assert api.get(f"/api/customers/{ada['id']}").json()["name"] == "theirs"


def test_who_has_invoices_is_not_deleted_and_who_has_none_is(ada: dict[str, Any], api: Api, browser: Client) -> None:
    api.post("/api/invoices", {"customerId": ada["id"], "items": [{"description": "A", "unitPrice": 1}]})
    assert press(browser, customer_button(ada, "remove"), reason="r").status_code == 409
    bob = api.post("/api/customers", {"externalId": "user-2"}).json()
    assert press(browser, customer_button(bob, "remove"), reason="r").status_code == 200
    assert api.get(f"/api/customers/{bob['id']}").status_code == 404


def test_the_page_of_a_customer_shows_invoices_payments_and_history(
    ada: dict[str, Any], api: Api, browser: Client, browser_of: Callable[..., Client], tenant: Tenant
) -> None:
    items = [{"description": "A", "unitPrice": 4_200}]
    invoice = api.post("/api/invoices", {"customerId": ada["id"], "items": items}).json()
    api.post(f"/api/invoices/{invoice['id']}/mark-paid", {"reference": "Statement 9"})
    said = text_of(browser.get(customer_page(ada)))
    for expected in (invoice["invoiceNumber"], "€42.00", "Statement 9", "customer.created", "invoice.paid",
                     "payment.created", "Leeds", "United Kingdom"):  # fmt: skip
        assert expected in said, expected
    member = text_of(browser_of(tenant, role=Role.MEMBER).get(customer_page(ada)))
    assert "payment.created" not in member  # the audit trail is for owners and admins
    assert "invoice.paid" in member


def test_an_erased_customer_is_shown_as_such_and_cannot_be_changed(
    ada: dict[str, Any], tenant: Tenant, browser: Client
) -> None:
    with tenant_scope(tenant.id):
        assert erase_customers(customer_ids=[decode_id(CUSTOMER, ada["id"])], at=AT)
    assert "Erased" in text_of(browser.get(CUSTOMERS))
    answer = browser.get(customer_page(ada))
    assert "Erased" in text_of(answer)
    assert buttons_on(answer) & {"edit", "remove"} == set()


def test_search_finds_customers_by_id_address_and_name(ada: dict[str, Any], api: Api, browser: Client) -> None:
    api.post("/api/customers", {"externalId": "other", "name": "Bob", "email": "bob@example.com"})
    for term in (ada["id"], "user-1", "ADA@example.com", "ada"):
        said = text_of(browser.get(CUSTOMERS, {"q": term}))
        assert "ada@example.com" in said, term
        assert "bob@example.com" not in said, term


def test_a_product_is_created_changed_and_switched(api: Api, browser: Client) -> None:
    asked = {"name": "Seat", "type": "recurring", "price": "12.50", "currency": "EUR", "interval": "month"}
    press(browser, f"{PRODUCTS}do/create/", **asked)
    (made,) = api.get("/api/products").json()["data"]
    assert (made["price"], made["interval"], made["active"]) == (1_250, "month", True)
    page = f"{PRODUCTS}{decode_id(PRODUCT, made['id'])}/"
    assert "€12.50 / month" in text_of(browser.get(PRODUCTS))
    press(browser, f"{page}do/edit/", price="1,000", currency="JPY", description="One seat")
    shown = api.get(f"/api/products/{made['id']}").json()
    assert (shown["price"], shown["currency"], shown["description"]) == (1_000, "JPY", "One seat")
    press(browser, f"{page}do/stop/")
    assert api.get(f"/api/products/{made['id']}").json()["active"] is False
    press(browser, f"{page}do/resume/")
    assert api.get(f"/api/products/{made['id']}").json()["active"] is True


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"price": "1.234"}, "EUR has 2 decimal places."),
        ({"currency": ""}, "A price needs its currency."),
        ({"interval": ""}, "needs an interval"),
        ({"name": " "}, "This field is required."),
    ],
)
def test_a_wrong_product_is_refused(fields: dict[str, str], said: str, tenant: Tenant, browser: Client) -> None:
    asked = {"name": "Seat", "type": "recurring", "price": "12.50", "currency": "EUR", "interval": "month"}
    answer = press(browser, f"{PRODUCTS}do/create/", **(asked | fields))
    assert answer.status_code == 422
    assert said in text_of(answer)
    with tenant_scope(tenant.id):
        assert Product.objects.filter(tenant_id=tenant.id).count() == 0


def test_payments_are_only_shown(tenant: Tenant, browser: Client) -> None:
    with tenant_scope(tenant.id):
        payment = _payment(tenant, None)
    answer = browser.get(f"{PAYMENTS}{payment.id}/change/")
    assert "€12.34" in text_of(answer)
    assert buttons_on(answer) == set()
    for query, found in (("?q=till", True), ("?q=nothing", False), ("?status=failed", False), ("?method=cash", True)):
        assert ("€12.34" in text_of(browser.get(PAYMENTS + query))) is found, query
