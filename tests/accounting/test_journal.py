"""Claims about entries and lines: balanced, complete, final, whoever writes them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from accounting.errors import (
    AccountSuspended,
    AmountTooLarge,
    InsufficientFunds,
    PostingToClosed,
    UnbalancedEntry,
)
from accounting.models import Balance, JournalEntry, JournalLine
from accounting.posting import EntryDraft, Posting, credit, debit, entry_digest
from accounting.services.posting import post_entries
from common.errors import NotFound
from common.ids import new_id
from common.money import MAX_AMOUNT
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.accounting.conftest import standing
from tests.conftest import AT

pytestmark = pytest.mark.django_db
ENTRY = (
    "INSERT INTO accounting_journalentry (id, tenant_id, kind, line_count, digest, created_at) "
    "VALUES (%(entry)s, %(tenant)s, 'manual', %(count)s, '\\x00', %(at)s)"
)
LINE = (
    "INSERT INTO accounting_journalline (id, tenant_id, entry_id, position, account_id, side, amount, created_at) "
    "SELECT gen_random_uuid(), %(tenant)s, %(entry)s, r.p, r.a, r.s, r.n, %(at)s "
    "FROM unnest(%(positions)s::int[], %(accounts)s::uuid[], %(sides)s::text[], %(amounts)s::bigint[]) r (p, a, s, n)"
)


def raw(sql: str, tenant: Tenant, lines: list[Posting], **other: Any) -> Any:
    """What a client with a SQL prompt would send, as the application's role."""
    values = {
        "tenant": tenant.id, "entry": new_id(), "count": len(lines), "at": AT, "positions": list(range(len(lines))),
        "accounts": [line.account_id for line in lines], "sides": [str(line.side) for line in lines],
        "amounts": [line.amount for line in lines], **other,
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return values["entry"]


def refused_by(error: pytest.ExceptionInfo[IntegrityError]) -> str:
    """The name of the constraint."""
    return str(error.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


def test_an_entry_moves_the_balances_of_its_accounts(account, move):
    wallet, shop = account(overdraft="limit", limit=100), account()
    move(wallet, shop, 70)
    assert (standing(wallet.id), standing(shop.id)) == ((-70, 0), (70, 0))


def test_each_type_of_account_counts_from_its_own_point_of_view(account, post):
    cash, owed = account(type="asset"), account(type="liability")
    post(debit(cash.id, 5), credit(owed.id, 5))
    assert (standing(cash.id), standing(owed.id)) == ((5, 0), (5, 0))
    cost, income, own = account(type="expense"), account(type="income"), account(type="equity")
    post(debit(cost.id, 9), credit(income.id, 4), credit(own.id, 5))
    assert [standing(one.id) for one in (cost, income, own)] == [(9, 0), (4, 0), (5, 0)]


def test_an_account_that_may_be_overdrawn_without_bound_keeps_no_balance_for_others_to_wait_for(account, move):
    books, wallet = account(overdraft="unlimited"), account()
    move(books, wallet, 10**12)
    assert (standing(books.id), standing(wallet.id)) == (None, (10**12, 0))


@pytest.mark.parametrize(("policy", "limit", "allowed"), [("none", None, 0), ("limit", 500, 500)])
def test_nobody_spends_more_than_the_overdraft_allows(account, move, policy, limit, allowed):
    wallet, shop = account(overdraft=policy, limit=limit), account()
    if allowed:
        move(wallet, shop, allowed)
    with pytest.raises(InsufficientFunds), transaction.atomic():
        move(wallet, shop, 1)
    assert standing(wallet.id) == (-allowed, 0)
    assert JournalLine.objects.filter(account_id=wallet.id).count() == (1 if allowed else 0)


def test_an_account_in_several_lines_is_judged_by_their_sum(account, post):
    wallet, shop = account(), account()
    with pytest.raises(InsufficientFunds), transaction.atomic():
        post(debit(wallet.id, 5), credit(wallet.id, 4), credit(shop.id, 1))
    post(debit(wallet.id, 5), credit(wallet.id, 5), debit(shop.id, 3), credit(shop.id, 3))
    assert (standing(wallet.id), standing(shop.id)) == ((0, 0), (0, 0))


def test_debits_and_credits_are_equal_in_every_unit(account, post):
    euro, other, points = account(overdraft="unlimited"), account(), account("CREDITS")
    with pytest.raises(UnbalancedEntry), transaction.atomic():
        post(debit(euro.id, 5), credit(other.id, 4))
    with pytest.raises(UnbalancedEntry), transaction.atomic():
        post(debit(euro.id, 5), credit(points.id, 5))
    float_ = account("CREDITS", overdraft="unlimited")
    post(debit(euro.id, 5), credit(other.id, 5), debit(float_.id, 700), credit(points.id, 700))
    assert standing(points.id) == (700, 0)


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_nothing_is_posted_to_an_account_that_is_not_active(account, move, status):
    books, wallet = account(overdraft="unlimited"), account()
    wallet.status = status
    wallet.save()
    expected = {"suspended": AccountSuspended, "closed": PostingToClosed}[status]
    for source, target in ((books, wallet), (wallet, books)):
        with pytest.raises(expected), transaction.atomic():
            move(source, target, 1)


def test_an_account_of_another_tenant_does_not_exist(account, move, other_tenant):
    mine = account(overdraft="unlimited")
    with tenant_scope(other_tenant.id):
        theirs = type(mine).objects.create(
            tenant_id=other_tenant.id, currency="EUR", overdraft_policy="unlimited", created_at=AT, updated_at=AT
        )
    with pytest.raises(NotFound), transaction.atomic():
        move(mine, theirs, 1)


def test_a_balance_beyond_what_a_column_holds_is_refused_in_words(scope, account):
    books, wallet = account(overdraft="unlimited"), account()
    pair = [debit(books.id, MAX_AMOUNT), credit(wallet.id, MAX_AMOUNT)]
    enough = 2**63 // (50 * MAX_AMOUNT) + 1
    with pytest.raises(AmountTooLarge), transaction.atomic():
        post_entries(tenant_id=scope.id, drafts=[EntryDraft(lines=pair * 50, at=AT) for _ in range(enough)])


def test_raw_sql_cannot_write_an_unbalanced_entry(scope, account):
    books, wallet = account(overdraft="unlimited"), account()
    with pytest.raises(IntegrityError) as refused:
        raw(f"WITH e AS ({ENTRY}) {LINE}", scope, [debit(books.id, 5), credit(wallet.id, 4)])
    assert refused_by(refused) == "entry_balanced"
    raw(f"WITH e AS ({ENTRY}) {LINE}", scope, [debit(books.id, 5), credit(wallet.id, 5)])
    assert standing(wallet.id) == (5, 0)


def test_raw_sql_cannot_write_an_entry_without_its_lines(scope, account):
    books, wallet = account(overdraft="unlimited"), account()
    with pytest.raises(IntegrityError) as refused:
        raw(ENTRY, scope, [debit(books.id, 5), credit(wallet.id, 5)])
    assert refused_by(refused) == "entry_has_its_lines"
    with pytest.raises(IntegrityError) as refused:
        raw(f"WITH e AS ({ENTRY}) {LINE}", scope, [debit(books.id, 5), credit(wallet.id, 5)], count=3)
    assert refused_by(refused) == "entry_has_its_lines"


def test_raw_sql_cannot_add_lines_to_an_entry(scope, account, move):
    books, wallet = account(overdraft="unlimited"), account()
    draft = move(books, wallet, 5)
    lines = [debit(books.id, 5), credit(wallet.id, 5)]
    for positions, refuser in (([2, 3], "entry_has_its_lines"), ([0, 1], "line_position_unique")):
        with pytest.raises(IntegrityError) as refused:
            raw(LINE, scope, lines, entry=draft.id, positions=positions)
        assert refused_by(refused) == refuser
    assert standing(wallet.id) == (5, 0)


@pytest.mark.parametrize("time", ["infinity", "-infinity", "20000-01-01T00:00:00Z", "0044-03-15 BC"])
def test_raw_sql_cannot_write_a_time_that_nobody_can_read(scope, account, time):
    books, wallet = account(overdraft="unlimited"), account()
    with pytest.raises(IntegrityError) as refused:
        raw(f"WITH e AS ({ENTRY}) {LINE}", scope, [debit(books.id, 5), credit(wallet.id, 5)], at=time)
    assert refused_by(refused) == "entry_time_readable"


@pytest.mark.parametrize("model", [JournalEntry, JournalLine])
def test_entries_and_lines_are_never_changed_or_deleted(account, move, model):
    move(account(overdraft="unlimited"), account(), 5)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(created_at=AT + dt.timedelta(days=1))
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.all()._raw_delete("default")


def test_only_triggers_write_a_balance(account):
    wallet = account()
    for change in ({"posted": F("posted") + 1}, {"floor": -1}, {"held": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Balance.objects.filter(account_id=wallet.id).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Balance.objects.filter(account_id=wallet.id)._raw_delete("default")


def test_the_digest_of_an_entry_follows_from_what_is_stored(account, move):
    draft = move(
        account(overdraft="unlimited"), account(), 5, description="Bonus", metadata={"b": "2", "a": "1"},
        evidence=b"\x07" * 32, batch_id="b-1",
    )  # fmt: skip
    row = JournalEntry.objects.get(id=draft.id)
    lines = [(line.account_id, line.side, line.amount) for line in row.lines.order_by("position")]
    assert bytes(row.digest) == entry_digest(
        id=row.id, kind=row.kind, source_type=row.source_type, source_id=row.source_id, batch_id=row.batch_id,
        reverses=row.reverses_id, at=row.created_at, lines=lines, text=bytes(row.text_digest or b""),
        evidence=bytes(row.evidence or b""),
    )  # fmt: skip


def test_an_entry_is_written_in_a_constant_number_of_statements(account, django_assert_num_queries, move):
    books, wallet = account(overdraft="unlimited"), account()
    with django_assert_num_queries(1):
        move(books, wallet, 5)
