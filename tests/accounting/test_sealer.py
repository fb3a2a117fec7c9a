"""Claims about the sealer: every entry once, in the order in which transactions end, whatever else goes on."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounting.metrics import BacklogCollector
from accounting.models import Account, Checkpoint, JournalEntry, JournalLine, Seal, SealedEntry, SealProgress
from accounting.posting import EntryDraft, credit, debit
from accounting.sealing import FIRST, chain_head, merkle_root
from accounting.services.posting import post_entries
from accounting.services.sealing import seal_tenant, tenants_with_unsealed
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.accounting.elsewhere import wait_for_other_databases
from tests.conftest import AT, owner_connection

pytestmark = pytest.mark.django_db(transaction=True)

NOW = dt.datetime(2026, 3, 1, 12, 0, 1, tzinfo=dt.UTC)


class Books:
    """Two unlimited accounts of a tenant and what is posted between them, each time in a transaction of its own."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        with tenant_scope(tenant.id):
            self.a, self.b = (
                Account.objects.create(
                    tenant_id=tenant.id, currency="EUR", overdraft_policy="unlimited", created_at=AT, updated_at=AT
                )
                for _ in range(2)
            )

    def draft(self, amount: int = 1, at: dt.datetime = AT) -> EntryDraft:
        return EntryDraft(lines=[debit(self.a.id, amount), credit(self.b.id, amount)], at=at)

    def post(self, *drafts: EntryDraft) -> None:
        with tenant_scope(self.tenant.id):
            post_entries(tenant_id=self.tenant.id, drafts=drafts or [self.draft()])

    def seal(self, **options: Any) -> int:
        wait_for_other_databases()
        return seal_tenant(tenant_id=self.tenant.id, now=NOW, **options)

    def sealed(self) -> list[tuple[int, int, Any]]:
        """Seal, leaf and entry, in the order of the chain."""
        with tenant_scope(self.tenant.id):
            rows = SealedEntry.objects.order_by("seal__number", "position")
            return list(rows.values_list("seal__number", "position", "entry_id"))


@pytest.fixture
def books(tenant: Tenant) -> Books:
    return Books(tenant)


@contextmanager
def altered(tenant: Tenant, table: str) -> Iterator[psycopg.Cursor[Any]]:
    """The owner's hands on the rows of a tenant, with the triggers of a table switched off meanwhile."""
    with owner_connection() as owner, owner.transaction(), owner.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("SELECT set_config('ledger.tenant_id', %s, true)", [str(tenant.id)])
        yield cursor
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_a_seal_covers_the_entries_in_the_order_of_their_transactions(books):
    drafts = [books.draft() for _ in range(5)]
    books.post(drafts[3], drafts[1])
    books.post(drafts[4])
    books.post(drafts[0])
    assert books.seal() == 4
    books.post(drafts[2])
    assert books.seal() == 1
    assert books.seal() == 0
    assert [entry for _, _, entry in books.sealed()] == [drafts[i].id for i in (1, 3, 4, 0, 2)]
    assert [(number, position) for number, position, _ in books.sealed()] == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]


def test_root_and_head_follow_from_the_digests(books):
    books.post(books.draft(1), books.draft(2), books.draft(3))
    books.seal()
    books.post()
    books.seal()
    with tenant_scope(books.tenant.id):
        previous = FIRST
        for number, seal in enumerate(Seal.objects.order_by("number"), start=1):
            entries = JournalEntry.objects.filter(sealed__seal=seal).order_by("sealed__position")
            root = merkle_root([bytes(entry.digest) for entry in entries])
            head = chain_head(previous, number=number, count=len(entries), root=root)
            found = (seal.number, seal.entry_count, bytes(seal.root), bytes(seal.previous_head), bytes(seal.head))
            assert found == (number, len(entries), root, previous, head)
            assert seal.sealed_at == NOW
            previous = head


def test_batches_go_on_where_the_last_one_stopped_inside_a_transaction_too(books):
    books.post(*[books.draft() for _ in range(7)])
    books.post(*[books.draft() for _ in range(4)])
    assert [books.seal(batch=3) for _ in range(5)] == [3, 3, 3, 2, 0]
    assert len({entry for _, _, entry in books.sealed()}) == 11
    assert [number for number, _, _ in books.sealed()] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4]


def test_what_a_running_transaction_wrote_before_others_is_sealed_before_nothing_of_theirs(books):
    """Whoever began earlier may still commit: entries that came later wait for it."""
    first, second = books.draft(), books.draft()
    posted, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with tenant_scope(books.tenant.id):
            post_entries(tenant_id=books.tenant.id, drafts=[first])
            posted.set()
            go_on.wait(20)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert posted.wait(20)
    books.post(second)
    assert books.seal() == 0
    go_on.set()
    thread.join(20)
    assert books.seal() == 2
    assert [entry for _, _, entry in books.sealed()] == [first.id, second.id]


def test_what_the_sealer_of_this_transaction_wrote_itself_waits(books):
    with tenant_scope(books.tenant.id):
        post_entries(tenant_id=books.tenant.id, drafts=[books.draft()])
        assert books.seal() == 0
    assert books.seal() == 1


def test_two_sealers_at_once_seal_everything_once(books):
    books.post(*[books.draft() for _ in range(40)])
    barrier, done = threading.Barrier(4), []

    def run() -> None:
        barrier.wait(20)
        for _ in range(10):
            done.append(books.seal(batch=3))
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(done) == 40 == len({entry for _, _, entry in books.sealed()})
    with tenant_scope(books.tenant.id):
        assert list(Seal.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 15))


def test_another_tenants_entries_are_not_touched(books, other_tenant):
    theirs = Books(other_tenant)
    theirs.post()
    books.post()
    assert books.seal() == 1
    assert theirs.sealed() == []
    assert tenants_with_unsealed() == [other_tenant.id]


def test_only_tenants_with_something_to_seal_are_named(books):
    assert tenants_with_unsealed() == []
    books.post()
    assert tenants_with_unsealed() == [books.tenant.id]
    books.seal()
    assert tenants_with_unsealed() == []


def restored(books: Books, *, by: int) -> None:
    """As after a dump and a restore into another installation: its ids of transactions are smaller by `by`."""
    with altered(books.tenant, "accounting_journalentry") as cursor:
        cursor.execute("UPDATE accounting_journalentry SET xid = xid + %s", [by])
        cursor.execute("UPDATE accounting_sealprogress SET horizon = horizon + %s, cluster = cluster - 1", [by])


@pytest.mark.parametrize("by", [10**9, -10], ids=["a young installation", "an old one"])
def test_after_a_restore_every_entry_is_sealed_once(books, by):
    old, waiting, new = books.draft(), [books.draft() for _ in range(5)], [books.draft() for _ in range(2)]
    books.post(old)
    books.seal()
    books.post(*waiting)
    restored(books, by=by)
    books.post(*new)
    assert tenants_with_unsealed() == [books.tenant.id]
    assert [books.seal(batch=3) for _ in range(4)] == [3, 3, 1, 0]
    entries = [entry for _, _, entry in books.sealed()]
    assert len(entries) == 8
    assert set(entries) == {draft.id for draft in (old, *waiting, *new)}
    books.post()
    assert books.seal() == 1
    assert tenants_with_unsealed() == []


def test_a_tenant_that_rests_after_a_restore_is_looked_through_once(books):
    books.post()
    books.seal()
    restored(books, by=10**9)
    assert tenants_with_unsealed() == [books.tenant.id]
    assert books.seal() == 0
    assert tenants_with_unsealed() == []


def test_the_horizon_of_a_tenant_that_rests_moves_on_now_and_then(books):
    books.post()
    books.seal()
    with tenant_scope(books.tenant.id):
        before = SealProgress.objects.get().horizon
        SealProgress.objects.update(horizon=before - 200_000)
    assert tenants_with_unsealed() == [books.tenant.id]
    assert books.seal() == 0
    with tenant_scope(books.tenant.id):
        assert SealProgress.objects.get().horizon >= before
    assert tenants_with_unsealed() == []


def checkpoints_are_right(books: Books, *, sealed_only: bool = True) -> int:
    """Compare each checkpoint with the lines; how many there are."""
    with tenant_scope(books.tenant.id):
        found = list(Checkpoint.objects.all())
        lines = list(JournalLine.objects.filter(entry__sealed__isnull=False).order_by("created_at", "id"))
        for point in found:
            through = [
                line for line in lines
                if line.account_id == point.account_id
                and (line.created_at, line.id) <= (point.line_at, point.line_id)
            ]  # fmt: skip
            assert through[-1].id == point.line_id
            assert point.balance == sum(line.amount if line.side == "credit" else -line.amount for line in through)
    return len(found)


@pytest.mark.parametrize("every", [1, 4])
def test_checkpoints_hold_the_sum_of_the_sealed_lines_through_theirs(books, every):
    for number in range(8):
        hours = [dt.timedelta(hours=number), dt.timedelta(hours=number + 20), dt.timedelta(hours=-number)]
        books.post(*[books.draft(number + 1, at=AT + shift) for shift in hours])
        books.seal(batch=2, checkpoint_every=every)
    made = checkpoints_are_right(books)
    assert made > 0
    while books.seal(batch=2, checkpoint_every=every):
        pass
    assert checkpoints_are_right(books) == 48 if every == 1 else made <= 24


def test_a_late_line_changes_the_checkpoints_after_it_and_none_before(books):
    for hour in range(4):
        books.post(books.draft(10, at=AT + dt.timedelta(hours=hour)))
    books.seal(checkpoint_every=1)
    books.post(books.draft(7, at=AT + dt.timedelta(minutes=90)))
    books.seal(checkpoint_every=1 << 30)
    with tenant_scope(books.tenant.id):
        found = Checkpoint.objects.filter(account=books.b).order_by("line_at")
        assert [point.balance for point in found] == [10, 20, 37, 47]


def test_a_balance_that_no_column_holds_stops_nobody(books, tenant):
    """The sum is left out, the seal is made."""
    most = 10**15
    with tenant_scope(tenant.id):
        pair = [debit(books.a.id, most), credit(books.b.id, most)]
        for _ in range(2):
            drafts = [EntryDraft(lines=pair * 50, at=AT) for _ in range(100)]
            post_entries(tenant_id=tenant.id, drafts=drafts)
    assert books.seal(checkpoint_every=512) == 200
    books.post(*[EntryDraft(lines=pair * 50, at=AT - dt.timedelta(days=1)) for _ in range(190)])
    assert books.seal(checkpoint_every=512) == 190
    checkpoints_are_right(books)


def test_the_backlog_is_counted(books, other_tenant):
    def gauges() -> dict[str, Any]:
        return {metric.name: metric.samples[0].value for metric in BacklogCollector().collect()}

    assert gauges() == {"ledger_entries_unsealed": 0, "ledger_entries_unsealed_seconds": 0}
    books.post(books.draft(), books.draft())
    Books(other_tenant).post()
    assert gauges()["ledger_entries_unsealed"] == 3
    books.seal()
    assert gauges()["ledger_entries_unsealed"] == 1
