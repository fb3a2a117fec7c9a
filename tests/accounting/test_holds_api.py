"""Claims about `/api/holds`: what is held is there, once, until its time is over."""

from __future__ import annotations

import datetime as dt

import pytest

from accounting.services.holds import BATCH, expire_holds, place_hold, tenants_with_due
from common.clock import parse_instant
from common.ids import encode_id, new_id
from common.prefixes import ACCOUNT, HOLD
from tenants.scope import tenant_scope
from tests.accounting.calls import brief, refusal, uuid_of
from tests.conftest import AT

pytestmark = pytest.mark.django_db
READ = 6  # identity, and the scope inside the test's transaction
WEEK = dt.timedelta(days=7)


@pytest.fixture
def wallet(books):
    """An account with 100."""
    return books.filled(100)


def test_a_hold_reserves_an_amount_for_a_week(books, wallet):
    answer = books.hold(wallet, 60, metadata={"order": "7"})
    hold = books.made(answer)
    fixed = {name: hold.pop(name) for name in ("id", "createdAt", "updatedAt", "expiresAt")}
    assert hold == {
        "object": "hold", "accountId": wallet, "amount": 60, "capturedAmount": None, "currency": "EUR", "status":
        "active", "transferId": None, "metadata": {"order": "7"},
    }  # fmt: skip
    assert parse_instant(fixed["expiresAt"]) - parse_instant(fixed["createdAt"]) == WEEK
    assert books.standing(wallet) == (100, 60)
    assert books.api.get(answer.headers["Location"]).json() == {**fixed, **hold}


def test_what_is_held_is_spent_by_nobody_else(books, wallet):
    shop = books.open()
    books.hold(wallet, 60)
    assert brief(books.transfer(wallet, shop, 41)) == (422, "insufficient_funds")
    assert brief(books.hold(wallet, 41)) == (422, "insufficient_funds")
    assert books.transfer(wallet, shop, 40).status_code == 201
    assert books.standing(wallet) == (60, 60)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"amount": 0}, ("amount", "too_small")),
        ({"currency": "e"}, ("currency", "invalid_currency")),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ("expiresAt", "too_small")),
        ({"expiresAt": "tomorrow"}, ("expiresAt", "invalid_datetime")),
        ({"toAccountId": "acc_x"}, ("toAccountId", "unknown_field")),
    ],
)
def test_a_wrong_hold_is_refused_with_the_field(books, wallet, fields, problem):
    body = {"accountId": wallet, "amount": 5, "currency": "EUR", **fields}
    assert refusal(books.api.post("/api/holds", body)) == (400, "validation_error", [problem])


def test_what_the_books_do_not_allow_is_not_held(books, wallet, other_api):
    theirs = other_api.post("/api/accounts", {"currency": "EUR"}).json()["id"]
    for unknown in (theirs, encode_id(ACCOUNT, new_id())):
        assert refusal(books.hold(unknown, 5)) == (404, "not_found", [("accountId", "not_found")])
    assert brief(books.hold(wallet, 5, currency="USD")) == (422, "currency_mismatch")
    assert brief(books.hold(books.system(), 5)) == (422, "account_reserved")
    books.act(f"accounts/{wallet}", "suspend")
    assert brief(books.hold(wallet, 5)) == (422, "account_suspended")
    closed = books.open()
    books.act(f"accounts/{closed}", "close")
    assert brief(books.hold(closed, 5)) == (422, "account_closed")
    assert books.listed("holds") == []


def test_an_account_without_a_bound_holds_whatever_is_asked(books):
    source, shop = books.source(), books.open()
    hold = books.made(books.hold(source, 10**15))
    assert books.act(f"holds/{hold['id']}", "capture", {"toAccountId": shop}).status_code == 200
    assert books.standing(shop) == (10**15, 0)


@pytest.mark.parametrize(("asked", "taken"), [(None, 100), (100, 100), (30, 30), (1, 1)])
def test_a_capture_moves_what_is_asked_and_frees_the_rest(books, wallet, asked, taken):
    shop = books.open()
    hold = books.made(books.hold(wallet, 100))
    body = {"toAccountId": shop} | ({} if asked is None else {"amount": asked})
    captured = books.made(books.act(f"holds/{hold['id']}", "capture", body), 200)
    transfer = captured.pop("transfer")
    assert captured == {
        **hold, "status": "captured", "capturedAmount": taken, "transferId": transfer["id"],
        "updatedAt": captured["updatedAt"],
    }  # fmt: skip
    assert [transfer[name] for name in ("fromAccountId", "toAccountId", "amount")] == [wallet, shop, taken]
    assert books.api.get(f"/api/holds/{hold['id']}").json() == captured
    assert books.api.get(f"/api/transfers/{transfer['id']}").json() == transfer
    assert (books.standing(wallet), books.standing(shop)) == ((100 - taken, 0), (taken, 0))
    assert len(books.events("transfer.posted")) == 2  # what filled the wallet, and this


def test_no_more_is_captured_than_is_held(books, wallet):
    shop, dollars = books.open(), books.open("USD")
    hold = books.made(books.hold(wallet, 60))
    path = f"holds/{hold['id']}"
    assert brief(books.act(path, "capture", {"toAccountId": shop, "amount": 61})) == (422, "amount_exceeds_hold")
    assert brief(books.act(path, "capture", {"toAccountId": dollars})) == (422, "currency_mismatch")
    assert brief(books.act(path, "capture", {"toAccountId": books.system()})) == (422, "account_reserved")
    missing = books.act(path, "capture", {"toAccountId": encode_id(ACCOUNT, new_id())})
    assert refusal(missing) == (404, "not_found", [("toAccountId", "not_found")])
    itself = books.act(path, "capture", {"toAccountId": wallet})
    assert refusal(itself) == (400, "validation_error", [("toAccountId", "invalid")])
    books.act(f"accounts/{shop}", "suspend")
    assert brief(books.act(path, "capture", {"toAccountId": shop})) == (422, "account_suspended")
    assert books.api.get(f"/api/{path}").json() == hold
    assert (books.standing(wallet), books.standing(shop)) == ((100, 60), (0, 0))


@pytest.mark.parametrize("end", ["capture", "release"])
def test_a_hold_ends_once(books, wallet, end):
    shop = books.open()
    path = f"holds/{books.made(books.hold(wallet, 60))['id']}"
    bodies = {"capture": {"toAccountId": shop}, "release": {}}
    assert books.act(path, end, bodies[end]).status_code == 200
    standing = books.standing(wallet)
    for verb, body in bodies.items():
        assert brief(books.act(path, verb, body)) == (409, "hold_not_active")
    assert books.standing(wallet) == standing == ((40, 0) if end == "capture" else (100, 0))


def test_a_captured_transfer_can_be_voided_and_the_hold_stays_captured(books, wallet):
    shop = books.open()
    hold = books.made(books.hold(wallet, 60))
    captured = books.made(books.act(f"holds/{hold['id']}", "capture", {"toAccountId": shop}), 200)
    assert books.act(f"transfers/{captured['transferId']}", "void").status_code == 200
    assert books.standing(wallet) == (100, 0)
    assert books.api.get(f"/api/holds/{hold['id']}").json()["status"] == "captured"


def test_a_hold_on_the_books_is_not_released_by_callers(books):
    with tenant_scope(books.tenant.id):
        hold = place_hold(
            tenant_id=books.tenant.id, account_id=uuid_of(books.system()), amount=5, currency="EUR", at=AT,
            expires_at=dt.datetime(2100, 1, 1, tzinfo=dt.UTC), on_books=True,
        )  # fmt: skip
    path = f"holds/{encode_id(HOLD, hold.id)}"
    assert brief(books.act(path, "release", {})) == (422, "account_reserved")
    assert brief(books.act(path, "capture", {"toAccountId": books.open()})) == (422, "account_reserved")


def test_over_means_over_whether_the_sweep_has_come_by_or_not(books, wallet, time_machine):
    time_machine.move_to("2026-06-01T12:00:00Z", tick=False)
    shop = books.open()
    hold = books.made(books.hold(wallet, 60, expiresAt="2026-06-01T13:00:00Z"))
    path = f"holds/{hold['id']}"
    time_machine.move_to("2026-06-01T13:00:00Z", tick=False)
    for verb, body in (("capture", {"toAccountId": shop}), ("release", {})):
        assert brief(books.act(path, verb, body)) == (409, "hold_not_active")
    assert expire_holds(tenant_id=books.tenant.id, at=parse_instant("2026-06-01T12:59:59.999Z")) == 0
    assert books.standing(wallet) == (100, 60)
    now = parse_instant("2026-06-01T13:00:00Z")
    assert [expire_holds(tenant_id=books.tenant.id, at=now) for _ in range(2)] == [1, 0]
    assert books.standing(wallet) == (100, 0)
    assert books.api.get(f"/api/{path}").json() == {
        **hold, "status": "expired", "updatedAt": "2026-06-01T13:00:00.000Z"
    }  # fmt: skip
    assert brief(books.act(path, "release", {})) == (409, "hold_not_active")


def test_the_scan_names_the_tenants_whose_holds_are_over(books, other_tenant, django_assert_max_num_queries):
    source = uuid_of(books.source())
    with tenant_scope(books.tenant.id):
        for _ in range(BATCH + 1):
            place_hold(tenant_id=books.tenant.id, account_id=source, amount=5, currency="EUR", at=AT)
    assert tenants_with_due(at=AT + WEEK - dt.timedelta(milliseconds=1)) == []
    assert tenants_with_due(at=AT + WEEK) == [books.tenant.id]
    assert expire_holds(tenant_id=other_tenant.id, at=AT + WEEK) == 0
    with django_assert_max_num_queries(10):
        assert expire_holds(tenant_id=books.tenant.id, at=AT + WEEK) == BATCH
    assert expire_holds(tenant_id=books.tenant.id, at=AT + WEEK) == 1
    assert tenants_with_due(at=AT + WEEK) == []


def test_filters_narrow_the_list(books, wallet):
    other = books.filled(100)
    first, second, third = (books.made(books.hold(one, 5))["id"] for one in (wallet, other, wallet))
    books.act(f"holds/{first}", "release", {})
    found = {
        "": [third, second, first], f"?accountId={wallet}": [third, first], "?status=released": [first],
        f"?accountId={wallet}&status=active,captured": [third], "?status=expired": [],
    }  # fmt: skip
    for query, holds in found.items():
        assert [one["id"] for one in books.listed("holds", query)] == holds, query


@pytest.mark.parametrize("rows", [1, 20])
def test_reading_asks_the_same_however_long_the_list_is(books, wallet, django_assert_num_queries, rows):
    made = [books.made(books.hold(wallet, 1)) for _ in range(rows)]
    with django_assert_num_queries(READ + 1):
        assert len(books.listed("holds")) == rows
    with django_assert_num_queries(READ + 1):
        books.api.get(f"/api/holds/{made[0]['id']}")


def test_writing_asks_a_known_number_of_questions(books, wallet, django_assert_num_queries):
    shop = books.open()
    with django_assert_num_queries(READ + 2):  # the account, the hold
        first = books.made(books.hold(wallet, 5))["id"]
    second = books.made(books.hold(wallet, 5))["id"]
    with django_assert_num_queries(READ + 4):  # the hold, the accounts, one statement that does it all, the event
        books.made(books.act(f"holds/{first}", "capture", {"toAccountId": shop}), 200)
    with django_assert_num_queries(READ + 3):
        books.made(books.act(f"holds/{second}", "release", {}), 200)


@pytest.mark.django_db(transaction=True)
def test_captured_and_released_at_once_a_hold_ends_once(books, wallet):
    shop = books.open()
    for _ in range(3):
        before = books.standing(shop)[0]
        hold = books.made(books.hold(wallet, 10))["id"]
        seen = books.at_once(
            *[lambda one, h=hold: one.act(f"holds/{h}", "capture", {"toAccountId": shop})] * 2,
            *[lambda one, h=hold: one.act(f"holds/{h}", "release", {})] * 2,
        )
        assert seen == {(200, None): 1, (409, "hold_not_active"): 3}
        captured = books.standing(shop)[0] - before
        assert captured == (10 if books.api.get(f"/api/holds/{hold}").json()["status"] == "captured" else 0)
        assert books.standing(wallet)[1] == 0


@pytest.mark.django_db(transaction=True)
def test_held_by_many_at_once_no_more_is_held_than_there_is(books, wallet):
    seen = books.at_once(*[lambda one: one.hold(wallet, 40)] * 5)
    assert seen == {(201, None): 2, (422, "insufficient_funds"): 3}
    assert books.standing(wallet) == (100, 80)


@pytest.mark.django_db(transaction=True)
def test_captures_and_payments_the_other_way_at_once_do_not_wait_for_ever(books, wallet):
    shop = books.filled(100)
    holds = [books.made(books.hold(account, 10))["id"] for account in (wallet, shop) for _ in range(2)]
    targets = [shop, shop, wallet, wallet]
    captures = [
        lambda one, h=hold, t=target: one.act(f"holds/{h}", "capture", {"toAccountId": t})
        for hold, target in zip(holds, targets, strict=True)
    ]
    moves = [lambda one: one.transfer(shop, wallet, 1), lambda one: one.transfer(wallet, shop, 1)] * 2
    assert books.at_once(*captures, *moves) == {(200, None): 4, (201, None): 4}
    assert (books.standing(wallet), books.standing(shop)) == ((100, 0), (100, 0))
