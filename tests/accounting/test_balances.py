"""Claims about balances and statements: exact at every instant, sealed or not, late or not, whoever posts meanwhile."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from accounting.balances import balance_of, balances_of
from accounting.errors import AmountTooLarge
from accounting.models import Account, Hold, JournalLine
from accounting.posting import EntryDraft, credit, debit, natural
from accounting.services.posting import post_entries
from accounting.services.sealing import seal_tenant
from accounting.statements import Period, Place, statement_of
from common.errors import NotFound
from common.ids import new_id
from tenants.scope import tenant_scope
from tests.accounting.test_sealer import NOW, Books
from tests.conftest import AT

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def books(tenant):
    return Books(tenant)


def summed(account: Account, at: dt.datetime | None = None) -> int:
    """The slow way."""
    lines = JournalLine.objects.filter(account_id=account.id)
    if at is not None:
        lines = lines.filter(created_at__lt=at)
    return sum(natural(account.type, line.side, line.amount) for line in lines)


@pytest.mark.django_db
class TestBalance:
    def test_a_bounded_account_says_what_is_posted_held_and_available(self, account, move, scope):
        books, wallet = account(overdraft="unlimited"), account(overdraft="limit", limit=50)
        move(books, wallet, 100)
        hold(wallet, 30)
        found = balance_of(tenant_id=scope.id, account_id=wallet.id)
        assert (found.posted, found.held, found.available, found.currency) == (100, 30, 120, "EUR")

    def test_what_is_available_on_an_account_without_a_bound_is_not_a_number(self, account, move, scope):
        books, wallet = account(overdraft="unlimited", type="asset"), account()
        move(books, wallet, 100)
        hold(books, 30)
        found = balance_of(tenant_id=scope.id, account_id=books.id)
        assert (found.posted, found.held, found.available) == (100, 30, None)

    def test_a_balance_of_the_past_counts_lines_strictly_before_it(self, account, move, scope):
        books, wallet = account(overdraft="unlimited"), account()
        for hour in range(3):
            move(books, wallet, 10, at=AT + hour * HOUR)
        instants = [AT, AT + dt.timedelta(milliseconds=1), AT + HOUR, AT + 2 * HOUR, AT + 3 * HOUR]
        found = [balance_of(tenant_id=scope.id, account_id=wallet.id, at=at) for at in instants]
        assert [one.posted for one in found] == [0, 10, 10, 20, 30]
        assert [one.available for one in found] == [0, 10, 10, 20, 30]

    def test_what_was_held_at_an_instant_is_known_after_it_ended(self, account, move, scope):
        books, wallet = account(overdraft="unlimited"), account()
        move(books, wallet, 100)
        first, _ = hold(wallet, 30, at=AT + HOUR), hold(wallet, 7, at=AT + 2 * HOUR)
        first.status, first.updated_at = "released", AT + 3 * HOUR
        first.save()
        held = [balance_of(tenant_id=scope.id, account_id=wallet.id, at=AT + n * HOUR).held for n in range(1, 6)]
        assert held == [0, 30, 37, 7, 7]
        assert balance_of(tenant_id=scope.id, account_id=wallet.id).held == 7

    def test_balances_of_several_accounts_are_of_one_moment(self, account, move, scope, django_assert_num_queries):
        books, wallet = account(overdraft="unlimited"), account()
        move(books, wallet, 100)
        with django_assert_num_queries(1):
            found = balances_of(tenant_id=scope.id, account_ids=[books.id, wallet.id, new_id()])
        assert {key: one.posted for key, one in found.items()} == {books.id: -100, wallet.id: 100}

    def test_another_tenants_account_does_not_exist(self, account, scope, other_tenant):
        mine = account()
        with tenant_scope(other_tenant.id), pytest.raises(NotFound):
            balance_of(tenant_id=other_tenant.id, account_id=mine.id)

    def test_a_sum_that_no_client_could_read_is_refused(self, account, scope):
        books, other = account(overdraft="unlimited"), account(overdraft="unlimited")
        pair = [debit(books.id, 10**15), credit(other.id, 10**15)] * 50
        post_entries(tenant_id=scope.id, drafts=[EntryDraft(lines=pair, at=AT) for _ in range(185)])
        with pytest.raises(AmountTooLarge):
            balance_of(tenant_id=scope.id, account_id=books.id)


def hold(account: Account, amount: int, at: dt.datetime = AT) -> Hold:
    return Hold.objects.create(
        tenant_id=account.tenant_id, account=account, amount=amount, currency=account.currency, expires_at=AT,
        created_at=at, updated_at=at,
    )  # fmt: skip


steps = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(-20, 20), st.integers(1, 9)),
        st.tuples(st.just("seal"), st.integers(1, 3), st.just(0)),
    ),
    max_size=25,
)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=25)
@given(steps=steps, every=st.sampled_from([1, 2, 8]), kind=st.sampled_from(["asset", "liability"]))
def test_balances_and_statements_equal_the_sum_of_the_lines_at_every_instant(make_tenant, steps, every, kind):
    books = Books(make_tenant())
    with tenant_scope(books.tenant.id):
        mine = Account.objects.create(
            tenant_id=books.tenant.id, currency="EUR", type=kind, overdraft_policy="unlimited", created_at=AT,
            updated_at=AT,
        )  # fmt: skip
    for what, first, amount in steps:
        if what == "seal":
            books.seal(batch=first, checkpoint_every=every)
            continue
        lines = [debit(mine.id, amount), credit(books.b.id, amount)]
        lines = lines if first % 3 else [debit(books.b.id, amount), credit(mine.id, amount)]
        books.post(EntryDraft(lines=lines, at=AT + first * HOUR))
    with tenant_scope(books.tenant.id):
        for account in (mine, books.b):
            assert balance_of(tenant_id=books.tenant.id, account_id=account.id).posted == summed(account)
            for hour in range(-21, 22, 3):
                at = AT + hour * HOUR
                found = balance_of(tenant_id=books.tenant.id, account_id=account.id, at=at)
                assert found.posted == summed(account, at)
        for period in (Period(), Period(AT - 5 * HOUR, AT + 5 * HOUR), Period(end=AT), Period(start=AT)):
            statement_is_right(mine, period)


def statement_is_right(account: Account, period: Period) -> None:
    lines = [
        line
        for line in JournalLine.objects.filter(account_id=account.id).order_by("created_at", "id")
        if (period.start is None or line.created_at >= period.start)
        and (period.end is None or line.created_at < period.end)
    ]
    opening = summed(account, period.start) if period.start else 0
    running, expected = opening, []
    for line in lines:
        running += natural(account.type, line.side, line.amount)
        expected.append((line.id, running))
    found: list[Any] = []
    after: Place | None = None
    while True:
        page = statement_of(
            tenant_id=account.tenant_id, account_id=account.id, period=period, limit=4, after=after
        )  # fmt: skip
        assert (page.opening, page.closing) == (opening, running)
        found += [(one.id, one.running) for one in page.movements]
        after = page.next
        if after is None:
            break
        assert len(page.movements) == 4
    assert found == expected[::-1]


@pytest.mark.django_db(transaction=True)
def test_a_balance_read_while_others_post_and_seal_is_that_of_one_moment(books):
    """Each entry moves one from a to b: their sum is zero at every moment, and no reading goes back."""
    stop = threading.Event()
    failed: list[Exception] = []

    def keep(work: Any) -> None:
        try:
            while not stop.is_set():
                work()
        except Exception as problem:
            failed.append(problem)
        finally:
            connection.close()

    def late() -> None:
        books.post(books.draft(at=AT - HOUR))

    def seal() -> None:
        seal_tenant(tenant_id=books.tenant.id, now=NOW, batch=20, checkpoint_every=4)

    threads = [threading.Thread(target=keep, args=(work,)) for work in (books.post, late, seal)]
    for thread in threads:
        thread.start()
    try:
        last = 0
        for _ in range(300):
            with tenant_scope(books.tenant.id):
                ids = [books.a.id, books.b.id]
                found = balances_of(tenant_id=books.tenant.id, account_ids=ids)
                assert found[books.a.id].posted == -found[books.b.id].posted
                assert found[books.b.id].posted >= last
                last = found[books.b.id].posted
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert failed == []
    assert last > 0
