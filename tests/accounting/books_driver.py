"""The same operations on the database, each in a transaction of its own, and what then stands there."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection

from accounting.errors import AccountSuspended, InsufficientFunds, PostingToClosed, UnbalancedEntry
from accounting.models import Account, Hold, Transfer
from accounting.posting import EntryDraft, Posting, Source, reversed_lines
from accounting.services.posting import post_entries, refusals
from accounting.sql import BOOKS_LOCK
from common.constraints import violated_constraint
from common.errors import DomainError
from common.ids import new_id
from tenants.scope import tenant_scope
from tests.accounting.books_model import (
    Book,
    Capture,
    Enter,
    Free,
    Line,
    Model,
    Move,
    Operation,
    Overdraft,
    Reserve,
    Status,
    Void,
    lines_of,
)
from tests.accounting.side_by_side import DONE
from tests.conftest import AT

REASONS: dict[type[DomainError], str] = {
    InsufficientFunds: "funds", AccountSuspended: "inactive", PostingToClosed: "inactive",
    UnbalancedEntry: "unbalanced",
}  # fmt: skip
CONSTRAINTS = {
    "account_closed_is_final": "closed", "account_closed_is_empty": "not empty", "hold_ends_once": "ended",
    "entry_reversed_once": "again", "hold_captured_within_amount": "too much",
}  # fmt: skip
_STANDING = """
SELECT a.id, a.status, b.posted, b.held, b.floor, lines.debit, lines.credit, COALESCE(holds.held, 0)
FROM accounting_account a
LEFT JOIN accounting_balance b ON b.tenant_id = a.tenant_id AND b.id = a.id
LEFT JOIN LATERAL (
    SELECT COALESCE(sum(l.amount) FILTER (WHERE l.side = 'debit'), 0)::bigint AS debit,
        COALESCE(sum(l.amount) FILTER (WHERE l.side = 'credit'), 0)::bigint AS credit
    FROM accounting_journalline l WHERE l.tenant_id = a.tenant_id AND l.account_id = a.id
) AS lines ON true
LEFT JOIN LATERAL (
    SELECT sum(h.amount)::bigint AS held FROM accounting_hold h
    WHERE h.tenant_id = a.tenant_id AND h.account_id = a.id AND h.status = 'active'
) AS holds ON true
"""


@dataclass(frozen=True)
class Standing:
    """What stands in the database: of each account what `_STANDING` says, lines of entries, states of the others."""

    accounts: dict[UUID, tuple[Any, ...]]
    entries: dict[UUID, int]
    transfers: dict[UUID, str]
    holds: dict[UUID, str]


@dataclass(frozen=True)
class Driver:
    """Operations of one tenant, straight on the kernel: `post_entries`, the rows and the triggers."""

    tenant_id: UUID

    def open(self, book: Book) -> None:
        """Make the account."""
        policy, limit = _overdraft(book.floor)
        with tenant_scope(self.tenant_id):
            Account.objects.create(
                id=book.id, tenant_id=self.tenant_id, currency=book.unit, type=book.type, overdraft_policy=policy,
                overdraft_limit=limit, created_at=AT, updated_at=AT,
            )  # fmt: skip

    def run(self, operation: Operation) -> str:
        """`DONE`, or the reason of the refusal. Whatever is not a refusal of the books is raised."""
        try:
            with tenant_scope(self.tenant_id):
                getattr(self, "_" + type(operation).__name__.lower())(operation)
        except DomainError as refused:
            return REASONS[type(refused)]
        except IntegrityError as refused:
            name = violated_constraint(refused) or ""
            if name in CONSTRAINTS:
                return CONSTRAINTS[name]
            if name.startswith("line_account_"):
                return "inactive"
            if name == "balance_within_limit":
                return "funds"
            raise
        return DONE

    def _enter(self, asked: Enter) -> None:
        post_entries(tenant_id=self.tenant_id, drafts=[EntryDraft(lines=_postings(asked.lines), at=AT, id=asked.id)])

    def _move(self, asked: Move) -> None:
        draft = EntryDraft(
            lines=_postings(lines_of(asked)), at=AT, kind="transfer", source=Source("transfer", asked.id), id=asked.id
        )
        post_entries(tenant_id=self.tenant_id, drafts=[draft])
        Transfer.objects.create(**self._transfer(asked))

    def _transfer(self, asked: Move) -> dict[str, Any]:
        unit = Account.objects.get(id=asked.source).currency
        return {
            "id": asked.id, "tenant_id": self.tenant_id, "entry_id": asked.id, "from_account_id": asked.source,
            "to_account_id": asked.target, "amount": asked.amount, "currency": unit, "created_at": AT, "updated_at": AT,
        }  # fmt: skip

    def _void(self, asked: Void) -> None:
        row = Transfer.objects.select_for_update().get(id=asked.transfer)
        lines = reversed_lines(_postings(lines_of(Move(row.id, row.from_account_id, row.to_account_id, row.amount))))
        post_entries(
            tenant_id=self.tenant_id,
            drafts=[EntryDraft(lines=lines, at=AT, kind="reversal", reverses=row.entry_id, id=asked.entry)],
        )
        row.status, row.void_entry_id, row.void_reason = "voided", asked.entry, "property"
        row.save()

    def _reserve(self, asked: Reserve) -> None:
        unit = Account.objects.get(id=asked.account).currency
        Hold.objects.create(
            id=asked.id, tenant_id=self.tenant_id, account_id=asked.account, amount=asked.amount, currency=unit,
            expires_at=AT + dt.timedelta(days=7), created_at=AT, updated_at=AT,
        )  # fmt: skip

    def _capture(self, asked: Capture) -> None:
        hold = Hold.objects.select_for_update().get(id=asked.hold)
        move = Move(asked.transfer, hold.account_id, asked.target, asked.amount)
        draft = EntryDraft(lines=_postings(lines_of(move)), at=AT, kind="transfer", id=move.id)
        with refusals(), connection.cursor() as cursor:
            # One statement, because what is held is free only for these lines; first its locks, in their order.
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, hashtext(%s))", [BOOKS_LOCK, str(self.tenant_id)])
            cursor.execute(
                "SELECT FROM accounting_balance WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE",
                [[move.source, move.target]],
            )
            cursor.execute(
                _CAPTURE,
                {
                    "tenant": self.tenant_id, "entry": draft.id, "digest": draft.digest(), "at": AT,
                    "lines": [new_id(), new_id()], "from": move.source, "to": move.target, "amount": move.amount,
                    "unit": hold.currency, "hold": hold.id,
                },
            )  # fmt: skip

    def _free(self, asked: Free) -> None:
        Hold.objects.filter(id=asked.hold).update(status=asked.status)

    def _status(self, asked: Status) -> None:
        Account.objects.filter(id=asked.account).update(status=asked.status)

    def _overdraft(self, asked: Overdraft) -> None:
        policy, limit = _overdraft(asked.floor)
        Account.objects.filter(id=asked.account).update(overdraft_policy=policy, overdraft_limit=limit)

    def standing(self) -> Standing:
        """Everything that now stands in the database, to the last row."""
        with tenant_scope(self.tenant_id), connection.cursor() as cursor:
            cursor.execute(_STANDING)
            rows = {row[0]: row[1:] for row in cursor.fetchall()}
            cursor.execute("SELECT id, line_count FROM accounting_journalentry")
            entries = dict(cursor.fetchall())
            transfers = dict(Transfer.objects.values_list("id", "status"))
            holds = dict(Hold.objects.values_list("id", "status"))
        return Standing(rows, entries, transfers, holds)

    def compare(self, model: Model, standing: Standing) -> None:
        """What stands there is what the model says, and the books balance."""
        assert set(standing.accounts) == set(model.books)
        sums: Counter[str] = Counter()
        for book in model.books.values():
            status, posted, held, floor, debits, credits_, active = standing.accounts[book.id]
            sums[book.unit] += debits - credits_
            own = debits - credits_ if book.type in ("asset", "expense") else credits_ - debits
            assert (status, own, active) == (book.status, book.posted, book.held), book
            kept = None if book.floor is None else (book.posted, book.held, book.floor)
            assert (None if floor is None else (posted, held, floor)) == kept, book
            assert floor is None or posted - held >= floor, book
        assert not any(sums.values()), sums
        assert standing.entries == {name: len(lines) for name, lines in model.entries.items()}
        assert standing.transfers == {name: status for name, (_, status) in model.transfers.items()}
        assert standing.holds == {name: status for name, (_, status) in model.holds.items()}


_CAPTURE = """
WITH entry AS (
    INSERT INTO accounting_journalentry (id, tenant_id, kind, line_count, digest, created_at)
    VALUES (%(entry)s, %(tenant)s, 'transfer', 2, %(digest)s, %(at)s)
), lines AS (
    INSERT INTO accounting_journalline (id, tenant_id, entry_id, position, account_id, side, amount, created_at)
    SELECT l.id, %(tenant)s, %(entry)s, l.position, l.account, l.side, %(amount)s, %(at)s
    FROM unnest(%(lines)s::uuid[], ARRAY[0, 1], ARRAY[%(from)s, %(to)s]::uuid[], ARRAY['debit', 'credit'])
        AS l (id, position, account, side)
), moved AS (
    INSERT INTO accounting_transfer (
        id, tenant_id, from_account_id, to_account_id, amount, currency, status, entry_id, created_at, updated_at
    )
    VALUES (%(entry)s, %(tenant)s, %(from)s, %(to)s, %(amount)s, %(unit)s, 'posted', %(entry)s, %(at)s, %(at)s)
)
UPDATE accounting_hold SET status = 'captured', captured = %(amount)s, transfer_id = %(entry)s WHERE id = %(hold)s
"""


def _postings(lines: Iterable[Line]) -> list[Posting]:
    return [Posting(line.account, line.side, line.amount) for line in lines]  # type: ignore[arg-type]


def _overdraft(floor: int | None) -> tuple[str, int | None]:
    if floor is None:
        return "unlimited", None
    return ("limit", -floor) if floor else ("none", None)
