"""Claims about grants that hold against any client of the database: the triggers of lines, holds and grants."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from accounting.enums import EntryKind
from accounting.errors import InsufficientFunds
from accounting.models import Account, Grant, GrantUse, Hold
from accounting.posting import Source, credit, debit
from tests.accounting.conftest import standing
from tests.accounting.granted import after, granted, left, posted, spend
from tests.conftest import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def wallet(account) -> Account:
    """A liability account without overdraft."""
    made: Account = account()
    return made


@pytest.fixture
def shop(account) -> Account:
    """Where credit is spent; it has no balance row."""
    made: Account = account(overdraft="unlimited")
    return made


def test_what_has_expired_is_not_spent_by_lines_that_nobody_settled_before(wallet, shop, move):
    grant = granted(wallet, 100, expires_at=after(1))
    move(shop, wallet, 5, at=after(1))
    with pytest.raises(InsufficientFunds), transaction.atomic():
        move(wallet, shop, 6, at=after(1))
    move(wallet, shop, 5, at=after(1))
    assert (left(grant), posted(wallet)) == ([100], 100)


def test_after_a_debit_what_has_expired_does_not_back_what_is_held(wallet, shop, move):
    granted(wallet, 100, expires_at=after(1))
    move(shop, wallet, 10)
    fields = {"tenant_id": wallet.tenant_id, "account_id": wallet.id, "currency": "EUR", "updated_at": AT}
    Hold.objects.create(amount=4, created_at=AT, expires_at=after(9), **fields)
    with pytest.raises(InsufficientFunds), transaction.atomic():
        move(wallet, shop, 7, at=after(1))
    move(wallet, shop, 6, at=after(1))
    move(shop, wallet, 1, at=after(2))
    assert standing(wallet.id) == (105, 4)


def test_what_has_expired_is_not_held_though_nobody_settled_before(wallet, move, shop):
    granted(wallet, 100, expires_at=after(1))
    move(shop, wallet, 5)
    fields = {
        "tenant_id": wallet.tenant_id, "account_id": wallet.id, "currency": "EUR", "expires_at": after(9),
        "updated_at": AT,
    }  # fmt: skip
    with pytest.raises(IntegrityError, match="what has expired"), transaction.atomic():
        Hold.objects.create(amount=6, created_at=after(1), **fields)
    Hold.objects.create(amount=5, created_at=after(1), **fields)
    Hold.objects.create(amount=100, created_at=after(1) - dt.timedelta(milliseconds=1), **fields)
    assert standing(wallet.id) == (105, 105)


def test_a_grant_does_not_begin_before_its_time_though_an_entry_says_so(wallet, shop, post):
    grant = granted(wallet, 10, effective_at=after(1))
    post(
        debit(shop.id, 10), credit(wallet.id, 10), kind=EntryKind.GRANT_ACTIVATED, source=Source("grant", grant.id)
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.filter(id=grant.id).update(status="active")


def test_a_grant_does_not_begin_when_the_balance_does_not_cover_it(wallet, shop, post):
    grant = granted(wallet, 10, effective_at=after(1))
    post(
        debit(shop.id, 10), credit(wallet.id, 10), kind=EntryKind.GRANT_ACTIVATED, source=Source("grant", grant.id),
        at=after(1),
    )  # fmt: skip
    spend(wallet, shop, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.filter(id=grant.id).update(status="active")


def test_nobody_changes_a_grant_or_a_use_but_the_lines(wallet, shop):
    grant = granted(wallet, 10)
    spend(wallet, shop, 4)
    for change in (
        {"remaining": 10}, {"remaining": 0, "status": "used"}, {"amount": 20}, {"priority": 1}, {"status": "revoked"},
        {"expires_at": after(99)}, {"metadata": {"a": "b"}},
    ):  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.filter(id=grant.id).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.all()._raw_delete("default")
    use = GrantUse.objects.get()
    with pytest.raises(IntegrityError), transaction.atomic():
        GrantUse.objects.update(amount=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        GrantUse.objects.create(
            tenant_id=wallet.tenant_id, grant=grant, entry_id=use.entry_id, position=1, amount=1, created_at=AT
        )  # fmt: skip


def test_a_grant_begins_only_with_the_entry_that_posts_it(wallet, shop, post):
    fields = {
        "tenant_id": wallet.tenant_id, "account_id": wallet.id, "amount": 10, "currency": "EUR", "created_at": AT,
        "updated_at": AT, "effective_at": AT,
    }  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        Grant.objects.create(**fields, remaining=10, status="active")
    grant = Grant.objects.create(**fields, remaining=10)
    post(debit(shop.id, 50), credit(wallet.id, 50))
    for amount in (None, 9):
        if amount:
            post(
                debit(shop.id, amount), credit(wallet.id, amount), kind=EntryKind.GRANT_ACTIVATED,
                source=Source("grant", grant.id),
            )  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.filter(id=grant.id).update(status="active")


def test_an_entry_of_expiry_takes_from_no_grant_before_its_end_and_no_more_than_it_has(wallet, shop, post):
    grant, other = granted(wallet, 10, expires_at=after(1)), granted(wallet, 10, priority=1)
    for amount, at in ((10, after(1) - dt.timedelta(milliseconds=1)), (11, after(1))):
        with pytest.raises(IntegrityError), transaction.atomic():
            post(
                debit(wallet.id, amount), credit(shop.id, amount), at=at, kind=EntryKind.GRANT_EXPIRED,
                source=Source("grant", grant.id),
            )  # fmt: skip
    assert left(grant, other) == [10, 10]


def test_a_reversal_gives_back_no_more_than_it_credits(wallet, shop, move, post):
    grant = granted(wallet, 10)
    draft = move(wallet, shop, 10)
    post(credit(wallet.id, 1), debit(shop.id, 1), reverses=draft.id)
    assert (left(grant), posted(wallet)) == ([1], 1)


def test_a_reversal_gives_back_line_by_line(wallet, shop, post):
    one, two = granted(wallet, 10, priority=1), granted(wallet, 10, priority=2)
    draft = post(credit(shop.id, 15), debit(wallet.id, 12), debit(wallet.id, 3))
    assert left(one, two) == [0, 5]
    post(debit(shop.id, 15), credit(wallet.id, 12), credit(wallet.id, 3), reverses=draft.id)
    assert (left(one, two), posted(wallet)) == ([10, 10], 20)
    back = GrantUse.objects.filter(amount__lt=0).order_by("position", "amount")
    assert [(use.position, use.grant_id, use.amount) for use in back] == [
        (1, one.id, -10), (1, two.id, -2), (2, two.id, -3),
    ]  # fmt: skip
