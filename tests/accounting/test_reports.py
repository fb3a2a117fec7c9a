"""Claims about the reports of the books as pages: figures, days of the tenant's zone, files equal to the API's."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from accounting import books
from accounting.admin import reports, statement
from accounting.models import Account
from accounting.statement_files import FILE_LIMITS
from common.ids import encode_id
from common.prefixes import ACCOUNT
from tenants.models import Tenant
from tenants.services.settings import update_settings
from tests.clients import Api
from tests.conftest import AT
from tests.tenants.backoffice.conftest import _no_second_factor, browser_of, make_member  # noqa: F401
from tests.tenants.backoffice.pressing import tables_on, text_of

pytestmark = pytest.mark.django_db
TRIAL, EXPORT = "/admin/reports/trial-balance/", "/admin/reports/journal-export/"
MARCH = "from=2026-03-01&to=2026-03-31"
# The same in Berlin, where summer time begins on 29 March.
MARCH_OF_API = "from=2026-02-28T23:00:00Z&to=2026-03-31T22:00:00Z"
YEAR = "from=2026-01-01&to=2026-12-31"
YEAR_OF_API = "from=2025-12-31T23:00:00Z&to=2026-12-31T23:00:00Z"


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(f"{text}:00+00:00")


@pytest.fixture
def browser(tenant: Tenant, browser_of: Callable[..., Client], time_machine: Any) -> Client:  # noqa: F811
    time_machine.move_to("2026-04-20T10:00:00Z", tick=False)
    return browser_of(tenant)


@pytest.fixture
def wallet(scope: Tenant, account: Any, move: Any, browser: Client) -> Account:
    """Movements just outside and just inside of March in Berlin."""
    update_settings(tenant_id=scope.id, changes={"time_zone": "Europe/Berlin"}, at=AT)
    till, wallet = account(overdraft="unlimited", type="asset", code="till"), account(code="wallet")
    move(till, wallet, 10_000, at=at("2026-02-28T22:59"), description="Before")
    move(till, wallet, 5_000, at=at("2026-02-28T23:00"), description="First")
    move(wallet, till, 2_000, at=at("2026-03-31T21:59"), description="<b>Last</b>")
    move(till, wallet, 700, at=at("2026-03-31T22:00"), description="After")
    return wallet  # type: ignore[no-any-return]


def page_of(account: Account, query: str = "", file: str = "") -> str:
    return f"/admin/accounting/account/{account.id}/statement/{file}?{query}"


def errors_on(answer: Any) -> dict[str, str]:
    """What is said beside each field of the form."""
    found = re.findall(r'<div class="errors [^"]*">(.*?)(?=<div class="(?:errors )?flex flex-col group|</form>)',
                       answer.content.decode(), re.DOTALL)  # fmt: skip
    named = {re.findall(r'name="(\w+)"', one)[0]: one for one in found}
    return {name: " ".join(re.sub(r"<[^>]+>", " ", one).split()) for name, one in named.items()}


class TestTrialBalance:
    def test_each_account_stands_on_its_side_and_both_sides_are_equal(self, wallet, browser):
        [table] = tables_on(browser.get(TRIAL))
        assert table == [
            ["Account", "Type", "Debit", "Credit", ""],
            ["till", "Asset", "€137.00", "", "Statement"],
            ["wallet", "Liability", "", "€137.00", "Statement"],
            ["Total", "Balanced", "€137.00", "€137.00", ""],
        ]

    def test_a_day_is_that_of_the_tenant_and_counts_to_its_end(self, wallet, browser):
        shown = {}
        for day in ("2026-02-27", "2026-02-28", "2026-03-01", "2026-03-31"):
            answer = browser.get(f"{TRIAL}?at={day}")
            shown[day] = [table[-1][2] for table in tables_on(answer)]
        assert shown == {
            "2026-02-27": [], "2026-02-28": ["€100.00"], "2026-03-01": ["€150.00"], "2026-03-31": ["€130.00"],
        }  # fmt: skip
        assert "At the end of 31 Mar 2026" in text_of(answer)
        assert "Nothing stood there yet." in text_of(browser.get(f"{TRIAL}?at=2026-02-27"))

    def test_it_leads_to_the_account_and_to_its_statement_of_the_same_day(self, wallet, browser):
        html = unescape(browser.get(f"{TRIAL}?at=2026-03-31").content.decode())
        assert f'href="/admin/accounting/account/{wallet.id}/change/"' in html
        statement_path = f"/admin/accounting/account/{wallet.id}/statement/?from=&to=2026-03-31"
        assert f'href="{statement_path}"' in html
        assert tables_on(browser.get(statement_path))[0][2] == ["Closing", "31 Mar 2026", "€130.00"]

    def test_accounts_without_a_code_are_one_row_that_leads_to_their_list(self, scope, account, move, browser):
        till = account("USD", overdraft="unlimited", code="till")
        for amount in (5, 7):
            move(till, account("USD"), amount)
        account("EUR")
        answer = browser.get(TRIAL)
        assert ["2 accounts without a code", "Liability", "", "US$0.12", ""] in tables_on(answer)[0]
        [path] = re.findall(r'href="(/admin/accounting/account/\?[^"]+)"', unescape(answer.content.decode()))
        listed = browser.get(path)
        assert {row.currency for row in listed.context["cl"].result_list} == {"USD"}
        assert len(listed.context["cl"].result_list) == 3

    def test_very_many_codes_are_shown_by_what_they_hold_and_the_totals_are_of_all(
        self, scope, account, move, browser, monkeypatch
    ):
        monkeypatch.setattr(reports, "SHOWN", 2)
        cash = account(overdraft="unlimited", type="asset", owner_type="system", code="cash:EUR")
        for amount in (1, 3, 2):
            move(cash, account(code=f"wallet-{amount}"), amount)
        answer = browser.get(TRIAL)
        assert [row[0] for row in tables_on(answer)[0][1:]] == ["cash:EUR Cash", "wallet-3", "Total"]
        assert tables_on(answer)[0][-1][1:4] == ["Balanced", "€0.06", "€0.06"]
        assert "Now. The 2 of 4 rows that hold most; the CSV has all" in text_of(answer)

    def test_a_tenant_without_entries_is_told_so(self, browser, tenant):
        assert "Nothing has been posted yet." in text_of(browser.get(TRIAL))

    def test_the_csv_is_the_apis(self, wallet, browser, api: Api):
        for asked, of_api, day in (("", "", "04-20"), ("at=2026-03-31", "at=2026-03-31T22:00:00Z", "03-31")):
            mine = browser.get(f"{TRIAL}file/csv/?{asked}")
            theirs = api.get(f"/api/books/trial-balance?{of_api}", accept="text/csv")
            assert mine.content == theirs.content
            for answer in (mine, theirs):
                assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
                assert answer.headers["Content-Disposition"] == f'attachment; filename="trial_balance_2026-{day}.csv"'
        assert mine.content.decode().split("\r\n") == [
            "code,type,accounts,currency,debit,credit", "till,asset,1,EUR,130.00,0.00",
            "wallet,liability,1,EUR,0.00,130.00", "",
        ]  # fmt: skip

    def test_the_file_is_of_the_day_that_the_page_shows(self, wallet, browser):
        html = unescape(browser.get(f"{TRIAL}?at=2026-03-31").content.decode())
        assert f'href="{TRIAL}file/csv/?at=2026-03-31"' in html

    def test_it_takes_as_many_queries_for_many_accounts(self, wallet, account, move, browser, queries_of):
        few = queries_of(lambda: browser.get(TRIAL))
        till = account("USD", overdraft="unlimited", code="dollars")
        for number in range(20):
            move(till, account("USD", code=f"code-{number}" if number % 2 else None), 5)
        assert queries_of(lambda: browser.get(TRIAL)) == few <= 9


class TestStatement:
    def test_it_shows_a_period_in_days_of_the_tenant(self, wallet, browser):
        balances, movements = tables_on(browser.get(page_of(wallet, MARCH)))
        assert balances[1:] == [["Opening", "1 Mar 2026", "€100.00"], ["Closing", "31 Mar 2026", "€130.00"]]
        assert movements == [
            ["Posted", "Text", "Counter account", "Debit", "Credit", "Balance"],
            ["31 Mar 2026, 23:59", "<b>Last</b>", "till", "€20.00", "", "€130.00"],
            ["1 Mar 2026, 00:00", "First", "till", "", "€50.00", "€150.00"],
        ]

    def test_without_a_period_it_is_everything(self, wallet, browser):
        balances, movements = tables_on(browser.get(page_of(wallet)))
        assert balances[1:] == [["Opening", "The beginning", "€0.00"], ["Closing", "Now", "€137.00"]]
        assert [row[1] for row in movements[1:]] == ["After", "<b>Last</b>", "First", "Before"]

    def test_a_movement_about_which_nobody_wrote_says_what_happened(self, wallet, account, move, browser):
        move(account(overdraft="unlimited"), wallet, 1, kind="revenue.recognised", at=at("2026-04-10T10:00"))
        assert tables_on(browser.get(page_of(wallet)))[1][1][:2] == ["10 Apr 2026, 12:00", "Revenue recognised"]

    def test_pages_go_on_where_the_last_one_ended_and_back_to_the_first(self, wallet, browser, monkeypatch):
        monkeypatch.setattr(statement, "SHOWN", 2)
        first = browser.get(page_of(wallet))
        assert [row[1] for row in tables_on(first)[1][1:]] == ["After", "<b>Last</b>"]
        second = browser.get(link_on(first, "Older movements"))
        assert [row[1] for row in tables_on(second)[1][1:]] == ["First", "Before"]
        assert tables_on(second)[0] == tables_on(first)[0]
        assert "Older movements" not in text_of(second)
        assert tables_on(browser.get(link_on(second, "Newest movements"))) == tables_on(first)
        assert "cursor=" not in re.findall(r'href="([^"]*file/csv/[^"]*)"', second.content.decode())[0]

    def test_a_cursor_of_another_period_is_refused_in_words(self, wallet, browser, monkeypatch):
        monkeypatch.setattr(statement, "SHOWN", 1)
        cursor = link_on(browser.get(page_of(wallet, MARCH)), "Older movements").partition("cursor=")[2]
        for wrong in (f"from=2026-01-01&cursor={cursor}", f"{MARCH}&cursor=x"):
            answer = browser.get(page_of(wallet, wrong))
            assert answer.status_code == 400
            assert 'role="alert"' in answer.content.decode()

    def test_a_period_that_ends_before_it_begins_is_refused_at_its_field(self, wallet, browser):
        answer = browser.get(page_of(wallet, "from=2026-04-02&to=2026-03-01"))
        assert answer.status_code == 422
        assert list(errors_on(answer)) == ["to"]
        assert "The period ends before it begins." in errors_on(answer)["to"]
        assert tables_on(answer) == []

    @pytest.mark.parametrize(("file", "form"), [("csv", "text/csv"), ("pdf", "application/pdf")])
    def test_its_files_are_the_apis(self, wallet, browser, api: Api, file, form):
        for asked, of_api in (("", ""), (MARCH, MARCH_OF_API)):
            mine = browser.get(page_of(wallet, asked, f"file/{file}/"))
            theirs = api.get(f"/api/accounts/{encode_id(ACCOUNT, wallet.id)}/statements?{of_api}", accept=form)
            assert (mine.status_code, theirs.status_code) == (200, 200)
            assert mine.content == theirs.content
            assert mine.headers["Content-Type"] == theirs.headers["Content-Type"]
        name = f"{encode_id(ACCOUNT, wallet.id)}.{file}"
        assert mine.headers["Content-Disposition"] == f'attachment; filename="{name}"'

    def test_a_file_that_would_be_too_long_is_refused_in_words(self, wallet, browser, monkeypatch):
        for form in FILE_LIMITS:
            monkeypatch.setitem(FILE_LIMITS, form, 2)
        for file in ("csv", "pdf"):
            answer = browser.get(page_of(wallet, file=f"file/{file}/"))
            assert answer.status_code == 422
            assert "ask for a shorter one" in text_of(answer)
            assert browser.get(page_of(wallet, MARCH, f"file/{file}/")).status_code == 200

    def test_it_takes_as_many_queries_however_long_it_is(self, wallet, account, move, browser, queries_of):
        few = queries_of(lambda: browser.get(page_of(wallet)))
        for number in range(60):
            move(account(overdraft="unlimited"), wallet, number + 1)
        assert queries_of(lambda: browser.get(page_of(wallet))) == few <= 11

    def test_the_page_of_the_account_leads_to_it(self, wallet, browser):
        html = browser.get(f"/admin/accounting/account/{wallet.id}/change/").content.decode()
        assert html.count(page_of(wallet).rstrip("?")) == 2  # in the toolbar, and above the newest movements


class TestJournalExport:
    def test_the_form_begins_with_this_year_and_makes_no_file_by_itself(self, wallet, browser):
        html = browser.get(EXPORT).content.decode()
        assert 'value="2026-01-01"' in html
        assert 'value="2026-04-20"' in html
        assert "Nothing has been posted yet." not in html

    @pytest.mark.parametrize(
        ("wanted", "of_api"),
        [
            ("csv", "format=csv"), ("datev-skr03", "format=datev&chart=skr03"),
            ("datev-skr04", "format=datev&chart=skr04"),
        ],
    )  # fmt: skip
    def test_its_files_are_the_apis(self, wallet, browser, api: Api, wanted, of_api):
        for asked, period in ((MARCH, MARCH_OF_API), (YEAR, YEAR_OF_API)):
            mine = browser.get(f"{EXPORT}?{asked}&wanted={wanted}")
            theirs = api.get(f"/api/books/export?{period}&{of_api}")
            assert (mine.status_code, theirs.status_code) == (200, 200)
            assert mine.content == theirs.content
            for header in ("Content-Type", "Content-Disposition"):
                assert mine.headers[header] == theirs.headers[header]
            assert (b"After" in mine.content) is (asked == YEAR)

    @pytest.mark.parametrize(
        ("query", "field", "said"),
        [
            ("from=2026-04-01&to=2026-03-01&wanted=csv", "to", "The period ends before it begins."),
            ("from=2025-12-31&to=2026-03-01&wanted=datev-skr03", "to", "lies inside one calendar year."),
            ("from=&to=2026-03-01&wanted=csv", "from", "This field is required."),
            ("from=2026-04-01&to=x&wanted=csv", "to", "Enter a valid date."),
            ("from=2026-04-01&to=2026-04-01&wanted=xml", "wanted", "Select a valid choice."),
            ("from=0001-01-01&to=2026-04-01&wanted=csv", "from", "Expected a day between 1900 and 2999."),
        ],
    )
    def test_what_is_wrong_stands_beside_its_field(self, wallet, browser, query, field, said):
        answer = browser.get(f"{EXPORT}?{query}")
        assert answer.status_code == 422
        assert list(errors_on(answer)) == [field]
        assert said in errors_on(answer)[field]

    def test_a_year_of_the_tenant_is_one_year_for_datev(self, wallet, browser):
        assert browser.get(f"{EXPORT}?{YEAR}&wanted=datev-skr03").status_code == 200

    def test_more_lines_than_a_file_holds_are_refused(self, wallet, browser, monkeypatch):
        monkeypatch.setattr(books, "MAX_EXPORTED", 5)
        answer = browser.get(f"{EXPORT}?{YEAR}&wanted=csv")
        assert answer.status_code == 422
        assert "more than 100,000 lines" in errors_on(answer)["to"]
        assert browser.get(f"{EXPORT}?{MARCH}&wanted=csv").status_code == 200

    def test_a_tenant_without_entries_is_told_so(self, browser, tenant):
        assert "Nothing has been posted yet." in text_of(browser.get(EXPORT))


def test_each_tenants_books_are_shown_after_going_there(
    wallet: Account,
    other_tenant: Tenant,
    browser_of: Callable[..., Client],  # noqa: F811
) -> None:
    browser = browser_of(wallet.tenant, other_tenant)
    for place, found in ((other_tenant, False), (wallet.tenant, True)):
        browser.post("/admin/tenant/", {"tenant": str(place.id)})
        assert ("€137.00" in text_of(browser.get(TRIAL))) is found
        assert (b"First" in browser.get(f"{EXPORT}?{YEAR}&wanted=csv").content) is found
        assert browser.get(page_of(wallet)).status_code == (200 if found else 404)


def link_on(answer: Any, text: str) -> str:
    """The address behind a text."""
    return unescape(re.findall(rf'href="([^"]+)">{text}</a>', answer.content.decode())[0])
