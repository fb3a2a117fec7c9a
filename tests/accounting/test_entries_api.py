"""Claims about `/api/entries`: entries of two or more lines, and their reversal."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounting.models import JournalEntry
from accounting.posting import EntryDraft, credit, debit
from accounting.services.posting import post_entries
from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY
from tenants.scope import tenant_scope
from tests.accounting.calls import brief, refusal, uuid_of
from tests.conftest import AT

pytestmark = pytest.mark.django_db
READ = 6  # identity, and the scope inside the test's transaction


def posted(books, amount: int = 5, **fields):
    """An entry over two new accounts, and the second of them."""
    source, target = books.source(), books.open()
    made = books.made(books.entry((source, "debit", amount), (target, "credit", amount), **fields))
    return made, source, target


def test_an_entry_has_lines_in_every_unit_it_touches(books):
    books.api.post("/api/units", {"code": "CREDITS", "exponent": 0})
    euro, cash, float_, wallet = books.source(), books.open(), books.source("CREDITS"), books.open("CREDITS")
    lines = [(euro, "debit", 5), (cash, "credit", 5), (float_, "debit", 700), (wallet, "credit", 700)]
    answer = books.entry(*lines, batchId="b-1", description="Exchange", metadata={"a": "b"})
    entry = books.made(answer)
    fixed = {name: entry.pop(name) for name in ("id", "createdAt", "updatedAt")}
    currencies = ["EUR", "EUR", "CREDITS", "CREDITS"]
    assert entry == {
        "object": "entry", "kind": "manual", "sourceType": None, "sourceId": None, "batchId": "b-1",
        "reversesEntryId": None, "reversedByEntryId": None, "description": "Exchange", "metadata": {"a": "b"},
        "lines": [
            {"accountId": account, "side": side, "amount": amount, "currency": currency}
            for (account, side, amount), currency in zip(lines, currencies, strict=True)
        ],
    }  # fmt: skip
    assert books.api.get(answer.headers["Location"]).json() == {**fixed, **entry}
    assert (books.standing(cash), books.standing(wallet)) == ((5, 0), (700, 0))


def test_the_batch_id_finds_an_entry_again_and_is_given_once(books, other_api):
    entry, source, target = posted(books, batchId="b-1")
    assert books.listed("entries", "?batchId=b-1") == [entry]
    assert books.listed("entries", "?batchId=b-2") == []
    again = books.entry((source, "debit", 5), (target, "credit", 5), batchId="b-1")
    assert refusal(again) == (409, "already_exists", [("batchId", "already_exists")])
    assert books.standing(target) == (5, 0)
    assert other_api.get("/api/entries?batchId=b-1").json()["data"] == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lines": []}, ("lines", "too_short")),
        ({"lines": None}, ("lines", "required")),
        ({"batchId": "x" * 256}, ("batchId", "too_long")),
        ({"currency": "EUR"}, ("currency", "unknown_field")),
    ],
)
def test_a_wrong_entry_is_refused_with_the_field(books, change, problem):
    lines = [{"accountId": books.source(), "side": side, "amount": 5} for side in ("debit", "credit")]
    answer = books.api.post("/api/entries", {"lines": lines, **change})
    assert refusal(answer) == (400, "validation_error", [problem])


def test_each_wrong_line_is_named(books):
    answer = books.entry((books.open(), "left", 5), ("acc_x", "debit", 0))
    assert refusal(answer)[2] == [
        ("lines[0].side", "invalid_choice"), ("lines[1].accountId", "invalid_id"), ("lines[1].amount", "too_small"),
    ]  # fmt: skip
    account = books.source()
    assert brief(books.entry(*[(account, "debit", 1)] * 101)) == (400, "validation_error")


def test_what_the_books_do_not_allow_changes_nothing(books, other_api):
    source, target, reserved = books.source(), books.open(), books.system()
    suspended, closed = books.open(), books.open()
    books.act(f"accounts/{suspended}", "suspend")
    books.act(f"accounts/{closed}", "close")
    theirs = other_api.post("/api/accounts", {"currency": "EUR"}).json()["id"]
    refusals = {
        ((source, "debit", 5), (target, "credit", 4)): "unbalanced_entry",
        ((target, "debit", 5), (source, "credit", 5)): "insufficient_funds",
        ((source, "debit", 5), (suspended, "credit", 5)): "account_suspended",
        ((closed, "debit", 5), (source, "credit", 5)): "account_closed",
        ((source, "debit", 5), (reserved, "credit", 5)): "account_reserved",
        ((source, "debit", 5), (books.source("USD"), "credit", 5)): "unbalanced_entry",
    }
    for lines, code in refusals.items():
        assert brief(books.entry(*lines)) == (422, code)
    for unknown in (theirs, encode_id(ACCOUNT, new_id())):
        answer = books.entry((source, "debit", 5), (unknown, "credit", 5))
        assert refusal(answer) == (404, "not_found", [("lines[1].accountId", "not_found")])
    assert (books.listed("entries"), books.standing(target)) == ([], (0, 0))


def test_an_entry_is_reversed_once_and_again_says_the_same(books):
    entry, source, target = posted(books)
    path = f"entries/{entry['id']}"
    first = books.act(path, "reverse", {"reason": "Typing error"})
    reversal = books.made(first)
    assert first.headers["Location"] == f"/api/entries/{reversal['id']}"
    assert [reversal[name] for name in ("kind", "reversesEntryId", "description")] == [
        "reversal", entry["id"], "Typing error",
    ]  # fmt: skip
    assert [(line["accountId"], line["side"]) for line in reversal["lines"]] == [(source, "credit"), (target, "debit")]
    again = books.act(path, "reverse", {"reason": "Once more"})
    assert (again.status_code, again.json()) == (200, reversal)
    assert books.api.get(f"/api/{path}").json() == {**entry, "reversedByEntryId": reversal["id"]}
    assert books.standing(target) == (0, 0)


def test_a_reversal_is_not_reversed(books):
    entry, _, _ = posted(books)
    reversal = books.made(books.act(f"entries/{entry['id']}", "reverse"))
    assert brief(books.act(f"entries/{reversal['id']}", "reverse")) == (409, "entry_not_reversible")


def test_what_was_spent_meanwhile_cannot_be_reversed(books):
    entry, source, target = posted(books)
    spent = books.move(target, source, 1)
    assert brief(books.act(f"entries/{entry['id']}", "reverse")) == (422, "insufficient_funds")
    books.act(f"transfers/{spent['id']}", "void")
    assert books.act(f"entries/{entry['id']}", "reverse").status_code == 201


def test_reversing_the_entry_of_a_transfer_voids_the_transfer(books):
    target = books.open()
    transfer = books.move(books.source(), target, 5)
    path = f"entries/{transfer['entryId']}"
    reversal = books.made(books.act(path, "reverse"))
    voided = books.made(books.act(f"transfers/{transfer['id']}", "void"), 200)
    assert (voided["status"], voided["voidEntryId"]) == ("voided", reversal["id"])
    assert books.made(books.act(path, "reverse"), 200) == reversal
    assert (books.standing(target), len(books.events("transfer.voided"))) == ((0, 0), 1)


def test_what_ledger_posted_itself_is_not_reversed_by_callers(books):
    reserved, own, other = (uuid_of(one) for one in (books.system(), books.source(), books.source()))
    drafts = [
        EntryDraft(lines=[debit(reserved, 5), credit(own, 5)], at=AT, kind="invoice.finalised"),
        EntryDraft(lines=[debit(other, 5), credit(own, 5)], at=AT, kind="grant.spent"),
    ]
    with tenant_scope(books.tenant.id):
        post_entries(tenant_id=books.tenant.id, drafts=drafts)
    codes = [brief(books.act(f"entries/{encode_id(JOURNAL_ENTRY, one.id)}", "reverse")) for one in drafts]
    assert codes == [(422, "account_reserved"), (409, "entry_not_reversible")]


def test_filters_narrow_the_list(books):
    first, source, target = posted(books)
    second, _, _ = posted(books)
    third = books.made(books.entry((source, "debit", 5), (source, "credit", 5)))
    found = {
        "": [third, second, first], f"?accountId={source}": [third, first], f"?accountId={target}": [first],
        f"?accountId={target}&batchId=x": [],
    }  # fmt: skip
    for query, entries in found.items():
        assert books.listed("entries", query) == entries, query


def test_the_entries_of_an_account_are_paged_without_a_gap_or_a_repetition(books):
    source, target = books.source(), books.open()
    ids = [books.made(books.entry(*[(source, "debit", 1), (target, "credit", 1)] * 2))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = books.api.get(f"/api/entries?accountId={target}&limit=2{cursor}").json()
        seen += [one["id"] for one in page["data"]]
        cursor = f"&cursor={page['nextCursor']}" if page["hasMore"] else None
    assert seen == ids[::-1]


@pytest.mark.parametrize("rows", [1, 20])
def test_reading_asks_the_same_however_long_the_list_is(books, django_assert_num_queries, rows):
    source, target = books.source(), books.open()
    for _ in range(rows):
        books.entry((source, "debit", 5), (target, "credit", 5))
    for query, questions in (("", 2), (f"?accountId={source}", 3)):  # entries and their lines, found by the account
        with django_assert_num_queries(READ + questions):
            entries = books.listed("entries", query)
    assert len(entries) == rows
    with django_assert_num_queries(READ + 2):
        books.api.get(f"/api/entries/{entries[0]['id']}")


def test_writing_asks_a_known_number_of_questions(books, django_assert_max_num_queries):
    source, target = books.source(), books.open()
    with django_assert_max_num_queries(READ + 4):
        entry = books.made(books.entry(*[(source, "debit", 5), (target, "credit", 5)] * 50))
    with django_assert_max_num_queries(READ + 11):
        books.act(f"entries/{entry['id']}", "reverse")


def test_the_database_keeps_an_entry_as_it_is_from_anybody_but_an_eraser(books):
    posted(books, description="Words")
    with tenant_scope(books.tenant.id), pytest.raises(IntegrityError), transaction.atomic():
        JournalEntry.objects.update(description=None, metadata=None, salt=None)


@pytest.mark.django_db(transaction=True)
def test_reversed_by_several_at_once_an_entry_is_reversed_once(books):
    entry, _, target = posted(books)
    seen = books.at_once(*[lambda one: one.act(f"entries/{entry['id']}", "reverse")] * 4)
    assert seen == {(201, None): 1, (200, None): 3}
    assert books.standing(target) == (0, 0)
