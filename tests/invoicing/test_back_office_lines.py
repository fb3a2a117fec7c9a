"""Claims about the form of a draft: lines that name prices, adjustments, coupons, and where refusals are shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from billing.models import Price
from billing.rating.errors import DuplicateCoupon
from common.errors import NotFound
from invoicing.admin.catalogue import label_of
from invoicing.admin.forms import DraftForm, NewDraftForm, draft_changes, draft_request
from invoicing.models import Invoice, InvoiceItem
from tenants.backoffice.forms import refusal_on
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.selectors import get_settings
from tests.billing.catalogue import Catalogue
from tests.clients import Api
from tests.invoicing.documents import Invoices, rows_of, uuid_of
from tests.invoicing.test_back_office import LINE, LIST, button, items, only_draft
from tests.tenants.backoffice.pressing import form_of, press, text_of

pytestmark = pytest.mark.django_db
NEW = f"{LIST}do/create/"
WHO = {"customer": "user-9", "currency": "EUR"}


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


@pytest.fixture
def catalogue(api: Api) -> Catalogue:
    api.post("/api/customers", {"externalId": "user-9"})
    return Catalogue(api)


def a_price(catalogue: Catalogue, name: str = "Seats", **terms: Any) -> Any:
    """A price that is charged once, 15.00 EUR per unit unless `terms` say otherwise."""
    given = {"unitAmount": 1500, "interval": None} | terms
    return catalogue.price(productId=catalogue.product(name=name)["id"], **given)


def fees(catalogue: Catalogue, **terms: Any) -> Any:
    """1.5 % of each transaction."""
    feature = catalogue.feature()["id"]
    return a_price(catalogue, "Fees", model="percentage", rate="1.5", unitAmount=None, featureId=feature, **terms)


def calls(catalogue: Catalogue) -> Any:
    """Metered, with a minimum."""
    feature = catalogue.feature()["id"]
    return a_price(catalogue, "Calls", unitAmount="0.035", featureId=feature, minimumSpend=1000)


def errors_at(answer: Any, field: str) -> list[str]:
    """The errors in the cells of a column, empty ones for rows without."""
    html = re.sub(r"<template\b.*?</template>", "", answer.content.decode(), flags=re.DOTALL)
    cells = re.findall(rf'<td class="bo-cell-{field}">(.*?)</td>', html, re.DOTALL)
    return [" ".join(re.findall(r'class="bo-field-error">(.*?)</p>', cell)) for cell in cells]


def lines_of(draft: Invoice) -> list[InvoiceItem]:
    """In the order of the document."""
    return list(draft.items.order_by("position"))


def row(number: int, **fields: Any) -> dict[str, Any]:
    """The fields of a row as a browser sends them."""
    return {f"rows-{number}-{name}": value for name, value in fields.items()}


def test_a_line_that_names_a_price_is_what_the_price_makes_of_a_decimal_quantity(
    tenant: Tenant, catalogue: Catalogue, browser: Client
) -> None:
    seats = a_price(catalogue)
    answer = press(browser, NEW, **WHO, **row(0, price=seats["id"], quantity="2.5"))
    assert "The draft has been created." in text_of(answer), text_of(answer)[-300:]
    draft = only_draft(tenant)
    with tenant_scope(tenant.id):
        [item] = lines_of(draft)
    assert (draft.total, item.total, item.description, item.usage) == (3_750, 3_750, "Seats", ["2.5"])
    assert item.quantity == 2.5


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"unit_price": "1.00"}, "unit_price", "The price says this."),
        ({"product": "mine"}, "product", "The price says this."),
        ({"quantity": "-1"}, "quantity", "greater than or equal to 0"),
        ({"quantity": "many"}, "quantity", "Enter a number."),
        ({"quantity": "NaN"}, "quantity", "Enter a number."),
        ({"quantity": "1e400"}, "quantity", "less than or equal to"),
        ({"quantity": "0.0000000000001"}, "quantity", "no more than 12 decimal places"),
        ({"price": "theirs"}, "price", "Select a valid choice"),
        ({"price": "fees"}, "quantity", "Expected the amounts of the transactions"),
        ({"price": "fees", "quantity": "900.00; x"}, "quantity", "Expected an amount such as"),
        ({"price": "fees", "quantity": "1;" * 1001}, "quantity", "At most 1,000 transactions."),
        ({"price": "fees", "quantity": "9999999999999999"}, "quantity", "This amount is too large."),
        ({"price": "", "unit_price": "1.00", "description": "W", "quantity": "2.5"}, "quantity", "whole number"),
    ],
)
def test_what_is_wrong_in_a_row_stands_at_its_field_and_nothing_is_made(
    fields: dict[str, str], field: str, said: str, tenant: Tenant, catalogue: Catalogue, other_api: Api, browser: Client
) -> None:
    named = {
        "mine": catalogue.product(name="P")["id"], "theirs": a_price(Catalogue(other_api))["id"],
        "fees": fees(catalogue)["id"], "seats": a_price(catalogue)["id"],
    }  # fmt: skip
    given = {"price": "seats"} | fields
    given = {name: named.get(value, value) if name in ("price", "product") else value for name, value in given.items()}
    answer = press(browser, NEW, **WHO, **row(0, **given))
    assert answer.status_code == 422
    [shown] = errors_at(answer, field)
    assert said in shown.replace("&#x27;", "'")
    with tenant_scope(tenant.id):
        assert not Invoice.objects.filter(tenant_id=tenant.id).exists()


def test_transactions_are_amounts_of_the_currency_of_the_price(
    tenant: Tenant, catalogue: Catalogue, browser: Client
) -> None:
    price = fees(catalogue)
    press(browser, NEW, **WHO, **row(0, price=price["id"], quantity="1,900.00; 40;0.005"))
    draft = only_draft(tenant)
    with tenant_scope(tenant.id):
        [item] = lines_of(draft)
    assert item.usage == ["190000", "4000", "0.5"]
    values = form_of(browser.get(button(draft, "edit")).content.decode())
    assert values["rows-0-quantity"] == "1900.00; 40.00; 0.005"


def test_what_the_services_refuse_stands_in_the_row_that_it_is_about(
    tenant: Tenant, catalogue: Catalogue, browser: Client
) -> None:
    first, gone, yen = calls(catalogue), a_price(catalogue), a_price(catalogue, "Sushi", currency="JPY")
    draft = {"id": uuid_of(Invoices(tenant, catalogue.api).draft(items=[{"priceId": first["id"], "quantity": 10}]))}
    page = button(SimpleNamespace(**draft), "edit")
    rows = row(1, price=gone["id"], quantity="1", DELETE="on") | row(2, price=yen["id"], quantity="1")
    answer = press(browser, page, **rows, **{"rows-TOTAL_FORMS": "3"})
    assert answer.status_code == 422
    shown = errors_at(answer, "price")
    assert shown[:2] == ["", ""]
    assert "EUR" in shown[2]
    assert "Please look at the fields below." in text_of(answer)


def test_saving_a_draft_unchanged_changes_nothing_of_its_lines(
    invoices: Invoices, catalogue: Catalogue, browser: Client
) -> None:
    product = catalogue.product(name="Seat", type="one_time", price=900, currency="EUR")["id"]
    period = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-02-01T00:00:00Z"}
    metered = calls(catalogue)["id"]
    draft = invoices.draft(
        items=[
            {"priceId": metered, "quantity": "12345.75", "taxCode": "T1", "metadata": {"k": "v"}} | period,
            {"priceId": fees(catalogue)["id"], "transactions": [90_000, "4000.5"], "description": "Card payments"},
            {"priceId": fees(catalogue)["id"], "transactions": [70_000]},
            {"priceId": a_price(catalogue)["id"], "quantity": 0},
            {"description": "Goodwill", "unitPrice": -500, "type": "adjustment"},
            {"description": "Kept as one", "unitPrice": 500, "type": "adjustment"},
            {"productId": product, "description": "A seat", "unitPrice": 800, "quantity": 3},
        ]
    )  # fmt: skip
    before = rows_of("invoicing_invoiceitem", tenant=invoices.tenant)
    assert [one["type"] for one in before][:2] == ["usage", "minimum"]
    page = browser.get(button(draft, "edit")).content.decode()
    assert form_of(page)["rows-TOTAL_FORMS"] == "7"
    answer = press(browser, button(draft, "edit"), notes="Changed")
    assert "The draft has been changed." in text_of(answer), text_of(answer)[-300:]
    assert rows_of("invoicing_invoiceitem", tenant=invoices.tenant) == before
    assert invoices.get(draft)["notes"] == "Changed"


def test_a_minimum_follows_the_line_before_it_and_keeps_its_id(
    invoices: Invoices, catalogue: Catalogue, browser: Client
) -> None:
    draft = invoices.draft(items=[{"priceId": calls(catalogue)["id"], "quantity": 10_000}])
    with tenant_scope(invoices.tenant.id):
        before = items(draft)
    press(browser, button(draft, "edit"), **row(0, quantity="20000"))
    with tenant_scope(invoices.tenant.id):
        after = items(draft)
    assert [one.total for one in before] == [350, 650]
    assert [one.total for one in after] == [700, 300]
    assert [one.id for one in after] == [one.id for one in before]
    press(browser, button(draft, "edit"), **row(0, price="", unit_price="2.00", quantity="4"))
    with tenant_scope(invoices.tenant.id):
        [plain] = items(draft)
    assert (plain.id, plain.total, plain.price_id, plain.usage) == (before[0].id, 800, None, None)


def test_a_line_keeps_the_plan_of_its_price_until_it_has_another(
    invoices: Invoices, catalogue: Catalogue, browser: Client
) -> None:
    fee, desks = a_price(catalogue), a_price(catalogue, "Desks")
    pro = catalogue.plan(prices=[fee["id"]])
    catalogue.publish(pro)
    draft = invoices.draft(items=[{"priceId": fee["id"], "planId": pro["id"]}])
    for changed, expected in ((row(0, quantity="2"), pro["id"]), (row(0, price=desks["id"]), None)):
        answer = press(browser, button(draft, "edit"), **changed)
        assert "The draft has been changed." in text_of(answer)
        assert [item["planId"] for item in invoices.get(draft)["items"]] == [expected]


def test_a_line_may_change_to_a_price_and_an_adjustment_is_none_any_more(
    invoices: Invoices, catalogue: Catalogue, browser: Client
) -> None:
    seats = a_price(catalogue)
    draft = invoices.draft(items=[{"description": "A", "unitPrice": 900, "type": "adjustment"}])
    press(browser, button(draft, "edit"), **row(0, price=seats["id"], unit_price="", quantity="2"))
    [item] = invoices.get(draft)["items"]
    assert (item["priceId"], item["type"], item["total"], item["description"]) == (seats["id"], "one_time", 3_000, "A")


@pytest.mark.parametrize(("given", "said"), [({}, "Desks"), ({"description": "Chairs"}, "Chairs")])
def test_another_price_brings_the_name_of_its_product_unless_a_name_is_written(
    given: dict[str, str], said: str, invoices: Invoices, catalogue: Catalogue, browser: Client
) -> None:
    desks = a_price(catalogue, "Desks", unitAmount=7_000)
    draft = invoices.draft(items=[{"priceId": a_price(catalogue)["id"], "quantity": 2}])
    press(browser, button(draft, "edit"), **row(0, price=desks["id"], **given))
    [item] = invoices.get(draft)["items"]
    assert (item["description"], item["total"]) == (said, 14_000)


def test_a_price_that_is_not_offered_any_more_stays_where_it_is_and_enters_nothing_new(
    invoices: Invoices, catalogue: Catalogue, browser: Client
) -> None:
    price = a_price(catalogue)
    draft = invoices.draft(items=[{"priceId": price["id"], "quantity": 2}])
    assert catalogue.api.patch(f"/api/prices/{price['id']}", {"active": False}).status_code == 200
    assert price["id"] not in browser.get(NEW).content.decode()
    answer = press(browser, button(draft, "edit"), **row(0, quantity="3"))
    assert "The draft has been changed." in text_of(answer)
    assert invoices.get(draft)["total"] == 4_500


@pytest.mark.parametrize("minus", ["-", "\N{MINUS SIGN}"])
def test_a_negative_unit_price_makes_an_adjustment(
    minus: str, tenant: Tenant, catalogue: Catalogue, browser: Client
) -> None:
    rows = LINE | row(1, description="Goodwill", quantity="1", unit_price=f"{minus}5.50") | {"rows-TOTAL_FORMS": "2"}
    press(browser, NEW, **WHO, **rows)
    draft = only_draft(tenant)
    with tenant_scope(tenant.id):
        lines = lines_of(draft)
    assert [(one.type, one.total) for one in lines] == [("one_time", 2_500), ("adjustment", -550)]
    assert draft.total == 1_950
    values = form_of(browser.get(button(draft, "edit")).content.decode())
    assert values["rows-1-unit_price"] == "-5.50"
    answer = press(browser, button(draft, "edit"), **row(1, unit_price="-99.00"))
    assert "would come to less than nothing" in text_of(answer)
    with tenant_scope(tenant.id):
        assert [one.total for one in lines_of(draft)] == [2_500, -550]


def test_prices_are_offered_with_product_model_and_amount_in_every_currency_and_only_the_own(
    tenant: Tenant, catalogue: Catalogue, other_api: Api, browser: Client
) -> None:
    tiers = [{"upTo": 10, "unitAmount": 100}, {"upTo": None, "unitAmount": 50}]
    made = [
        a_price(catalogue), a_price(catalogue, "Fee", model="flat", unitAmount=4900, currency="USD", interval="month"),
        fees(catalogue), a_price(catalogue, "Disk", model="volume", unitAmount=None, tiers=tiers),
        a_price(catalogue, "Pack", model="package", packageSize=100, unitAmount=500),
    ]  # fmt: skip
    a_price(Catalogue(other_api), "Theirs")
    with tenant_scope(tenant.id):
        labels = [label_of(one) for one in Price.objects.filter(tenant_id=tenant.id).order_by("id")]
    assert labels == [
        "Seats: €15.00 per unit", "Fee: Flat, US$49.00 / month", "Fees: Percentage, 1.5%, EUR",
        "Disk: Volume, 2 tiers, EUR", "Pack: €5.00 per package of 100",
    ]  # fmt: skip
    page = browser.get(NEW).content.decode()
    assert all(f'value="{one["id"]}"' in page for one in made)
    assert "Theirs" not in page


def bound(tenant: Tenant, kind: type[DraftForm], values: dict[str, Any], draft: Invoice | None = None) -> DraftForm:
    """A form as a button reads it."""
    sent = {"rows-TOTAL_FORMS": "1", "rows-INITIAL_FORMS": "0", **WHO, **LINE, **values}
    form = kind(sent, initial={})
    access: Any = SimpleNamespace(tenant_id=tenant.id, settings=get_settings(tenant_id=tenant.id))
    form.prepare(access, draft)
    return form


@pytest.mark.parametrize(
    ("text", "codes"),
    [("", []), (" , ,", []), ("TEN", ["TEN"]), (" TEN, ten ,Summer-26", ["TEN", "ten", "Summer-26"])],
)
def test_coupons_reach_the_services_by_their_codes_in_order(
    text: str, codes: list[str], scope: Tenant, catalogue: Catalogue
) -> None:
    form = bound(scope, NewDraftForm, {"coupons": text})
    assert form.is_valid(), form.errors
    assert form.cleaned_data["coupons"] == codes
    assert list(draft_request(form.cleaned_data).coupons) == codes
    assert draft_changes(form.cleaned_data)["coupons"] == codes


@pytest.mark.parametrize(
    ("text", "said"),
    [(",".join("ABCDEFGHIJKLMNOPQRSTU"), "At most 20 coupons."), ("C" * 65, "64")],
)
def test_codes_that_cannot_be_any_are_refused_at_the_field(
    text: str, said: str, scope: Tenant, catalogue: Catalogue
) -> None:
    form = bound(scope, NewDraftForm, {"coupons": text})
    assert not form.is_valid()
    assert said in str(form.errors["coupons"])


@pytest.mark.parametrize("refused", [NotFound(path="coupons[1]"), DuplicateCoupon("coupons[1].code")])
def test_a_refused_coupon_stands_at_the_field_of_coupons(refused: Any, scope: Tenant, catalogue: Catalogue) -> None:
    form = bound(scope, NewDraftForm, {"coupons": "TEN, NONE"})
    assert form.is_valid()
    assert refusal_on(form, refused) == "Please look at the fields below."
    assert form.errors["coupons"] == [one.message for one in refused.details]


def test_the_coupons_of_a_draft_are_prefilled_and_stay_the_same_whatever_becomes_of_their_codes(
    invoices: Invoices, catalogue: Catalogue, browser: Client
) -> None:
    draft = invoices.draft(10_000)
    stored = [{"couponId": f"cpn_{code}", "code": code, "name": code, "amount": 0} for code in ("TEN", "Welcome")]
    with tenant_scope(invoices.tenant.id):
        Invoice.objects.filter(id=uuid_of(draft)).update(coupons=stored)
        row_of_draft = Invoice.objects.select_related("buyer").get(id=uuid_of(draft))
        values = form_of(browser.get(button(draft, "edit")).content.decode())
        assert values["coupons"] == "TEN, Welcome"
        form = bound(invoices.tenant, DraftForm, {"coupons": "welcome, NEW, TEN"}, row_of_draft)
        assert form.is_valid(), form.errors
        assert form.cleaned_data["coupons"] == ["cpn_Welcome", "NEW", "cpn_TEN"]
