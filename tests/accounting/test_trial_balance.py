"""Claims about the trial balance: it is the plain sum of the lines at every instant, and reads few of them."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from accounting import books
from accounting.books import TrialRow, TrialTotal, trial_balance, trial_totals
from accounting.models import Account, JournalLine
from accounting.posting import EntryDraft, credit, debit
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.accounting.test_sealer import Books
from tests.conftest import AT

HOUR = dt.timedelta(hours=1)
KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("EUR", {"code": "till", "type": "asset", "overdraft_policy": "unlimited"}),
    ("EUR", {"code": "deposits", "overdraft_policy": "limit", "overdraft_limit": 10**6}),
    ("EUR", {"type": "asset", "overdraft_policy": "limit", "overdraft_limit": 10**6}),
    ("EUR", {"overdraft_policy": "limit", "overdraft_limit": 10**6}),
    ("EUR", {"overdraft_policy": "unlimited"}),
    ("USD", {"code": "dollars", "overdraft_policy": "unlimited"}),
    ("USD", {"type": "income", "overdraft_policy": "limit", "overdraft_limit": 10**6}),
)
"""Each kind of account there is: with a code and without, on either side, with a balance of its own and without."""
moves = st.tuples(st.sampled_from([(a, b) for a in range(5) for b in range(5) if a != b] + [(5, 6), (6, 5)]))


def accounts_of(tenant: Tenant) -> list[Account]:
    return [
        Account.objects.create(tenant_id=tenant.id, currency=unit, created_at=AT, updated_at=AT, **fields)
        for unit, fields in KINDS
    ]


def summed_up(tenant_id: UUID, at: dt.datetime | None = None) -> list[TrialRow]:
    """The slow way: every line of every account."""
    found: dict[tuple[str, bool, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    ids: dict[str, UUID] = {}
    for account in Account.objects.filter(tenant_id=tenant_id):
        lines = JournalLine.objects.filter(tenant_id=tenant_id, account_id=account.id)
        signed = [
            line.amount if line.side == "debit" else -line.amount
            for line in (lines.filter(created_at__lt=at) if at else lines)
        ]
        if signed:
            row = found[account.currency, account.code is None, account.code or "", account.type]
            row[0] += max(sum(signed), 0)
            row[1] += max(-sum(signed), 0)
            row[2] += 1
            ids[f"{account.currency}{account.code}{account.type}"] = account.id
    return [
        TrialRow(
            code or None, kind, unit, debits, credits_, many,
            account_id=ids[f"{unit}{code or None}{kind}"] if many == 1 else None,
        )
        for (unit, _, code, kind), (debits, credits_, many) in sorted(found.items())
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@settings(max_examples=20)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(moves, st.integers(-20, 20), st.integers(1, 9)),
            st.tuples(st.just("seal"), st.integers(1, 3), st.just(0)),
        ),
        max_size=30,
    ),
    every=st.sampled_from([1, 2, 8]),
)
def test_it_equals_the_plain_sum_sealed_or_not_late_or_not_and_at_every_instant(make_tenant, steps, every):
    kept = Books(make_tenant())
    with tenant_scope(kept.tenant.id):
        accounts = accounts_of(kept.tenant)
    for what, number, amount in steps:
        if what == "seal":
            kept.seal(batch=number, checkpoint_every=every)
            continue
        source, target = (accounts[one].id for one in what[0])
        kept.post(EntryDraft(lines=[debit(source, amount), credit(target, amount)], at=AT + number * HOUR))
    with tenant_scope(kept.tenant.id):
        for at in (None, *(AT + hour * HOUR for hour in range(-21, 22, 3))):
            found = trial_balance(tenant_id=kept.tenant.id, at=at)
            assert found == summed_up(kept.tenant.id, at)
            assert all(total.debit == total.credit for total in trial_totals(found))


@pytest.mark.django_db
class TestTrialBalance:
    def test_an_account_that_holds_nothing_any_more_still_stands_there(self, account, move, scope):
        till, wallet, unused = account(overdraft="unlimited", code="till"), account(code="wallet"), account(code="new")
        move(till, wallet, 5)
        move(wallet, till, 5, at=AT + HOUR)
        found = trial_balance(tenant_id=scope.id)
        assert found == [
            TrialRow("till", "liability", "EUR", 0, 0, 1, till.id),
            TrialRow("wallet", "liability", "EUR", 0, 0, 1, wallet.id),
        ]
        assert found == summed_up(scope.id)
        assert unused.id not in {row.account_id for row in found}

    def test_accounts_without_a_code_are_one_row_that_names_none_of_them(self, account, move, scope):
        till, one, two = account(overdraft="unlimited", code="till"), account(), account()
        move(till, one, 5)
        move(till, two, 7)
        row = trial_balance(tenant_id=scope.id)[1]
        assert row == TrialRow(None, "liability", "EUR", 0, 12, 2, None)

    def test_totals_are_by_unit(self):
        rows = [
            TrialRow("a", "asset", "EUR", 5, 0),
            TrialRow("b", "asset", "EUR", 0, 5),
            TrialRow("c", "asset", "X", 1, 2),
        ]
        assert trial_totals(rows) == [TrialTotal("EUR", 5, 5), TrialTotal("X", 1, 2)]
        assert trial_totals([]) == []

    def test_now_is_everything_that_has_been_posted(self, account, move, scope):
        till, wallet = account(overdraft="unlimited", code="till"), account(code="wallet")
        move(till, wallet, 5, at=AT + dt.timedelta(days=36_500))
        assert [row.credit for row in trial_balance(tenant_id=scope.id)] == [0, 5]
        assert trial_balance(tenant_id=scope.id, at=AT) == []

    def test_no_other_tenants_accounts_are_summed(self, account, move, scope, other_tenant):
        move(account(overdraft="unlimited"), account(), 5)
        with tenant_scope(other_tenant.id):
            assert trial_balance(tenant_id=other_tenant.id) == []
            assert trial_balance(tenant_id=scope.id) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", [None, AT + 500 * HOUR])
def test_the_lines_it_reads_do_not_grow_with_the_history(make_tenant, at, django_assert_num_queries):
    kept = Books(make_tenant())
    read = []
    for _ in range(3):
        kept.post(*[kept.draft(at=AT + number * HOUR) for number in range(200)])
        kept.seal(checkpoint_every=8)
        with tenant_scope(kept.tenant.id):
            with django_assert_num_queries(1):
                found = trial_balance(tenant_id=kept.tenant.id, at=at)
            assert found == summed_up(kept.tenant.id, at)
            read.append(sum(rows for rows, _ in lines_read(kept.tenant.id, at)))
    # The first line of each account, and what came after its last checkpoint: one line in eight has one.
    assert max(read) < 200, read


@pytest.mark.django_db(transaction=True)
def test_late_lines_are_looked_for_once_and_not_in_each_account(make_tenant):
    kept = Books(make_tenant())
    with tenant_scope(kept.tenant.id):
        others = [
            Account.objects.create(
                tenant_id=kept.tenant.id, currency="EUR", overdraft_policy="unlimited", created_at=AT, updated_at=AT
            )
            for _ in range(20)
        ]  # fmt: skip
    pairs = [[debit(kept.a.id, 1), credit(one.id, 1)] for one in others]
    kept.post(*[EntryDraft(lines=pair, at=AT) for pair in pairs for _ in range(4)])
    kept.seal(checkpoint_every=1)
    kept.post(*[EntryDraft(lines=pair, at=AT - HOUR) for pair in pairs for _ in range(2)])
    with tenant_scope(kept.tenant.id):
        assert trial_balance(tenant_id=kept.tenant.id) == summed_up(kept.tenant.id)
        looks = sum(loops for _, loops in lines_read(kept.tenant.id, None))
    # The first line of each of 22 accounts, what came after each of 21 checkpoints, and 40 late entries.
    assert looks <= 22 + 21 + 40, looks


def lines_read(tenant_id: UUID, at: dt.datetime | None) -> Iterator[tuple[int, int]]:
    """Rows that each node of the plan takes from the lines, and how often it looks, as in a table too long to read."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {books.TRIAL_BALANCE}", books.trial_values(tenant_id, at))
        found = cursor.fetchone()[0]
        cursor.execute("RESET enable_seqscan")
        cursor.execute("RESET enable_bitmapscan")
    yield from _rows_of((json.loads(found) if isinstance(found, str) else found)[0]["Plan"])


def _rows_of(plan: dict[str, Any]) -> Iterator[tuple[int, int]]:
    if plan.get("Relation Name") == "accounting_journalline":
        rows = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield int(rows * plan["Actual Loops"]), int(plan["Actual Loops"])
    for part in plan.get("Plans", ()):
        yield from _rows_of(part)
