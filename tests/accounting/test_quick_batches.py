"""Claims about batches that are one statement: the same answers, kept as one, and nothing of them when refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.accounting.calls import brief

pytestmark = pytest.mark.django_db


def batch(books: Any, pairs: Sequence[tuple[str, str, int]], **more: Any) -> Any:
    transfers = [
        {"fromAccountId": one, "toAccountId": two, "amount": amount, "currency": "EUR"} for one, two, amount in pairs
    ]
    headers = {"key": more.pop("key")} if "key" in more else {}
    return books.api.post("/api/transfers/batch", {"transfers": transfers, **more}, **headers)


def test_a_plain_batch_is_one_statement_with_the_answer_of_the_ordinary_way(books, django_assert_num_queries):
    bank, a, b = books.source(), books.open(), books.open()
    pairs = [(bank, a, 5), (bank, b, 7), (bank, a, 1)]
    with django_assert_num_queries(2):  # the savepoint of this test's transaction
        quick = books.made(batch(books, pairs))
    assert (books.standing(a), books.standing(b)) == ((6, 0), (7, 0))
    careful = books.made(
        books.api.post(
            "/api/transfers/batch",
            {
                "transfers": [
                    {"from": f" {one}", "to": two, "amount": amount, "currency": "EUR"} for one, two, amount in pairs
                ]
            },
        )
    )
    fixed = ("id", "entryId", "createdAt", "updatedAt")

    def shape(answer: Any) -> Any:
        return [
            {**one, "transfer": {name: None if name in fixed else value for name, value in one["transfer"].items()}}
            for one in answer["data"]
        ]

    assert shape(quick) == shape(careful)
    assert [list(one) for one in quick["data"]] == [list(one) for one in careful["data"]]
    assert [json.loads(event.data) for event in books.events("transfer.posted")][:3] == [
        one["transfer"] for one in quick["data"]
    ]


def test_a_batch_under_a_key_is_posted_once(books):
    bank, a = books.source(), books.open()
    first, again = (batch(books, [(bank, a, 5)] * 2, key="batch-1") for _ in range(2))
    assert books.made(first) == books.made(again)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert books.standing(a) == (10, 0)
    assert brief(batch(books, [(bank, a, 6)], key="batch-1")) == (409, "idempotency_conflict")


def test_what_the_order_decides_is_judged_in_its_order(books):
    bank, a, b = books.source(), books.open(), books.open()
    assert brief(batch(books, [(a, b, 5), (bank, a, 5)])) == (422, "insufficient_funds")
    assert books.standing(a) == (0, 0)
    books.made(batch(books, [(bank, a, 5), (a, b, 5)]))
    assert (books.standing(a), books.standing(b)) == ((0, 0), (5, 0))


def test_a_refused_batch_posts_nothing_or_without_atomic_what_is_allowed(books):
    bank, wallet, shop = books.source(), books.filled(5), books.open()
    pairs = [(bank, shop, 1), (wallet, shop, 4), (wallet, shop, 4)]
    refused = batch(books, pairs)
    assert brief(refused) == (422, "insufficient_funds")
    assert refused.json()["details"][0]["path"] == "transfers[2]"
    assert books.standing(shop) == (0, 0)
    answer = books.made(batch(books, pairs, atomic=False))
    assert [one["status"] for one in answer["data"]] == ["posted", "posted", "refused"]
    assert (books.standing(wallet), books.standing(shop)) == ((1, 0), (5, 0))
