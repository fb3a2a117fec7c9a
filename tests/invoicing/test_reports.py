"""Claims about the reports of billing as pages: who owes what, what will be earned, and files equal to the API's."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from invoicing.admin import reports
from tenants.models import Tenant
from tests.clients import Api
from tests.invoicing.documents import Invoices
from tests.tenants.backoffice.pressing import tables_on, text_of

pytestmark = pytest.mark.django_db
AGEING, DEFERRED = "/admin/reports/receivables-ageing/", "/admin/reports/deferred-revenue/"
HEAD = ["Customer", "Invoices", "Not due", "1–30 days", "31–60 days", "61–90 days", "Over 90 days", "Total"]
TIMES = ("2026-06-30", "2026-06-15", "2026-05-15", "2026-04-15", "2026-03-15")


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client]) -> Client:
    return browser_of(tenant)


@pytest.fixture
def owed(invoices: Invoices, settings_of: Any, time_machine: Any, api: Api) -> Invoices:
    """Ada owes something of each age in euros and yen, Grace of one age."""
    settings_of(timeZone="Europe/Berlin")
    for who, name in (("user-1", "Ada & Sons"), ("user-2", "=Grace")):
        assert api.post("/api/customers", {"externalId": who, "name": name}).status_code == 201
    time_machine.move_to("2026-06-30T10:00:00Z", tick=False)
    for number, day in enumerate(TIMES):
        invoices.make(100 * 2**number, dueDate=f"{day}T00:00:00+02:00")
    invoices.make(7, currency="JPY", dueDate="2026-06-29T00:00:00+02:00")
    invoices.make(100_000, userId="user-2", dueDate="2026-07-30T00:00:00+02:00")
    invoices.draft(99_999)
    return invoices


def test_who_owes_most_comes_first_with_what_is_due_by_its_age(owed: Invoices, browser: Client) -> None:
    answer = browser.get(AGEING)
    euros, yen = tables_on(answer)
    assert euros == [
        HEAD,
        ["=Grace", "1", "€1,000.00", "", "", "", "", "€1,000.00"],
        ["Ada & Sons", "5", "€1.00", "€2.00", "€4.00", "€8.00", "€16.00", "€31.00"],
        ["Total", "6", "€1,001.00", "€2.00", "€4.00", "€8.00", "€16.00", "€1,031.00"],
    ]
    assert yen[1:] == [
        ["Ada & Sons", "1", "", "JP¥7", "", "", "", "JP¥7"], ["Total", "1", "", "JP¥7", "", "", "", "JP¥7"],
    ]  # fmt: skip
    links = re.findall(r'href="(/admin/billing/customer/[^"/]+/change/)"', answer.content.decode())
    assert len(set(links)) == 2
    assert "Ada &amp; Sons" in browser.get(links[-1]).content.decode()


def test_a_page_of_very_many_names_those_who_owe_most_and_says_so(
    owed: Invoices, browser: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr(reports, "SHOWN", 1)
    answer = browser.get(AGEING)
    assert [row[0] for row in tables_on(answer)[0][1:]] == ["=Grace", "Total"]
    assert text_of(answer).count("The 1 of 2 customers who owe most; the CSV has all") == 1
    assert browser.get(f"{AGEING}file/csv/").content.count(b"\r\n") == 4


def test_the_csv_of_receivables_is_the_apis_without_formulas_and_totals(
    owed: Invoices, browser: Client, api_of: Callable[..., Api]
) -> None:
    mine = browser.get(f"{AGEING}file/csv/")
    theirs = owed.api.get("/api/books/receivables-ageing", accept="text/csv")
    assert mine.content == theirs.content
    for answer in (mine, theirs):
        name = "receivables_ageing_2026-06-30.csv"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    rows = list(csv.DictReader(io.StringIO(mine.content.decode())))
    shown = sorted((row["customer"], row["currency"], row["days31To60"], row["total"]) for row in rows)
    assert shown == [
        ("'=Grace", "EUR", "0.00", "1000.00"), ("Ada & Sons", "EUR", "4.00", "31.00"), ("Ada & Sons", "JPY", "0", "7"),
    ]  # fmt: skip
    nameless = api_of(owed.tenant, "accounts:read").get("/api/books/receivables-ageing", accept="text/csv")
    found = list(csv.DictReader(io.StringIO(nameless.content.decode())))
    assert {row["customer"] for row in found} == {""}
    assert [row["customerId"] for row in found] == [row["customerId"] for row in rows]


def test_deferred_revenue_stands_by_month_and_currency(year: Any, invoices: Invoices, browser: Client) -> None:
    months = {row["month"]: row["amount"] for row in deferred(invoices)["data"]}
    [table] = tables_on(browser.get(DEFERRED))
    assert table == [
        ["Month", "Amount"],
        *([name, f"€{months[month] / 100:.2f}"] for month, name in (
            ("2026-02", "February 2026"), ("2026-03", "March 2026"), ("2026-04", "April 2026"),
        )),
        ["Total", f"€{sum(months.values()) / 100:.2f}"],
    ]  # fmt: skip


def test_a_month_that_has_ended_and_waits_is_named(
    year: Any, tenant: Tenant, browser_of: Callable[..., Client], time_machine: Any
) -> None:
    time_machine.move_to("2026-02-28T23:30:00Z", tick=False)
    table = tables_on(browser_of(tenant).get(DEFERRED))[0]
    assert [row[0] for row in table[1:3]] == ["February 2026 ended", "March 2026"]


def test_the_csv_of_deferred_revenue_is_the_apis(year: Any, invoices: Invoices, browser: Client) -> None:
    mine = browser.get(f"{DEFERRED}file/csv/")
    theirs = invoices.api.get("/api/books/deferred-revenue", accept="text/csv")
    assert mine.content == theirs.content
    rows = list(csv.DictReader(io.StringIO(mine.content.decode())))
    assert [(row["month"], row["currency"]) for row in rows] == [
        ("2026-02", "EUR"), ("2026-03", "EUR"), ("2026-04", "EUR"),
    ]  # fmt: skip
    assert [int(row["amount"].replace(".", "")) for row in rows] == [
        one["amount"] for one in deferred(invoices)["data"]
    ]


def test_a_tenant_to_which_nobody_owes_anything_is_told_so(browser: Client) -> None:
    assert "Nothing is owed." in text_of(browser.get(AGEING))
    assert "Nothing is deferred." in text_of(browser.get(DEFERRED))


def test_of_another_tenant_nothing_is_shown(
    owed: Invoices, year: Any, other_tenant: Tenant, browser_of: Callable[..., Client]
) -> None:
    browser = browser_of(owed.tenant, other_tenant)
    for place, found in ((other_tenant, False), (owed.tenant, True)):
        browser.post("/admin/tenant/", {"tenant": str(place.id)})
        for path in (AGEING, DEFERRED):
            assert bool(tables_on(browser.get(path))) is found
            assert (browser.get(f"{path}file/csv/").content.count(b"\r\n") > 1) is found


@pytest.mark.parametrize(("path", "queries"), [(AGEING, 11), (DEFERRED, 10)])
def test_it_takes_as_many_queries_for_many_customers(
    path: str, queries: int, owed: Invoices, browser: Client, django_assert_num_queries: Any
) -> None:
    for served in range(1, 13):
        browser.get(path)
        # Two of them only exist in tests, where the transaction is inside another.
        with django_assert_num_queries(queries):
            assert browser.get(path).status_code == 200
        period = {"periodStart": "2026-07-01T00:00:00Z", "periodEnd": f"2027-{served:02}-01T00:00:00Z"}
        owed.make(5_000, userId=f"more-{served}", **period)
    assert len(tables_on(browser.get(path))[0]) >= 14


def deferred(invoices: Invoices) -> Any:
    return invoices.api.get("/api/books/deferred-revenue").json()
