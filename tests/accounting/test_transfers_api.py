"""Claims about `/api/transfers`: one at a time, taken back, listed."""

from __future__ import annotations

import json

import pytest

from accounting.judging import TransferRequest
from accounting.models import JournalEntry
from accounting.services.transfers import make_transfer
from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT, TRANSFER
from tenants.models import AuditEntry
from tenants.scope import tenant_scope
from tests.accounting.calls import Books, body_of, brief, refusal, uuid_of
from tests.conftest import AT

pytestmark = pytest.mark.django_db
READ = 6  # identity, and the scope inside the test's transaction


def test_a_transfer_debits_one_account_and_credits_the_other(books):
    source, target = books.source(), books.open()
    answer = books.transfer(source, target, 1234, description="Top-up", metadata={"order": "7"}, key="order-7")
    made = books.made(answer)
    fixed = {name: made.pop(name) for name in ("id", "entryId", "createdAt", "updatedAt")}
    assert made == {
        "object": "transfer", "status": "posted", "fromAccountId": source, "toAccountId": target, "amount": 1234,
        "currency": "EUR", "voidEntryId": None, "description": "Top-up", "idempotencyKey": "order-7",
        "metadata": {"order": "7"},
    }  # fmt: skip
    assert books.standing(target) == (1234, 0)
    assert answer.headers["Location"] == f"/api/transfers/{fixed['id']}"
    assert books.api.get(answer.headers["Location"]).json() == {**fixed, **made}
    [event] = books.events("transfer.posted")
    assert json.loads(event.data) == {**fixed, **made}


def test_the_entry_of_a_transfer_says_the_same(books):
    transfer = books.move(books.source(), books.open(), 5, description="Top-up", metadata={"a": "b"})
    entry = books.api.get(f"/api/entries/{transfer['entryId']}").json()
    assert [entry[name] for name in ("kind", "sourceType", "sourceId", "description", "metadata")] == [
        "transfer", "transfer", transfer["id"], "Top-up", {"a": "b"},
    ]  # fmt: skip
    assert [(line["accountId"], line["side"], line["amount"]) for line in entry["lines"]] == [
        (transfer["fromAccountId"], "debit", 5), (transfer["toAccountId"], "credit", 5),
    ]  # fmt: skip


def test_the_short_names_of_the_accounts_are_read_too(books):
    source, target = books.source(), books.open()
    made = books.made(books.api.post("/api/transfers", {"from": source, "to": target, "amount": 5, "currency": "EUR"}))
    assert (made["fromAccountId"], made["toAccountId"]) == (source, target)


def test_an_account_under_two_names_is_one_account_and_nothing_is_guessed(books):
    source, target, other = books.source(), books.open(), books.open()
    asked = {"from": source, "to": target, "toAccountId": other, "amount": 5, "currency": "EUR"}
    assert books.api.post("/api/transfers", asked).json()["details"][0]["path"] == "to"
    books.made(books.api.post("/api/transfers", {**asked, "toAccountId": target}))
    assert (books.standing(target), books.standing(other)) == ((5, 0), (0, 0))


def test_an_account_that_does_not_exist_is_named_as_the_caller_wrote_it(books):
    asked = {"from": books.source(), "to": encode_id(ACCOUNT, new_id()), "amount": 5, "currency": "EUR"}
    assert books.api.post("/api/transfers", asked).json()["details"][0]["path"] == "to"
    batch = books.api.post("/api/transfers/batch", {"transfers": [asked]})
    assert batch.json()["details"][0]["path"] == "transfers[0].to"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": 0}, ("amount", "too_small")),
        ({"amount": "5"}, ("amount", "invalid")),
        ({"amount": 10**15 + 1}, ("amount", "too_large")),
        ({"currency": "euro"}, ("currency", "invalid_currency")),
        ({"fromAccountId": "cst_01hqx3qgf2c8mhwy9s6zwmf3yh"}, ("fromAccountId", "invalid_id")),
        ({"idempotencyKey": "ä"}, ("idempotencyKey", "invalid")),
        ({"idempotencyKey": 5}, ("idempotencyKey", "invalid")),
        ({"reference": "x"}, ("reference", "unknown_field")),
    ],
)
def test_a_wrong_transfer_is_refused_with_the_field(books, fields, problem):
    body = body_of(books.source(), books.open(), 5) | fields
    assert refusal(books.api.post("/api/transfers", body)) == (400, "validation_error", [problem])


def test_nothing_moves_from_an_account_to_itself(books):
    account = books.source()
    assert refusal(books.transfer(account, account, 5)) == (400, "validation_error", [("toAccountId", "invalid")])


def test_what_the_books_do_not_allow_changes_nothing(books, other_tenant, other_api):
    source, target, other = books.source(), books.open(), Books(other_tenant, other_api)
    suspended, closed, dollars, reserved = books.open(), books.open(), books.open("USD"), books.system()
    books.act(f"accounts/{suspended}", "suspend")
    books.act(f"accounts/{closed}", "close")
    missing, theirs = encode_id(ACCOUNT, new_id()), other.open()
    before = books.listed("entries")
    for unknown in (missing, theirs):
        assert refusal(books.transfer(source, unknown, 5)) == (404, "not_found", [("toAccountId", "not_found")])
        assert refusal(books.transfer(unknown, target, 5)) == (404, "not_found", [("fromAccountId", "not_found")])
    refusals = {
        (target, source): "insufficient_funds", (source, suspended): "account_suspended",
        (closed, target): "account_closed", (source, dollars): "currency_mismatch", (reserved, target):
        "account_reserved", (source, reserved): "account_reserved",
    }  # fmt: skip
    for (payer, payee), code in refusals.items():
        assert brief(books.transfer(payer, payee, 5)) == (422, code)
    assert brief(books.transfer(source, target, 5, currency="USD")) == (422, "currency_mismatch")
    assert books.listed("entries") == before
    assert (books.standing(target), books.events("transfer.posted")) == ((0, 0), [])


def test_a_transfer_moves_accounts_of_assets_from_their_own_point_of_view(books):
    cash, owed = books.open(type="asset"), books.open()
    books.move(cash, owed, 70)
    assert (books.standing(cash), books.standing(owed)) == ((70, 0), (70, 0))
    assert brief(books.transfer(books.source(), cash, 71)) == (422, "insufficient_funds")


def test_the_key_of_the_body_is_that_of_the_header(books):
    source, target = books.source(), books.open()
    first = books.transfer(source, target, 5, idempotencyKey="pay-1")
    again = books.transfer(source, target, 5, idempotencyKey="pay-1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert books.standing(target) == (5, 0)
    both = books.transfer(source, target, 5, idempotencyKey="pay-1", key="pay-1")
    assert both.content == first.content
    different = books.transfer(source, target, 5, idempotencyKey="pay-1", key="pay-2")
    assert refusal(different) == (400, "validation_error", [("idempotencyKey", "mutually_exclusive")])
    assert brief(books.transfer(source, target, 6, idempotencyKey="pay-1")) == (409, "idempotency_conflict")
    assert brief(books.api.post("/api/units", {"code": "XPTS", "exponent": 0}, key="pay-1"))[0] == 409
    assert books.standing(target) == (5, 0)


def test_a_refusal_leaves_the_key_free(books):
    payer, payee = books.open(), books.open()
    assert brief(books.transfer(payer, payee, 5, key="pay-1")) == (422, "insufficient_funds")
    books.move(books.source(), payer, 5)
    assert books.transfer(payer, payee, 5, key="pay-1").status_code == 201


def test_a_void_takes_everything_back_once_and_again_says_the_same(books):
    source, target = books.source(), books.open()
    transfer = books.move(source, target, 5)
    first = books.made(books.act(f"transfers/{transfer['id']}", "void", {"reason": "Wrong customer"}), 200)
    assert (first["status"], first["entryId"]) == ("voided", transfer["entryId"])
    again = books.made(books.act(f"transfers/{transfer['id']}", "void", {"reason": "Once more"}), 200)
    assert again == first == books.api.get(f"/api/transfers/{transfer['id']}").json()
    assert books.standing(target) == (0, 0)
    entry = books.api.get(f"/api/entries/{first['voidEntryId']}").json()
    assert [entry[name] for name in ("kind", "sourceType", "sourceId", "reversesEntryId", "description")] == [
        "reversal", "transfer", transfer["id"], transfer["entryId"], "Wrong customer",
    ]  # fmt: skip
    assert [(line["accountId"], line["side"]) for line in entry["lines"]] == [(source, "credit"), (target, "debit")]
    assert books.api.get(f"/api/entries/{transfer['entryId']}").json()["reversedByEntryId"] == first["voidEntryId"]
    assert len(books.events("transfer.voided")) == 1
    with tenant_scope(books.tenant.id):
        assert AuditEntry.objects.get(action="transfer.voided").reason == "Wrong customer"


def test_what_was_spent_meanwhile_cannot_be_taken_back(books):
    source, wallet, shop = books.source(), books.open(), books.open()
    transfer = books.move(source, wallet, 5)
    spent = books.move(wallet, shop, 1)
    path = f"transfers/{transfer['id']}"
    assert brief(books.act(path, "void")) == (422, "insufficient_funds")
    books.act(f"transfers/{spent['id']}", "void")
    books.act(f"accounts/{wallet}", "suspend")
    assert brief(books.act(path, "void")) == (422, "account_suspended")
    books.act(f"accounts/{wallet}", "activate")
    assert books.act(path, "void").status_code == 200
    assert len(books.events("transfer.voided")) == 2


def test_a_transfer_of_the_books_is_not_voided_by_callers(books):
    request = TransferRequest(uuid_of(books.system()), uuid_of(books.open()), 5, "EUR")
    with tenant_scope(books.tenant.id):
        made = make_transfer(tenant_id=books.tenant.id, request=request, at=AT, on_books=True)
    path = f"transfers/{encode_id(TRANSFER, made.id)}"
    assert brief(books.act(path, "void")) == (422, "account_reserved")
    assert books.api.get(f"/api/{path}").json()["status"] == "posted"


def test_filters_narrow_the_list(books):
    a, b, c = books.source(), books.source(), books.source()
    dollars = books.source("USD"), books.source("USD")
    ids = [
        books.move(source, target, 5)["id"] for source, target in ((a, b), (b, c), (c, a), (a, c))
    ] + [books.move(*dollars, 5, currency="USD")["id"]]  # fmt: skip
    books.act(f"transfers/{ids[1]}", "void")
    found = {
        "": [4, 3, 2, 1, 0], f"?accountId={a}": [3, 2, 0], f"?fromAccountId={a}": [3, 0], f"?toAccountId={a}": [2],
        "?status=voided": [1], "?status=posted,voided&currency=EUR": [3, 2, 1, 0], "?currency=USD": [4],
        f"?accountId={b}&status=voided": [1], f"?accountId={a}&fromAccountId={c}": [2],
        f"?accountId={a}&currency=USD": [],
    }  # fmt: skip
    for query, numbers in found.items():
        assert [one["id"] for one in books.listed("transfers", query)] == [ids[number] for number in numbers], query


def test_the_transfers_of_an_account_are_paged_without_a_gap_or_a_repetition(books):
    a, b = books.source(), books.source()
    ids = [books.move(*((a, b) if number % 3 else (b, a)), 5)["id"] for number in range(7)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = books.api.get(f"/api/transfers?accountId={a}&limit=2{cursor}").json()
        seen += [one["id"] for one in page["data"]]
        cursor = f"&cursor={page['nextCursor']}" if page["hasMore"] else None
    assert seen == ids[::-1]


@pytest.mark.parametrize("rows", [1, 20])
def test_reading_asks_the_same_however_long_the_list_is(books, django_assert_num_queries, rows):
    source, target = books.source(), books.open()
    made = [books.move(source, target, 5) for _ in range(rows)]
    for query, questions in (("", 1), (f"?fromAccountId={source}", 1), (f"?accountId={source}", 2)):
        with django_assert_num_queries(READ + questions):
            assert len(books.listed("transfers", query)) == rows
    with django_assert_num_queries(READ + 1):
        books.api.get(f"/api/transfers/{made[0]['id']}")


def test_a_transfer_is_made_of_three_statements_and_voided_with_six(books, django_assert_num_queries):
    source, target = books.source(), books.open()
    careful = {"description": " must be trimmed "}
    with django_assert_num_queries(READ + 3):  # what the accounts are, the transfer, its event
        transfer = books.move(source, target, 5, **careful)
    with django_assert_num_queries(READ + 3 + 3):  # and the key: locked, looked for, kept
        books.move(source, target, 5, key="pay-1", **careful)
    with django_assert_num_queries(2):  # the savepoint of this test's transaction: all is one statement past Django
        books.move(source, target, 5, key="pay-2")
    with django_assert_num_queries(READ + 6):  # lock, accounts, reason, entry, transfer, event
        books.act(f"transfers/{transfer['id']}", "void")


@pytest.mark.django_db(transaction=True)
def test_of_many_who_spend_the_same_money_at_once_only_as_many_succeed_as_it_lasts(books):
    wallet, shop = books.filled(10), books.open()
    seen = books.at_once(*[lambda one: one.transfer(wallet, shop, 4)] * 5)
    assert seen == {(201, None): 2, (422, "insufficient_funds"): 3}
    assert (books.standing(wallet), books.standing(shop)) == ((2, 0), (8, 0))


@pytest.mark.django_db(transaction=True)
def test_two_who_pay_each_other_at_once_do_not_wait_for_each_other_for_ever(books):
    a, b = books.filled(1000), books.filled(1000)
    calls = [lambda one: one.transfer(a, b, 1), lambda one: one.transfer(b, a, 1)] * 4
    assert books.at_once(*calls) == {(201, None): 8}
    assert (books.standing(a), books.standing(b)) == ((1000, 0), (1000, 0))


@pytest.mark.django_db(transaction=True)
def test_a_key_used_by_several_at_once_moves_once(books):
    source, target = books.source(), books.open()
    seen = books.at_once(*[lambda one: one.transfer(source, target, 5, idempotencyKey="pay-1")] * 4)
    assert set(seen) <= {(201, None), (409, "idempotency_in_progress")}
    assert books.standing(target) == (5, 0)


@pytest.mark.django_db(transaction=True)
def test_voided_by_several_at_once_a_transfer_is_taken_back_once(books):
    target = books.open()
    transfer = books.move(books.source(), target, 5)
    seen = books.at_once(*[lambda one: one.act(f"transfers/{transfer['id']}", "void")] * 4)
    assert seen == {(200, None): 4}
    assert books.standing(target) == (0, 0)
    with tenant_scope(books.tenant.id):
        assert JournalEntry.objects.filter(kind="reversal").count() == 1
