"""Whoever bounds an account that had no bound sums what stands there and what is held: nothing slips by meanwhile."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import connection

from accounting.models import Account, Balance, Hold
from accounting.posting import EntryDraft, credit, debit
from accounting.services.accounts import Overdraft, change_account
from accounting.services.posting import post_entries
from tenants.scope import tenant_scope
from tests.conftest import AT

pytestmark = pytest.mark.django_db(transaction=True)


def place(accounts: list[Account]) -> None:
    Hold.objects.create(**values(accounts[0]), amount=7)


def free(accounts: list[Account]) -> None:
    hold = Hold.objects.get(amount=5)
    hold.status = "released"
    hold.save()


def post(accounts: list[Account]) -> None:
    lines = [debit(accounts[1].id, 9), credit(accounts[0].id, 9)]
    post_entries(tenant_id=accounts[0].tenant_id, drafts=[EntryDraft(lines=lines, at=AT)])


def values(account: Account) -> dict[str, object]:
    return {
        "tenant_id": account.tenant_id, "account_id": account.id, "currency": "EUR", "created_at": AT,
        "updated_at": AT, "expires_at": AT + dt.timedelta(days=1),
    }  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), [(place, (0, 12)), (free, (0, 0)), (post, (9, 5))])
def test_what_others_change_while_an_account_is_bounded_is_counted_once(
    tenant, change: Callable[[list[Account]], None], expected
):
    fields = {"tenant_id": tenant.id, "currency": "EUR", "created_at": AT, "updated_at": AT}
    with tenant_scope(tenant.id):
        accounts = [Account.objects.create(**fields, overdraft_policy="unlimited") for _ in range(2)]
        Hold.objects.create(**values(accounts[0]), amount=5)
    changed, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        with tenant_scope(tenant.id):
            change(accounts)
            changed.set()
            go_on.wait(20)
        connection.close()

    def bound() -> None:
        with tenant_scope(tenant.id):
            change_account(
                tenant_id=tenant.id, account_id=accounts[0].id, at=AT, overdraft=Overdraft("limit", 100)
            )  # fmt: skip
        connection.close()

    first, second = threading.Thread(target=slowly), threading.Thread(target=bound)
    first.start()
    assert changed.wait(20)
    second.start()
    second.join(0.3)
    go_on.set()
    for thread in (first, second):
        thread.join(20)
    with tenant_scope(tenant.id):
        row = Balance.objects.get(account_id=accounts[0].id)
    assert (row.posted, row.held) == expected
