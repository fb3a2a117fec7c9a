"""The books over the API: trial balance, ageing, deferred revenue and the export."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any

import pytest

from accounting import books
from accounting.chart import CHART
from accounting.models import Account
from accounting.posting import EntryDraft, credit, debit
from accounting.services.posting import post_entries
from tenants.scope import tenant_scope
from tests.clients import Api
from tests.conftest import AT
from tests.invoicing.documents import Invoices

pytestmark = pytest.mark.django_db
REASON = {"reason": "x"}


def get(api: Api, path: str) -> Any:
    answer = api.get(f"/api/books/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def refused(api: Api, path: str) -> tuple[int, str]:
    answer = api.get(f"/api/books/{path}")
    return int(answer.status_code), str(answer.json()["code"])


def test_the_trial_balance_shows_each_account_on_its_side(invoices, year):
    body = get(invoices.api, "trial-balance")
    assert body["at"] == "2026-02-10T10:00:00.000Z"
    shown = {row["code"]: (row["type"], row["currency"], row["debit"], row["credit"]) for row in body["data"]}
    assert shown["receivables:EUR"] == ("asset", "EUR", 1_100 + 9_900, 0)
    assert shown["cash:EUR"] == ("asset", "EUR", 2_200, 0)
    assert shown["tax_payable:EUR"] == ("liability", "EUR", 0, 1_200)
    assert shown["receivables:JPY"] == ("asset", "JPY", 550, 0)
    assert shown["deferred_revenue:EUR"][3] + shown["revenue:EUR"][3] == 12_000
    assert body["totals"] == [
        {"currency": "EUR", "debit": 13_200, "credit": 13_200}, {"currency": "JPY", "debit": 550, "credit": 550}
    ]  # fmt: skip
    assert [row["code"] for row in body["data"]] == sorted(shown, key=lambda code: (code[-3:], code))


def test_the_trial_balance_of_the_past_is_what_stood_there_then(invoices, year):
    body = get(invoices.api, "trial-balance?at=2026-02-01T00:00:00Z")
    shown = {row["code"]: row["debit"] - row["credit"] for row in body["data"] if row["currency"] == "EUR"}
    # January of the service period is earned on the last millisecond of January in Berlin.
    # In Berlin it begins at one o'clock and ends at two: January has 743 of its 2,161 hours.
    earned = 3_000 + 3_094
    assert shown["receivables:EUR"] == 13_200
    assert "cash:EUR" not in shown
    assert shown["revenue:EUR"] == -earned
    assert get(invoices.api, "trial-balance?at=2020-01-01T00:00:00Z")["data"] == []
    assert get(invoices.api, "trial-balance?at=2026-01-05T10:00:00Z")["data"] == []
    assert len(get(invoices.api, "trial-balance?at=2026-01-05T10:00:00.001Z")["data"]) == 7


def test_accounts_outside_of_the_chart_are_summed_by_their_type(invoices):
    with tenant_scope(invoices.tenant.id):
        bank, *wallets = (
            Account.objects.create(
                tenant_id=invoices.tenant.id, currency="CREDITS", overdraft_policy="unlimited", created_at=AT,
                updated_at=AT,
            )
            for _ in range(3)
        )  # fmt: skip
        lines = [debit(bank.id, 30), credit(wallets[0].id, 20), credit(wallets[1].id, 10)]
        post_entries(tenant_id=invoices.tenant.id, drafts=[EntryDraft(lines=lines, at=AT)])
    body = get(invoices.api, "trial-balance")
    assert body["data"] == [{"code": None, "type": "liability", "currency": "CREDITS", "debit": 30, "credit": 30}]


def test_receivables_age_by_the_days_since_their_due_date(invoices, settings_of, time_machine):
    settings_of(timeZone="Europe/Berlin")
    time_machine.move_to("2026-06-30T10:00:00Z", tick=False)
    for amount, due in [(1, "06-30"), (2, "06-29"), (4, "05-31"), (8, "05-30"), (16, "05-01"), (32, "04-30"),
                        (64, "04-01"), (128, "03-31"), (256, "07-15")]:  # fmt: skip
        invoices.make(amount, dueDate=f"2026-{due}T00:00:00+02:00")
    body = get(invoices.api, "receivables-ageing")
    expected = {
        "currency": "EUR", "invoices": 9, "current": 257, "days1To30": 6, "days31To60": 24, "days61To90": 96,
        "over90": 128, "total": 511,
    }  # fmt: skip
    customer = invoices.listed()[0]["customerId"]
    assert body == {
        "at": "2026-06-30T10:00:00.000Z", "data": [{"customerId": customer, **expected}], "totals": [expected],
    }  # fmt: skip


def test_only_what_is_owed_ages_and_its_totals_are_the_receivables(invoices, year):
    part, lost, void = (invoices.make(100) for _ in range(3))
    invoices.act(part, "mark-paid", {"amount": 60})
    invoices.act(lost, "mark-uncollectible", REASON)
    invoices.act(void, "void", REASON)
    invoices.draft(7)
    body = get(invoices.api, "receivables-ageing")
    receivables = {
        row["currency"]: row["debit"] for row in get(invoices.api, "trial-balance")["data"]
        if row["code"].startswith("receivables:")
    }  # fmt: skip
    assert {row["currency"]: row["total"] for row in body["totals"]} == receivables
    assert receivables["EUR"] == 1_100 + 9_900 + 50
    by_customer: Counter[str] = Counter()
    for row in body["data"]:
        by_customer[row["currency"]] += row["total"]
    assert by_customer == receivables
    assert len(body["data"]) == 2


def test_deferred_revenue_is_shown_by_the_month_in_which_it_will_be_earned(invoices, year):
    body = get(invoices.api, "deferred-revenue")
    assert [row["month"] for row in body["data"]] == ["2026-02", "2026-03", "2026-04"]
    total = sum(row["amount"] for row in body["data"])
    assert body["totals"] == [{"currency": "EUR", "amount": total}]
    deferred = {row["code"]: row["credit"] for row in get(invoices.api, "trial-balance")["data"]}
    assert total == deferred["deferred_revenue:EUR"]


def test_the_csv_holds_every_line_with_decimals(invoices, year):
    answer = invoices.api.get("/api/books/export?format=csv")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    first = [(row["event"], row["code"], row["debit"], row["credit"]) for row in rows[:3]]
    assert first == [
        ("invoice.finalised", "receivables:EUR", "11.00", ""), ("invoice.finalised", "revenue:EUR", "", "10.00"),
        ("invoice.finalised", "tax_payable:EUR", "", "1.00"),
    ]  # fmt: skip
    yen = [row for row in rows if row["currency"] == "JPY"]
    assert [row["debit"] or row["credit"] for row in yen] == ["550", "500", "50"]
    assert len(rows) == 3 * 4 + 2 + 2
    assert invoices.api.get("/api/books/export").content == answer.content


def test_a_text_is_never_a_formula_in_a_spreadsheet(invoices):
    with tenant_scope(invoices.tenant.id):
        one, two = (
            Account.objects.create(
                tenant_id=invoices.tenant.id, currency="EUR", overdraft_policy="unlimited", created_at=AT,
                updated_at=AT, code=code,
            )
            for code in ("=SUM(A1)", "plain")
        )  # fmt: skip
        draft = EntryDraft(lines=[debit(one.id, 1), credit(two.id, 1)], at=AT, description='@cmd; "x"\r\ny')
        post_entries(tenant_id=invoices.tenant.id, drafts=[draft])
    rows = list(csv.DictReader(io.StringIO(invoices.api.get("/api/books/export").content.decode())))
    assert [row["code"] for row in rows] == ["'=SUM(A1)", "plain"]
    assert {row["description"] for row in rows} == {'\'@cmd; "x"\r\ny'}
    line = invoices.api.get("/api/books/export?format=datev").content.decode("cp1252").splitlines()[2]
    assert line.endswith(';"manual @cmd; ""x"" y"')


@pytest.mark.parametrize("chart", ["skr03", "skr04"])
def test_datev_gets_pairs_of_accounts_with_german_numbers(invoices, year, chart):
    answer = invoices.api.get(f"/api/books/export?format=datev&chart={chart}&to=2026-02-01T00:00:00Z")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=windows-1252")
    assert 'filename="EXTF_Buchungsstapel_20260101_20260201.csv"' in answer["Content-Disposition"]
    lines = answer.content.decode("cp1252").split("\r\n")
    header = lines[0].split(";")
    assert header[:5] == ['"EXTF"', "700", "21", '"Buchungsstapel"', "13"]
    assert header[12:16] == ["20260101", "4", "20260101", "20260201"]
    assert (len(header), header[26]) == (31, f'"{chart[-2:]}"')
    rows = list(csv.reader(lines[2:5], delimiter=";"))
    number = {role: getattr(one, chart) for role, one in CHART.items()}
    assert [(row[0], row[1], row[2], row[6], row[7], row[9]) for row in rows[:2]] == [
        ("10,00", "S", "EUR", number["receivables"], number["revenue"], "0501"),
        ("1,00", "S", "EUR", number["receivables"], number["tax_payable"], "0501"),
    ]
    assert {len(row) for row in rows} == {14}
    assert lines[-1] == ""


def test_a_file_for_datev_lies_inside_a_year(invoices, year):
    assert refused(invoices.api, "export?format=datev&from=2025-12-31T00:00:00Z") == (422, "export_too_long")
    assert invoices.api.get("/api/books/export?format=datev&from=2025-12-31T23:00:00Z").status_code == 200
    assert invoices.api.get("/api/books/export?from=2025-12-31T00:00:00Z").status_code == 200


def test_a_period_that_no_file_holds_is_refused(invoices, year, monkeypatch):
    monkeypatch.setattr(books, "MAX_EXPORTED", 15)
    assert refused(invoices.api, "export") == (422, "export_too_long")
    assert invoices.api.get("/api/books/export?to=2026-02-10T10:00:00Z").status_code == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("trial-balance?at=yesterday", "validation_error"), ("trial-balance?to=2026-01-01T00:00Z", "validation_error"),
        ("export?format=xml", "validation_error"), ("export?chart=skr05", "validation_error"),
        ("export?from=2026-02-01T00:00:00Z&to=2026-02-01T00:00:00Z", "validation_error"),
        ("receivables-ageing?at=2026-02-01T00:00:00Z", "validation_error"),
        ("deferred-revenue?x=1", "validation_error"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused(invoices, path, code):
    assert refused(invoices.api, path) == (400, code)


@pytest.mark.parametrize("path", ["trial-balance", "receivables-ageing", "deferred-revenue", "export"])
def test_the_scope_is_that_of_accounts_and_no_other_tenants_books_are_seen(
    invoices, year, api_of, other_api, path, django_assert_max_num_queries
):
    allowed, denied = api_of(invoices.tenant, "accounts:read"), api_of(invoices.tenant, "invoices:read")
    with django_assert_max_num_queries(9):
        assert allowed.get(f"/api/books/{path}").status_code == 200
    assert denied.get(f"/api/books/{path}").status_code == 403
    body = other_api.get(f"/api/books/{path}")
    if path == "export":
        assert body.content.count(b"\r\n") == 1
    else:
        assert (body.json()["data"], body.json()["totals"]) == ([], [])


def test_invoices_are_seen_in_the_books_of_their_tenant_only(invoices: Invoices, other_invoices: Invoices):
    invoices.make(5)
    other_invoices.make(7)
    for one, amount in ((invoices, 5), (other_invoices, 7)):
        assert get(one.api, "trial-balance")["totals"] == [{"currency": "EUR", "debit": amount, "credit": amount}]
