"""The accounts of the books: one for each role and currency, nobody else's, and made once however many ask."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from accounting.chart import CHART, books_code, is_books_code, role_of
from accounting.models import Account, Balance
from accounting.services import chart
from accounting.services.chart import books_account, books_accounts, forget_accounts, known_accounts
from tenants.scope import tenant_scope
from tests.conftest import AT

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", CHART)
def test_an_account_of_the_books_belongs_to_the_system_and_nobody_waits_there(scope, role):
    account = Account.objects.get(id=books_account(tenant_id=scope.id, role=role, currency="EUR", at=AT))
    assert (account.code, account.currency, account.type) == (f"{role}:EUR", "EUR", CHART[role].type)
    assert (account.owner_type, account.overdraft_policy, account.status) == ("system", "unlimited", "active")
    assert Balance.objects.filter(account_id=account.id).count() == 0


def test_who_asks_again_gets_the_same_and_other_currencies_and_tenants_have_others(scope, other_tenant):
    roles = ["cash", "receivables"]
    first = books_accounts(tenant_id=scope.id, roles=roles, currency="EUR", at=AT)
    assert books_accounts(tenant_id=scope.id, roles=[*roles, "fees"], currency="EUR", at=AT).items() >= first.items()
    other = books_accounts(tenant_id=scope.id, roles=roles, currency="USD", at=AT)
    with tenant_scope(other_tenant.id):
        theirs = books_accounts(tenant_id=other_tenant.id, roles=roles, currency="EUR", at=AT)
    assert len({*first.values(), *other.values(), *theirs.values()}) == 6


def test_an_unknown_role_is_an_error_of_the_caller(scope):
    with pytest.raises(KeyError):
        books_account(tenant_id=scope.id, role="slush_fund", currency="EUR", at=AT)


def test_what_was_undone_is_not_remembered(scope):
    with transaction.atomic():
        books_account(tenant_id=scope.id, role="cash", currency="EUR", at=AT)
        transaction.set_rollback(True)
    assert known_accounts(tenant_id=scope.id, roles=["cash"], currency="EUR") is None
    assert Account.objects.count() == 0
    again = books_account(tenant_id=scope.id, role="cash", currency="EUR", at=AT)
    assert Account.objects.get().id == again


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_is_remembered_and_asks_the_database_nothing(tenant, django_assert_num_queries):
    with tenant_scope(tenant.id):
        made = books_account(tenant_id=tenant.id, role="cash", currency="EUR", at=AT)
        assert known_accounts(tenant_id=tenant.id, roles=["cash"], currency="EUR") is None
    with django_assert_num_queries(0):
        assert books_account(tenant_id=tenant.id, role="cash", currency="EUR", at=AT) == made
    forget_accounts(tenant.id)
    assert known_accounts(tenant_id=tenant.id, roles=["cash"], currency="EUR") is None


@pytest.mark.django_db(transaction=True)
def test_two_who_make_the_same_accounts_at_once_get_the_same(tenant):
    found, start = [], threading.Barrier(4)

    def ask() -> None:
        try:
            start.wait()
            with tenant_scope(tenant.id):
                roles = ["cash", "receivables", "revenue"]
                found.append(dict(books_accounts(tenant_id=tenant.id, roles=roles, currency="EUR", at=AT)))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(one == found[0] for one in found)
    with tenant_scope(tenant.id):
        assert Account.objects.count() == 3


@pytest.mark.parametrize(
    "changed",
    [{"owner_type": "tenant"}, {"type": "asset"}, {"currency": "USD"}, {"overdraft_policy": "none"},
     {"code": "revenue:eur"}, {"code": "revenue:"}],
)  # fmt: skip
def test_no_other_account_can_stand_in_for_one_of_the_books(scope, changed):
    wanted = {
        "code": "revenue:EUR", "currency": "EUR", "type": "income", "owner_type": "system",
        "overdraft_policy": "unlimited", **changed,
    }  # fmt: skip
    with pytest.raises(IntegrityError, match="account_code_of_books"), transaction.atomic():
        Account.objects.create(tenant_id=scope.id, created_at=AT, updated_at=AT, **wanted)


def test_other_codes_are_free(account):
    for code in ("revenue", "revenues:EUR", "4400", "my:cash:EUR"):
        assert not is_books_code(code)
        account(code=code)
    assert is_books_code("cash:XYZ")
    assert role_of(books_code("cash", "EUR")) == "cash"
    assert role_of(None) is None


def test_the_numbers_of_the_charts_are_told_apart():
    for numbers in ([one.skr03 for one in CHART.values()], [one.skr04 for one in CHART.values()]):
        assert len(set(numbers)) == len(numbers)
        assert all(len(number) == 4 and number.isdigit() for number in numbers)
    assert chart._CACHE_SIZE > 0
