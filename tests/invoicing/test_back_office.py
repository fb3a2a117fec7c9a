"""Claims about the pages of invoices: which buttons stand where, what they ask, what they leave behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.models import Payment
from billing.services.products import create_product
from invoicing.admin.finding import of_status
from invoicing.models import Invoice, InvoiceItem
from tenants.backoffice.filters import Word
from tenants.enums import Role
from tenants.models import AuditEntry, Tenant
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conftest import AT
from tests.invoicing.anonymised import erase, paid
from tests.invoicing.documents import Invoices, uuid_of
from tests.tenants.backoffice.pressing import buttons_on, form_of, press, text_of

pytestmark = pytest.mark.django_db
LIST = "/admin/invoicing/invoice/"
NOT_COUNTED = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "SELECT current_setting", "SELECT set_config")
XSS = "<script>alert(1)</script>"
LINE = {"rows-0-description": "Work", "rows-0-quantity": "2", "rows-0-unit_price": "12.50"}


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


def page_of(invoice: Any) -> str:
    return f"{LIST}{uuid_of(invoice) if isinstance(invoice, dict) else invoice.id}/change/"


def button(invoice: Any, name: str) -> str:
    return page_of(invoice).replace("/change/", f"/do/{name}/")


def only_draft(tenant: Tenant) -> Invoice:
    with tenant_scope(tenant.id):
        return Invoice.objects.select_related("buyer").get(tenant_id=tenant.id, status="draft")


def items(invoice: Any) -> list[InvoiceItem]:
    return list(InvoiceItem.objects.filter(invoice_id=uuid_of(invoice)).order_by("position"))


OPEN = {"pay", "void", "write_off", "send", "annotate"}
STATES = [
    ("draft", [], {"edit", "finalise", "remove", "annotate"}),
    ("pending", [], OPEN),
    ("paid", [("mark-paid", {})], {"send", "annotate"}),
    ("partly", [("mark-paid", {"amount": 1})], OPEN - {"void"}),
    ("void", [("void", {"reason": "r"})], {"send", "annotate"}),
    ("uncollectible", [("mark-uncollectible", {"reason": "r"})], {"pay", "void", "send", "annotate"}),
]


@pytest.mark.parametrize(("state", "steps", "expected"), STATES, ids=[one[0] for one in STATES])
def test_a_state_shows_its_buttons_and_no_other(
    state: str, steps: Any, expected: set[str], invoices: Invoices, browser: Client
) -> None:
    invoice = invoices.draft(10_000) if state == "draft" else invoices.status_after(*steps)
    assert buttons_on(browser.get(page_of(invoice))) == expected


def test_whoever_may_only_read_sees_no_button(invoices: Invoices, browser_of: Callable[..., Client]) -> None:
    reader = browser_of(invoices.tenant, role=Role.READ_ONLY)
    for invoice in (invoices.draft(10_000), invoices.make(10_000)):
        answer = reader.get(page_of(invoice))
        assert answer.status_code == 200
        assert buttons_on(answer) == set()
        assert "€100.00" in text_of(answer)


def test_a_draft_is_made_with_its_lines_in_the_currency_of_the_form(
    invoices: Invoices, api: Api, browser: Client
) -> None:
    api.post("/api/customers", {"externalId": "user-9", "name": "Ada"})
    for currency, price, total in (("EUR", "1,234.50", 246_900), ("JPY", "500", 1_000), ("KWD", "0.125", 250)):
        answer = press(
            browser, f"{LIST}do/create/", customer="user-9", currency=currency, notes="Thanks",
            **{**LINE, "rows-0-unit_price": price},
        )  # fmt: skip
        assert "The draft has been created." in text_of(answer), text_of(answer)[-400:]
        row = only_draft(invoices.tenant)
        assert (row.currency, row.total, row.buyer.notes, row.number) == (currency, total, "Thanks", None)
        press(browser, button(row, "remove"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"rows-0-unit_price": "1.234"}, "EUR has 2 decimal places."),
        ({"rows-0-unit_price": "ten"}, "Expected an amount such as 1234.50."),
        ({"rows-0-unit_price": "--1"}, "Expected an amount such as 1234.50."),
        ({"rows-0-unit_price": "-1"}, "would come to less than nothing"),
        ({"rows-0-unit_price": ""}, "This field is required."),
        ({"rows-0-description": ""}, "This field is required."),
        ({"rows-0-quantity": "0"}, "greater than or equal to 1"),
        ({"rows-0-unit_price": "99999999999999.00"}, "too large"),
        ({"customer": "nobody"}, "There is no such customer."),
        ({"customer": "cst_01hqx3qgf2c8mhwy9s6zwmf3yh"}, "There is no such customer."),
        ({"currency": "XXX"}, "Select a valid choice"),
        ({"due_date": "yesterday"}, "Enter a valid date"),
        ({"rows-0-description": "", "rows-0-unit_price": "", "rows-0-quantity": "1"}, "at least one is needed"),
    ],
)
def test_what_is_wrong_stands_on_the_form_and_nothing_is_made(
    fields: dict[str, str], said: str, tenant: Tenant, api: Api, browser: Client
) -> None:
    api.post("/api/customers", {"externalId": "user-9"})
    answer = press(browser, f"{LIST}do/create/", **({"customer": "user-9", "currency": "EUR"} | LINE | fields))
    assert answer.status_code == 422
    assert said in text_of(answer)
    with tenant_scope(tenant.id):
        assert Invoice.objects.filter(tenant_id=tenant.id).count() == 0


def test_a_product_lends_its_name_and_price_and_that_of_another_tenant_is_none(
    tenant: Tenant, other_tenant: Tenant, api: Api, other_api: Api, browser: Client
) -> None:
    api.post("/api/customers", {"externalId": "user-9"})
    mine, theirs = (
        one.post("/api/products", {"name": "Seat", "type": "one_time", "price": 900, "currency": "EUR"}).json()["id"]
        for one in (api, other_api)
    )
    asked = {"customer": "user-9", "currency": "EUR", "rows-0-quantity": "3"}
    assert press(browser, f"{LIST}do/create/", **asked, **{"rows-0-product": theirs}).status_code == 422
    dear = press(browser, f"{LIST}do/create/", **asked | {"currency": "USD"}, **{"rows-0-product": mine})
    assert "The product has no price in USD." in text_of(dear)
    press(browser, f"{LIST}do/create/", **asked, **{"rows-0-product": mine})
    assert only_draft(tenant).total == 2_700


def test_the_customer_of_another_tenant_is_not_there(tenant: Tenant, other_api: Api, browser: Client) -> None:
    theirs = other_api.post("/api/customers", {"externalId": "user-8", "email": "x@example.com"}).json()["id"]
    for named in (theirs, "user-8", "x@example.com"):
        answer = press(browser, f"{LIST}do/create/", customer=named, currency="EUR", **LINE)
        assert "There is no such customer." in text_of(answer)


def test_editing_keeps_what_the_form_does_not_ask_for(invoices: Invoices, browser: Client) -> None:
    first = {"description": "A", "unitPrice": 100, "taxCode": "T1", "metadata": {"k": "v"}}
    period = {"periodStart": "2026-01-01T00:00:00Z", "periodEnd": "2026-02-01T00:00:00Z"}
    draft = invoices.make(draft=True, items=[first | period, {"description": "B", "unitPrice": 200}])
    with tenant_scope(invoices.tenant.id):
        before = items(draft)
    answer = press(browser, button(draft, "edit"), **{"rows-0-description": "A, changed", "rows-1-DELETE": "on"})
    assert "The draft has been changed." in text_of(answer)
    with tenant_scope(invoices.tenant.id):
        after = items(draft)
    assert [one.description for one in after] == ["A, changed"]
    kept = ("id", "tax_code", "metadata", "period_start", "period_end", "unit_price", "quantity")
    assert [getattr(after[0], name) for name in kept] == [getattr(before[0], name) for name in kept]


def test_who_saves_a_draft_that_somebody_else_has_changed_is_told_and_changes_nothing(
    invoices: Invoices, browser: Client
) -> None:
    draft = invoices.draft(100)
    page = browser.get(button(draft, "edit")).content.decode()
    invoices.patch(draft, {"notes": "by somebody else"})
    answer = browser.post(button(draft, "edit"), form_of(page) | {"notes": "by me"})
    assert answer.status_code == 409
    assert "Somebody else has changed this" in text_of(answer)
    assert invoices.get(draft)["notes"] == "by somebody else"


def test_finalising_twice_with_one_form_gives_one_number(invoices: Invoices, browser: Client) -> None:
    draft = invoices.draft(100)
    sent = form_of(browser.get(button(draft, "finalise")).content.decode())
    first, second = (browser.post(button(draft, "finalise"), sent, follow=True) for _ in range(2))
    assert "has been issued." in text_of(first)
    assert second.status_code == 200
    assert len(invoices.numbers()) == 1
    assert invoices.events() == ["invoice.created", "invoice.finalised"]


def test_a_part_is_paid_then_the_rest(invoices: Invoices, browser: Client) -> None:
    invoice = invoices.make(10_000)
    part = press(browser, button(invoice, "pay"), amount="30.00", reference="R 1")
    assert "€30.00 recorded. €70.00 is still due." in text_of(part)
    rest = press(browser, button(invoice, "pay"))
    assert "€70.00 recorded. The invoice is paid." in text_of(rest)
    assert invoices.get(invoice)["status"] == "paid"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount": "100.01"}, "At most €100.00 is due."),
        ({"amount": "0"}, "Nothing was paid."),
        ({"amount": "1e3"}, "Expected an amount"),
        ({"paid_at": "2199-01-01T00:00"}, "May not be in the future."),
        ({"paid_at": "soon"}, "Enter a valid date/time."),
        ({"method": "barter"}, "Select a valid choice"),
    ],
)
def test_a_wrong_payment_is_refused_at_its_field(
    fields: dict[str, str], said: str, invoices: Invoices, browser: Client
) -> None:
    invoice = invoices.make(10_000)
    answer = press(browser, button(invoice, "pay"), **fields)
    assert answer.status_code == 422
    assert said in text_of(answer)
    with tenant_scope(invoices.tenant.id):
        assert Payment.objects.count() == 0


@pytest.mark.parametrize(("name", "action"), [("void", "voided"), ("write_off", "uncollectible")])
def test_a_reason_is_demanded_and_kept(name: str, action: str, invoices: Invoices, browser: Client) -> None:
    invoice = invoices.make(10_000)
    refused = press(browser, button(invoice, name), reason="  ")
    assert refused.status_code == 422
    assert invoices.get(invoice)["status"] == "pending"
    press(browser, button(invoice, name), reason="Wrong customer")
    with tenant_scope(invoices.tenant.id):
        entry = AuditEntry.objects.filter(action=f"invoice.{action}").get()
    assert entry.reason == "Wrong customer"
    assert entry.actor_id.startswith("usr_")


def test_a_button_whose_time_is_over_does_nothing(invoices: Invoices, browser: Client) -> None:
    invoice = invoices.make(10_000)
    sent = form_of(browser.get(button(invoice, "void")).content.decode()) | {"reason": "late"}
    invoices.act(invoice, "mark-paid")
    answer = browser.post(button(invoice, "void"), sent)
    assert answer.status_code == 409
    assert invoices.get(invoice)["status"] == "paid"


def test_an_invoice_is_sent_to_its_buyer_or_to_another_address(invoices: Invoices, browser: Client) -> None:
    invoice = invoices.make(10_000, customer={"email": "ada@example.com"})
    assert "The e-mail to ada@example.com is queued." in text_of(press(browser, button(invoice, "send")))
    wrong = press(browser, button(invoice, "send"), email="nobody")
    assert (wrong.status_code, "This is not an e-mail address." in text_of(wrong)) == (422, True)
    shown = text_of(browser.get(page_of(invoice)))
    assert "E-mail to ada@example.com queued" in shown


def test_metadata_may_change_at_any_time_and_nothing_else_may(invoices: Invoices, browser: Client) -> None:
    invoice = invoices.make(10_000, metadata={"order": "1", "gone": "x"})
    press(browser, button(invoice, "annotate"), metadata="order = 2\nnew = a = b")
    assert invoices.get(invoice)["metadata"] == {"order": "2", "new": "a = b"}
    assert press(browser, button(invoice, "annotate"), metadata="nonsense").status_code == 422
    assert browser.get(button(invoice, "edit")).status_code == 302


def test_the_page_shows_lines_taxes_totals_document_and_what_happened(
    invoices: Invoices, settings_of: Callable[..., Any], browser: Client
) -> None:
    settings_of(taxRate=1900, timeZone="Europe/Berlin")
    invoice = invoices.make(10_000, 2_345)
    invoices.act(invoice, "mark-paid", {"amount": 5_000, "reference": "Statement 7"})
    answer = browser.get(page_of(invoice))
    said = text_of(answer)
    for expected in (
        "Part 0", "Part 1", "€123.45", "19 %", "€23.46", "€146.91", "Paid €50.00", "Open €96.91", "Statement 7",
        "invoice.finalised", "payment.created", "invoice.created",
    ):  # fmt: skip
        assert expected in said, expected
    assert b'src="data:image/png;base64,' in answer.content


def test_the_pdf_is_the_document_and_only_that_of_the_own_tenant(
    invoices: Invoices, other_invoices: Invoices, browser: Client
) -> None:
    mine, theirs, draft = invoices.make(100), other_invoices.make(100), invoices.draft(100)
    path = page_of(mine).replace("change/", "document.pdf")
    first, second = browser.get(path), browser.get(path)
    assert first.content.startswith(b"%PDF")
    assert first.content == second.content == invoices.api.get(f"/api/invoices/{mine['id']}/pdf").content
    assert mine["invoiceNumber"] in first.headers["Content-Disposition"]
    for other in (theirs, draft):
        assert browser.get(page_of(other).replace("change/", "document.pdf")).status_code == 404


def test_what_people_wrote_is_text_on_every_page(invoices: Invoices, browser: Client) -> None:
    who = {"name": XSS, "email": "x@example.com", "address": {"line1": XSS}}
    invoice = invoices.make(
        customer=who, items=[{"description": XSS, "unitPrice": 100}], notes=XSS, metadata={"k": XSS}
    )
    with tenant_scope(invoices.tenant.id):
        create_product(tenant_id=invoices.tenant.id, at=AT, name=XSS, type="one_time", description=XSS)
    invoices.act(invoice, "mark-paid", {"reference": XSS})
    row = invoices.row(invoice)
    pages = [LIST, page_of(invoice), f"/admin/billing/customer/{row.customer_id}/change/", f"{LIST}?q={XSS}"]
    pages += ["/admin/billing/customer/", "/admin/billing/product/", "/admin/billing/payment/", f"{LIST}do/create/"]
    for page in pages:
        answer = browser.get(page)
        assert answer.status_code == 200
        assert XSS not in answer.content.decode(), page
    assert "&lt;script&gt;" in browser.get(page_of(invoice)).content.decode()


def test_search_finds_by_number_id_and_customer(invoices: Invoices, browser: Client) -> None:
    ada = invoices.make(100, userId="user-ada", customer={"name": "Ada Lovelace", "email": "ada@example.com"})
    bob = invoices.make(200, userId="user-bob", customer={"name": "Bob"})
    for term in (ada["invoiceNumber"], ada["invoiceNumber"].lower(), ada["id"], ada["customerId"], "user-ada",
                 "ada@example.com", "lovelace"):  # fmt: skip
        said = text_of(browser.get(LIST, {"q": term}))
        assert ada["invoiceNumber"] in said, term
        assert bob["invoiceNumber"] not in said, term
    for term in ("nothing", "INV-9999-1", "inv_nonsense", "\x00", "%", "INV-2026-99999999999999"):
        assert browser.get(LIST, {"q": term}).status_code == 200


def test_filters_by_state_currency_and_days_of_the_tenants_zone(
    invoices: Invoices, settings_of: Callable[..., Any], browser: Client
) -> None:
    settings_of(timeZone="Pacific/Auckland")
    euro, yen = invoices.make(100), invoices.make(200, currency="JPY")
    draft = invoices.draft(300)
    issued = dt.datetime.fromisoformat(euro["issuedAt"])
    day = issued.astimezone(ZoneInfo("Pacific/Auckland")).date()
    next_day = day + dt.timedelta(days=1)

    def found(**filters: str) -> list[str]:
        page = browser.get(LIST, filters).content.decode()
        return [one for one in (str(uuid_of(euro)), str(uuid_of(yen)), str(uuid_of(draft))) if one in page]

    ids = [str(uuid_of(one)) for one in (euro, yen, draft)]
    assert found(status="draft") == ids[2:]
    assert found(currency="JPY") == ids[1:2]
    assert found(issued_from=str(day), issued_until=str(day)) == ids[:2]
    assert found(issued_from=str(next_day)) == []
    assert found(issued_until=str(day - dt.timedelta(days=1))) == []
    assert found(status="nonsense") == []


@pytest.mark.django_db(transaction=True)
def test_an_erased_invoice_keeps_its_amounts_and_shows_no_person(invoices: Invoices, browser: Client) -> None:
    invoice = paid(invoices, 10_000)
    erase(invoices, invoice["customerId"])
    answer = browser.get(page_of(invoice))
    said = text_of(answer)
    for expected in ("Erased", invoice["invoiceNumber"], "€100.00", "The document was erased"):
        assert expected in said, expected
    for gone in ("St James", "ada@example.org", "Babbage", "SEPA"):
        assert gone not in said, gone
    assert "send" not in buttons_on(answer)
    assert browser.get(page_of(invoice).replace("change/", "document.pdf")).status_code == 404
    assert invoice["invoiceNumber"] in text_of(browser.get(LIST))


def test_a_page_of_fifty_takes_fewer_than_ten_queries(invoices: Invoices, browser: Client) -> None:
    for number in range(8):
        invoices.make(100, userId=f"user-{number}")
    for query in ("", "?status=pending", "?currency=EUR", "?issued_from=2026-01-01", "?q=user-3"):
        browser.get(LIST + query)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(LIST + query).status_code == 200
        # In a test the tenant's scope is nested in another transaction: it is read before and set back afterwards.
        asked = [one["sql"] for one in queries if not one["sql"].startswith(NOT_COUNTED)]
        assert len(asked) < 10, (query, asked)


def test_a_rare_state_is_found_by_its_own_index_however_often_it_is_asked_for(scope: Tenant) -> None:
    """One plan for all states could not use an index of some of them: the state stands in the statement."""
    rows = Invoice.objects.filter(of_status("refunded"), tenant_id=scope.id)
    sql, parameters = rows.order_by("-id")[:50].query.sql_with_params()
    assert "refunded" not in parameters
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}", parameters)
        plan = " ".join(line for (line,) in cursor.fetchall())
    assert "invoice_by_rare_status" in plan


def test_only_a_word_of_a_closed_list_may_stand_in_a_statement() -> None:
    for wrong in ("a'b", "", "A", "a b", "x" * 33):
        with pytest.raises(ValueError, match="closed list"):
            Word(wrong)
