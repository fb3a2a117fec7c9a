"""Claims about accounts, overdrafts and holds that hold against any client of the database."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounting.models import Account, Hold
from tests.accounting.conftest import standing
from tests.conftest import AT

pytestmark = pytest.mark.django_db


def hold(account: Account, amount: int, **fields: Any) -> Hold:
    return Hold.objects.create(
        tenant_id=account.tenant_id, account=account, amount=amount, currency=fields.pop("currency", account.currency),
        expires_at=AT, created_at=AT, updated_at=AT, **fields,
    )  # fmt: skip


@pytest.mark.parametrize("change", [{"currency": "USD"}, {"type": "asset"}, {"owner_type": "system"}, {"code": "x"}])
def test_what_an_account_is_never_changes(account, change):
    wallet = account()
    for name, value in change.items():
        setattr(wallet, name, value)
    with pytest.raises(IntegrityError), transaction.atomic():
        wallet.save()


def test_an_account_is_closed_only_when_empty_and_never_opened_again(account, move):
    books, wallet = account(overdraft="unlimited"), account()
    move(books, wallet, 5)
    for one in (books, wallet):
        one.status = "closed"
        with pytest.raises(IntegrityError), transaction.atomic():
            one.save()
    move(wallet, books, 5)
    wallet.save()
    wallet.status = "active"
    with pytest.raises(IntegrityError), transaction.atomic():
        wallet.save()


def test_a_change_of_overdraft_moves_the_floor_and_is_refused_below_the_balance(account, move):
    wallet, shop = account(overdraft="limit", limit=100), account()
    move(wallet, shop, 60)
    wallet.overdraft_limit = 59
    with pytest.raises(IntegrityError), transaction.atomic():
        wallet.save()
    wallet.overdraft_limit = 60
    wallet.save()
    wallet.overdraft_policy, wallet.overdraft_limit = "unlimited", None
    wallet.save()
    assert standing(wallet.id) is None
    move(wallet, shop, 1000)
    wallet.overdraft_policy = "none"
    with pytest.raises(IntegrityError), transaction.atomic():
        wallet.save()
    wallet.overdraft_policy, wallet.overdraft_limit = "limit", 1060
    wallet.save()
    assert standing(wallet.id) == (-1060, 0)


def test_what_is_held_is_not_spent_by_others(account, move):
    books, wallet, shop = account(overdraft="unlimited"), account(), account()
    move(books, wallet, 100)
    held = hold(wallet, 60)
    assert standing(wallet.id) == (100, 60)
    with pytest.raises(IntegrityError), transaction.atomic():
        hold(wallet, 41)
    with pytest.raises(Exception, match="funds"), transaction.atomic():
        move(wallet, shop, 41)
    move(wallet, shop, 40)
    held.status = "released"
    held.save()
    assert standing(wallet.id) == (60, 0)
    held.status = "active"
    with pytest.raises(IntegrityError), transaction.atomic():
        held.save()


def test_a_hold_cannot_be_changed_deleted_or_begun_in_another_state(account, move):
    books, wallet = account(overdraft="unlimited"), account()
    move(books, wallet, 100)
    with pytest.raises(IntegrityError), transaction.atomic():
        hold(wallet, 10, currency="USD")
    with pytest.raises(IntegrityError), transaction.atomic():
        hold(wallet, 10, status="released")
    held = hold(wallet, 10)
    held.amount = 5
    with pytest.raises(IntegrityError), transaction.atomic():
        held.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.all()._raw_delete("default")
    wallet.status = "suspended"
    wallet.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        hold(wallet, 10)


def test_an_account_with_holds_gets_them_into_its_balance_when_it_gets_one(account):
    books = account(overdraft="unlimited")
    hold(books, 10)
    books.overdraft_policy, books.overdraft_limit = "limit", 10
    books.save()
    assert standing(books.id) == (0, 10)
