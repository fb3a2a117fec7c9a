"""Claims about balances and statements over HTTP."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pypdfium2
import pytest
from django.http import QueryDict

from accounting.documents.statement_pdf import languages, texts
from accounting.models import Hold, Transfer, Unit
from accounting.posting import credit, debit
from accounting.statement_files import FILE_LIMITS
from common.api.pagination import encode_cursor
from common.ids import decode_id, encode_id, new_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY, TRANSFER
from tenants.models import TenantSettings
from tests.conftest import AT

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
FRAME = 6  # queries: the key, and the scope of the tenant inside the transaction of the test


def account_path(account, rest: str) -> str:
    return f"/api/accounts/{encode_id(ACCOUNT, account.id)}/{rest}"


def test_the_balance_of_an_account(account, move, api):
    books, wallet = account(overdraft="unlimited"), account(overdraft="limit", limit=50)
    move(books, wallet, 1234)
    Hold.objects.create(
        tenant_id=wallet.tenant_id, account=wallet, amount=200, currency="EUR", expires_at=AT, created_at=AT,
        updated_at=AT,
    )  # fmt: skip
    answer = api.get(account_path(wallet, "balance"))
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("at").endswith("Z")
    assert body == {
        "accountId": encode_id(ACCOUNT, wallet.id), "currency": "EUR", "posted": 1234, "held": 200, "available": 1084,
        "balance": 1234,
    }  # fmt: skip
    answer = api.get(account_path(books, "balance")).json()
    assert (answer["posted"], answer["available"]) == (-1234, None)


def test_the_balance_at_an_instant(account, move, api):
    books, wallet = account(overdraft="unlimited"), account()
    move(books, wallet, 10)
    move(books, wallet, 5, at=AT + HOUR)
    asked = {"2026-03-01T12:00:00Z": 0, "2026-03-01T13:00:00.000Z": 10, "2026-03-01T14:00:01%2B01:00": 15}
    for at, posted in asked.items():
        answer = api.get(account_path(wallet, f"balance?at={at}"))
        assert (answer.status_code, answer.json()["posted"]) == (200, posted), answer.content
    assert answer.json()["at"] == "2026-03-01T13:00:01.000Z"


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ("at=2026-03-01", "at", "invalid_datetime"),
        ("at=2026-03-01T12:00:00", "at", "invalid_datetime"),
        ("at=", "at", "invalid_datetime"),
        ("until=2026-03-01T12:00:00Z", "until", "unknown_parameter"),
    ],
)
def test_what_is_no_instant_is_refused(account, api, query, path, code):
    answer = api.get(account_path(account(), f"balance?{query}"))
    assert answer.status_code == 400
    assert [(one["path"], one["code"]) for one in answer.json()["details"]] == [(path, code)]


def test_the_balance_of_no_account_and_of_another_tenants_is_not_found(account, api, other_api):
    mine = account()
    assert other_api.get(account_path(mine, "balance")).status_code == 404
    mine.id = new_id()
    assert api.get(account_path(mine, "balance")).status_code == 404


def test_a_balance_needs_the_scope(account, tenant, api_of):
    assert api_of(tenant, "invoices:read").get(account_path(account(), "balance")).status_code == 403


@pytest.mark.parametrize("query", ["", "?at=2026-03-02T00:00:00Z"])
def test_a_balance_is_one_query(account, move, api, django_assert_num_queries, query):
    books, wallet = account(overdraft="unlimited"), account()
    move(books, wallet, 10)
    api.get(account_path(books, "balance"))
    with django_assert_num_queries(FRAME + 1):
        api.get(account_path(books, f"balance{query}"))


@pytest.fixture
def wallet(account, move):
    """Three movements an hour apart: 100 in, 30 out, 5 in."""
    books, wallet = account(overdraft="unlimited"), account(code="wallet-1")
    move(books, wallet, 100, description="Bonus")
    move(wallet, books, 30, at=AT + HOUR)
    move(books, wallet, 5, at=AT + 2 * HOUR)
    return wallet


def lines(answer) -> list[tuple[str, int, int]]:
    assert answer.status_code == 200, answer.content
    return [(one["side"], one["amount"], one["runningBalance"]) for one in answer.json()["data"]]


def test_a_statement_runs_from_the_newest_movement_back(wallet, api):
    answer = api.get(account_path(wallet, "statements"))
    assert lines(answer) == [("credit", 5, 75), ("debit", 30, 70), ("credit", 100, 100)]
    body = answer.json()
    oldest = body["data"][-1]
    assert set(oldest) == {
        "id", "entryId", "transferId", "side", "amount", "runningBalance", "counterAccountIds", "description",
        "createdAt",
    }  # fmt: skip
    assert (oldest["description"], oldest["transferId"], oldest["createdAt"]) == (
        "Bonus", None, "2026-03-01T12:00:00.000Z",
    )  # fmt: skip
    assert oldest["id"].startswith("line_")
    del body["data"]
    assert body == {
        "accountId": encode_id(ACCOUNT, wallet.id), "currency": "EUR", "from": None, "to": None, "openingBalance": 0,
        "closingBalance": 75, "hasMore": False, "nextCursor": None,
    }  # fmt: skip


def test_a_period_is_half_open_and_each_end_may_be_missing(wallet, api):
    first, last = "2026-03-01T13:00:00.000Z", "2026-03-01T14:00:00.000Z"
    expected = {
        f"from={first}&to={last}": ([("debit", 30, 70)], 100, 70),
        f"from={first}": ([("credit", 5, 75), ("debit", 30, 70)], 100, 75),
        f"to={first}": ([("credit", 100, 100)], 0, 100),
        f"from={last}&to={last}": ([], 70, 70),
    }
    for query, (movements, opening, closing) in expected.items():
        answer = api.get(account_path(wallet, f"statements?{query}"))
        assert lines(answer) == movements, query
        body = answer.json()
        assert (body["openingBalance"], body["closingBalance"]) == (opening, closing)
    assert (body["from"], body["to"]) == (last, last)


def test_pages_go_on_where_the_last_one_ended(wallet, api):
    found, cursor = [], ""
    for more in (True, True, False):
        answer = api.get(account_path(wallet, f"statements?limit=1{cursor}"))
        found += lines(answer)
        body = answer.json()
        assert (body["hasMore"], body["closingBalance"]) == (more, 75)
        cursor = f"&cursor={body['nextCursor']}"
    assert found == [("credit", 5, 75), ("debit", 30, 70), ("credit", 100, 100)]


def test_a_page_is_right_for_its_own_moment_when_a_late_movement_came_between(wallet, move, account, api):
    first = api.get(account_path(wallet, "statements?limit=1")).json()
    move(account(overdraft="unlimited"), wallet, 1000, at=AT + HOUR / 2)
    rest = api.get(account_path(wallet, f"statements?limit=3&cursor={first['nextCursor']}"))
    assert lines(rest) == [("debit", 30, 1070), ("credit", 1000, 1100), ("credit", 100, 100)]
    assert rest.json()["closingBalance"] == 1075


def test_an_asset_counts_the_other_way_round(account, post, api):
    cash, owed, paid = account(type="asset"), account(), account()
    post(debit(cash.id, 8), credit(owed.id, 5), credit(paid.id, 3))
    answer = api.get(account_path(cash, "statements"))
    assert lines(answer) == [("debit", 8, 8)]
    others = [encode_id(ACCOUNT, owed.id), encode_id(ACCOUNT, paid.id)]
    assert answer.json()["data"][0]["counterAccountIds"] == others
    assert api.get(account_path(owed, "statements")).json()["data"][0]["counterAccountIds"] == [
        encode_id(ACCOUNT, cash.id)
    ]


def test_a_transfer_and_its_voiding_name_it(account, move, post, api):
    books, wallet = account(overdraft="unlimited"), account()
    draft = move(books, wallet, 7, kind="transfer")
    transfer = Transfer.objects.create(
        tenant_id=wallet.tenant_id, from_account_id=books.id, to_account_id=wallet.id, amount=7, currency="EUR",
        entry_id=draft.id, created_at=AT, updated_at=AT,
    )  # fmt: skip
    other = move(books, wallet, 1)
    undo = post(credit(books.id, 7), debit(wallet.id, 7), reverses=draft.id, kind="reversal", at=AT + HOUR)
    transfer.status, transfer.void_entry_id, transfer.void_reason = "voided", undo.id, "x"
    transfer.save()
    found = {one["entryId"]: one["transferId"] for one in api.get(account_path(wallet, "statements")).json()["data"]}
    named = encode_id(TRANSFER, transfer.id)
    assert {decode_id(JOURNAL_ENTRY, key): value for key, value in found.items()} == {
        draft.id: named, other.id: None, undo.id: named,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "to", "too_small"),
        ("from=2026-03-02", "from", "invalid_datetime"),
        ("limit=0", "limit", "too_small"),
        ("limit=101", "limit", "too_large"),
        ("limit=1&limit=2", "limit", "invalid"),
        ("until=x", "until", "unknown_parameter"),
    ],
)
def test_what_a_statement_cannot_be_asked_is_refused(wallet, api, query, path, code):
    answer = api.get(account_path(wallet, f"statements?{query}"))
    assert answer.status_code == 400
    assert [(one["path"], one["code"]) for one in answer.json()["details"]] == [(path, code)]


def test_a_cursor_belongs_to_its_account_and_period(wallet, account, api):
    cursor = api.get(account_path(wallet, "statements?limit=1")).json()["nextCursor"]
    other = account_path(account(), f"statements?limit=1&cursor={cursor}")
    period = account_path(wallet, f"statements?from=2026-03-01T00:00:00Z&cursor={cursor}")
    far = b"\x01" + b"\x7f" * 8 + new_id().bytes
    beyond = encode_cursor(far, QueryDict(), path=account_path(wallet, "statements"))
    wrong = account_path(wallet, f"statements?cursor={cursor[:-1]}")
    for path in (other, period, wrong, account_path(wallet, f"statements?cursor={beyond}")):
        answer = api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_another_tenants_statement_does_not_exist(wallet, api, other_api, tenant, api_of):
    assert other_api.get(account_path(wallet, "statements")).status_code == 404
    assert api_of(tenant, "invoices:read").get(account_path(wallet, "statements")).status_code == 403
    wallet.id = new_id()
    assert api.get(account_path(wallet, "statements")).status_code == 404


def test_a_statement_is_two_queries_however_long_it_is(wallet, api, django_assert_num_queries):
    api.get(account_path(wallet, "statements"))
    for limit in (1, 100):
        with django_assert_num_queries(FRAME + 2):
            api.get(account_path(wallet, f"statements?limit={limit}"))


@pytest.mark.parametrize(
    ("accept", "got"),
    [
        ("text/csv", "text/csv"),
        ("application/pdf", "application/pdf"),
        ("text/html, application/pdf;q=0.5", "application/pdf"),
        ("text/csv;q=0.2, application/json;q=0.9", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("*/*", "application/json"),
        ("image/png", "application/json"),
        ("text/csv;q=x;;, ,,/", "application/json"),
        ("", "application/json"),
    ],
)
def test_accept_chooses_the_form_and_never_fails(wallet, api, accept, got):
    answer = api.get(account_path(wallet, "statements"), accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, got)


def test_csv_holds_the_whole_period_in_whole_units(wallet, move, account, api):
    move(account(overdraft="unlimited"), wallet, 1, at=AT + 3 * HOUR, description='=HYPERLINK("x")\n;"')
    answer = api.get(account_path(wallet, "statements"), accept="text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{encode_id(ACCOUNT, wallet.id)}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["debit"], row["credit"], row["runningBalance"]) for row in rows] == [
        ("", "0.01", "0.76"), ("", "0.05", "0.75"), ("0.30", "", "0.70"), ("", "1.00", "1.00"),
    ]  # fmt: skip
    assert rows[0]["description"] == '\'=HYPERLINK("x")\n;"'
    assert (rows[3]["description"], rows[3]["currency"], rows[3]["createdAt"]) == (
        "Bonus", "EUR", "2026-03-01T12:00:00.000Z",
    )  # fmt: skip


def test_a_unit_of_the_tenant_has_its_own_decimals(account, move, api, scope):
    Unit.objects.create(tenant_id=scope.id, code="CREDITS", exponent=4, created_at=AT, updated_at=AT)
    books, wallet = account("CREDITS", overdraft="unlimited"), account("CREDITS")
    move(books, wallet, 12345)
    for one, expected in ((wallet, "1.2345"), (books, "-1.2345")):
        answer = api.get(account_path(one, "statements"), accept="text/csv")
        assert next(csv.DictReader(io.StringIO(answer.content.decode())))["runningBalance"] == expected


def test_a_file_of_a_page_says_where_the_next_one_is(wallet, api):
    answer = api.get(account_path(wallet, "statements?limit=2"), accept="text/csv")
    assert answer.content.count(b"\r\n") == 3
    target, relation = answer.headers["Link"].split("; ")
    assert relation == 'rel="next"'
    answer = api.get(target.strip("<>"), accept="text/csv")
    assert answer.content.count(b"\r\n") == 2
    assert "Link" not in answer.headers


@pytest.mark.parametrize("form", ["text/csv", "application/pdf"])
def test_a_period_with_more_than_a_file_holds_is_refused(wallet, api, form, monkeypatch):
    monkeypatch.setitem(FILE_LIMITS, form, 2)
    answer = api.get(account_path(wallet, "statements"), accept=form)
    assert (answer.status_code, answer.json()["code"]) == (422, "statement_too_long")
    assert api.get(account_path(wallet, "statements?from=2026-03-01T13:00:00Z"), accept=form).status_code == 200


def words_of(pdf: bytes) -> str:
    return " ".join(" ".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(pdf))


def test_the_pdf_says_what_the_statement_says(wallet, api, tenant):
    TenantSettings.objects.filter(tenant_id=tenant.id).update(locale="de", legal_name="Beispiel GmbH & Söhne")
    answer = api.get(account_path(wallet, "statements"), accept="application/pdf")
    assert answer.headers["Content-Disposition"].startswith("inline")
    shown = words_of(answer.content)
    for said in (
        "Kontoauszug",
        "wallet-1",
        "Beispiel GmbH & Söhne",
        "Endsaldo",
        "0,75",
        "0,30",
        "Bonus",
        "Seite 1 von 1",
    ):
        assert said in shown, shown


def test_the_pdf_of_an_account_without_movements_says_so(account, api):
    answer = api.get(account_path(account(), "statements"), accept="application/pdf")
    assert "No movements in this period." in words_of(answer.content)


def test_each_language_has_every_word():
    assert set(languages()) >= {"en", "de", "fr"}
    for language in languages():
        assert set(texts(language)) == set(texts("en"))
        assert all(texts(language).values())
