"""Claims about `/api/transfers/batch`: all or none, or each that is allowed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT
from tenants.models import IdempotencyKey
from tenants.scope import tenant_scope
from tests.accounting.calls import Books, body_of, brief, refusal

pytestmark = pytest.mark.django_db
READ = 6  # identity, and the scope inside the test's transaction


def batch(books: Books, *transfers: dict[str, Any], key: str | None = None, **fields: Any) -> Any:
    """POST `/api/transfers/batch`; the answer as it is."""
    return books.api.post("/api/transfers/batch", {"transfers": list(transfers), **fields}, key=key)


def verdicts(answer: Any) -> list[str]:
    """What became of each: `posted`, or the code of the refusal."""
    assert answer.status_code == 201, answer.content
    items = answer.json()["data"]
    assert [item["index"] for item in items] == list(range(len(items)))
    assert all((item["transfer"] is None) != (item["error"] is None) for item in items)
    return [item["error"]["code"] if item["error"] else item["status"] for item in items]


def test_a_batch_is_posted_as_a_whole(books):
    source, wallet, shop = books.source(), books.open(), books.open()
    answer = batch(books, body_of(source, wallet, 10, description="In"), body_of(wallet, shop, 4))
    assert verdicts(answer) == ["posted", "posted"]
    transfers = [item["transfer"] for item in answer.json()["data"]]
    assert books.listed("transfers") == transfers[::-1]
    assert transfers[0]["description"] == "In"
    assert (books.standing(wallet), books.standing(shop)) == ((6, 0), (4, 0))
    assert len(books.events("transfer.posted")) == 2


def test_one_that_is_refused_refuses_an_atomic_batch_and_is_named(books):
    source, wallet, shop = books.source(), books.open(), books.open()
    answer = batch(books, body_of(source, wallet, 10), body_of(wallet, shop, 11), body_of(source, wallet, 10))
    assert refusal(answer) == (422, "insufficient_funds", [("transfers[1]", "insufficient_funds")])
    missing = batch(books, body_of(source, wallet, 1), body_of(source, encode_id(ACCOUNT, new_id()), 1))
    assert refusal(missing) == (404, "not_found", [("transfers[1].toAccountId", "not_found")])
    wrong = batch(books, body_of(source, wallet, 1), body_of(source, source, 0))
    assert refusal(wrong)[2] == [("transfers[1].amount", "too_small")]
    assert (books.standing(wallet), books.listed("transfers"), books.events("transfer.posted")) == ((0, 0), [], [])


def test_by_itself_each_is_posted_that_is_allowed(books):
    source, wallet, shop, dollars = books.source(), books.open(), books.open(), books.open("USD")
    suspended, reserved, missing = books.open(), books.system(), encode_id(ACCOUNT, new_id())
    books.act(f"accounts/{suspended}", "suspend")
    answer = batch(
        books, body_of(wallet, shop, 1), body_of(source, wallet, 10), body_of(wallet, shop, 6),
        body_of(wallet, shop, 6), body_of(source, dollars, 1), body_of(source, suspended, 1),
        body_of(source, reserved, 1), body_of(source, missing, 1), body_of(wallet, shop, 4), atomic=False,
    )  # fmt: skip
    assert verdicts(answer) == [
        "insufficient_funds", "posted", "posted", "insufficient_funds", "currency_mismatch", "account_suspended",
        "account_reserved", "not_found", "posted",
    ]  # fmt: skip
    assert answer.json()["data"][7]["error"]["details"][0]["path"] == "transfers[7].toAccountId"
    assert answer.json()["data"][0]["error"]["details"][0]["path"] == "transfers[0]"
    assert (books.standing(wallet), books.standing(shop)) == ((0, 0), (10, 0))
    assert len(books.events("transfer.posted")) == 3


def test_a_batch_of_refusals_posts_nothing(books):
    wallet, shop = books.open(), books.open()
    assert verdicts(batch(books, body_of(wallet, shop, 1), atomic=False)) == ["insufficient_funds"]
    assert books.listed("transfers") == []


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_has_one_to_a_thousand_transfers(books, count):
    transfer = body_of(books.source(), books.open(), 1)
    answer = batch(books, *[transfer] * count)
    assert refusal(answer)[:2] == (400, "validation_error")


def test_a_thousand_are_posted_in_as_many_statements_as_one(books, django_assert_num_queries):
    source, target = books.source(), books.open()
    careful = body_of(source, target, 1, description=" must be trimmed ")
    for count in (1, 1000):
        with django_assert_num_queries(READ + 3):
            assert set(verdicts(batch(books, *[careful] * count))) == {"posted"}
    assert books.standing(target) == (1001, 0)


def test_a_key_inside_a_batch_is_the_key_of_that_transfer_alone(books):
    source, target = books.source(), books.open()
    alone = books.transfer(source, target, 5, idempotencyKey="pay-1")
    one, two = (body_of(source, target, 5, idempotencyKey=key) for key in ("pay-1", "pay-2"))
    answer = batch(books, one, two, two)
    assert verdicts(answer) == ["posted"] * 3
    made = [item["transfer"] for item in answer.json()["data"]]
    assert made[0] == alone.json()
    assert made[1] == made[2] != made[0]
    replay, first = books.api.post("/api/transfers", two), books.api.post("/api/transfers", one)
    assert (replay.json(), replay.status_code, replay.headers["Idempotent-Replayed"]) == (made[1], 201, "true")
    assert replay.headers["Location"] == f"/api/transfers/{made[1]['id']}"
    assert [*replay.headers] == [*first.headers]
    with tenant_scope(books.tenant.id):
        kept = dict(IdempotencyKey.objects.values_list("key", "expires_at"))
    assert abs(kept["pay-2"] - kept["pay-1"]) < dt.timedelta(minutes=1)
    assert verdicts(batch(books, two, body_of(source, target, 1))) == ["posted"] * 2
    assert books.standing(target) == (11, 0)


def test_a_key_that_was_used_for_something_else_is_a_conflict(books):
    source, target = books.source(), books.open()
    books.transfer(source, target, 5, idempotencyKey="pay-1")
    other = body_of(source, target, 6, idempotencyKey="pay-1")
    twice = [body_of(source, target, amount, idempotencyKey="pay-2") for amount in (1, 2)]
    for transfers, index in (([body_of(source, target, 1), other], 1), (twice, 1)):
        answer = batch(books, *transfers)
        expected = (409, "idempotency_conflict", [(f"transfers[{index}]", "idempotency_conflict")])
        assert refusal(answer) == expected
    assert books.standing(target) == (5, 0)
    assert verdicts(batch(books, other, *twice, atomic=False)) == [
        "idempotency_conflict", "posted", "idempotency_conflict",
    ]  # fmt: skip
    assert books.standing(target) == (6, 0)


def test_what_is_refused_in_a_batch_leaves_its_key_free(books):
    wallet, shop = books.open(), books.open()
    transfer = body_of(wallet, shop, 5, idempotencyKey="pay-1")
    assert verdicts(batch(books, transfer, transfer, atomic=False)) == ["insufficient_funds"] * 2
    books.move(books.source(), wallet, 5)
    assert verdicts(batch(books, transfer, atomic=False)) == ["posted"]


def test_the_key_of_the_header_keeps_the_whole_answer(books):
    source, target = books.source(), books.open()
    answers = [batch(books, body_of(source, target, 1), key="batch-1") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert books.standing(target) == (1, 0)


@settings(max_examples=25)
@given(
    moves=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 9)).filter(lambda move: move[0] != move[1]),
        min_size=1,
        max_size=12,
    )
)
def test_a_batch_says_what_its_transfers_would_say_one_after_the_other(make_tenant, api_of, moves):
    seen = []
    for together in (True, False):
        tenant = make_tenant()
        books = Books(tenant, api_of(tenant))
        accounts = [
            books.source(), books.open(), books.open(type="asset"),
            books.open(overdraft={"policy": "limit", "limit": 5}),
        ]  # fmt: skip
        bodies = [body_of(accounts[source], accounts[target], amount) for source, target, amount in moves]
        if together:
            said = verdicts(batch(books, *bodies, atomic=False))
        else:
            answers = [books.api.post("/api/transfers", body) for body in bodies]
            said = ["posted" if answer.status_code == 201 else brief(answer)[1] for answer in answers]
        seen.append((said, [books.standing(account) for account in accounts[1:]]))
    assert seen[0] == seen[1]


@pytest.mark.django_db(transaction=True)
def test_batches_at_once_over_the_same_accounts_and_keys_move_each_amount_once(books):
    accounts = [books.filled(1000) for _ in range(3)]
    pairs = [(accounts[a], accounts[b]) for a in range(3) for b in range(3) if a != b]
    bodies = [body_of(*pair, 1, idempotencyKey=f"pay-{number}") for number, pair in enumerate(pairs)]
    calls = [lambda one: batch(one, *bodies), lambda one: batch(one, *bodies[::-1])] * 2
    assert books.at_once(*calls) == {(201, None): 4}
    assert len(books.listed("transfers")) == len(pairs) + 3
    assert [books.standing(account) for account in accounts] == [(1000, 0)] * 3
