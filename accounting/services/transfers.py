"""Transfers: amounts that move from one account to another, alone or many at once, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.enums import EntryKind, HoldStatus, OwnerType, TransferStatus
from accounting.errors import AccountReserved
from accounting.events import TRANSFER_POSTED, TRANSFER_VOIDED
from accounting.judging import Facts, Judge, TransferRequest
from accounting.models import Hold, JournalEntry, Transfer
from accounting.posting import EntryDraft, Source, credit, debit, reversed_lines
from accounting.representations import transfer_body
from accounting.selectors import facts_of, lock_transfer
from accounting.services.grants import lock_settled, settled_facts
from accounting.services.posting import POSTING, post_entries, posting_parameters, refusals
from accounting.transitions import apply_void
from common.errors import DomainError
from common.ids import new_id
from events.domain import DomainEvent
from events.publishing import publish_all
from tenants.scope import state_reason

MAX_BATCH: Final = 1000
SOURCE: Final = "transfer"

_TRANSFERS: Final = """
INSERT INTO accounting_transfer (
    id, tenant_id, from_account_id, to_account_id, amount, currency, status, entry_id, idempotency_key, created_at,
    updated_at
)
SELECT t.id, %s::uuid, t.source, t.target, t.amount, t.currency, 'posted', t.entry, t.key, t.at, t.at
FROM unnest(
    %s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::varchar[], %s::uuid[], %s::varchar[], %s::timestamptz[]
) AS t (id, source, target, amount, currency, entry, key, at)
"""
# The hold is freed in the statement that spends it: before, nothing could be moved, and after, others could.
_FREED: Final = """
freed AS (
    UPDATE accounting_hold SET status = %s, captured = %s, transfer_id = %s, updated_at = %s
    WHERE tenant_id = %s AND id = %s
),
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one request of a batch: a transfer, or why it was refused."""

    transfer: Transfer | None
    error: DomainError | None


def make_transfer(
    *, tenant_id: UUID, request: TransferRequest, at: dt.datetime, on_books: bool = False
) -> Transfer:  # fmt: skip
    """Post one transfer and announce it. `on_books`: Ledger itself posts, also to the accounts of the system.

    Raises `NotFound` (with the field), `AccountReserved`, `WrongUnit`, `AccountSuspended`, `PostingToClosed`,
    `InsufficientFunds`, `AmountTooLarge`.
    """
    judge = Judge(
        settled_facts(tenant_id=tenant_id, account_ids=_accounts([request]), at=at), on_books=on_books
    )  # fmt: skip
    refused = judge.refusal(request)
    if refused is not None:
        raise refused
    return post_transfers(tenant_id=tenant_id, requests=[request], at=at)[0]


def make_transfers(
    *, tenant_id: UUID, requests: Sequence[TransferRequest], at: dt.datetime, atomic: bool = True,
    on_books: bool = False,
) -> list[Outcome]:  # fmt: skip
    """Post up to `MAX_BATCH` transfers in their order, all or none (`atomic`), or each that is allowed.

    Each is judged as if those before it had been posted, and none waits for a later one to bring the funds. The
    balances are held from before the first is judged until the transaction ends, so that what is allowed is posted
    in one statement. Atomic, it raises what `make_transfer` raises, for the first that is refused.
    """
    if not 1 <= len(requests) <= MAX_BATCH:
        raise ValueError(f"A batch has 1 to {MAX_BATCH} transfers.")
    judge = Judge(lock_settled(tenant_id=tenant_id, account_ids=_accounts(requests), at=at), on_books=on_books)
    verdicts: list[DomainError | None] = []
    for request in requests:
        refused = judge.refusal(request)
        if refused is not None and atomic:
            raise refused
        verdicts.append(refused)
    allowed = [request for request, refused in zip(requests, verdicts, strict=True) if refused is None]
    posted = iter(post_transfers(tenant_id=tenant_id, requests=allowed, at=at))
    return [Outcome(None, refused) if refused is not None else Outcome(next(posted), None) for refused in verdicts]


def post_transfers(
    *, tenant_id: UUID, requests: Sequence[TransferRequest], at: dt.datetime, freeing: Hold | None = None
) -> list[Transfer]:
    """Write entries, lines and transfers in one statement, and announce them; what was judged is not judged again.

    `freeing` is a hold whose capture this is: it ends with its one transfer, in the same statement. The database
    refuses with the errors of `post_entries`.
    """
    if not requests:
        return []
    drafted = [_draft(request, at) for request in requests]
    made = [_transfer(tenant_id, request, draft) for request, draft in zip(requests, drafted, strict=True)]
    freed: list[Any] = []
    if freeing is not None:
        [spent] = made
        freeing.transfer_id, freeing.captured = spent.id, spent.amount
        freed = [HoldStatus.CAPTURED, spent.amount, spent.id, at, tenant_id, freeing.id]
    columns: list[list[Any]] = [
        [one.id for one in made], [one.from_account_id for one in made], [one.to_account_id for one in made],
        [one.amount for one in made], [one.currency for one in made], [one.entry_id for one in made],
        [one.idempotency_key for one in made], [at for _ in made],
    ]  # fmt: skip
    statement = f"WITH {_FREED if freed else ''}{POSTING}{_TRANSFERS}"
    with refusals(), connection.cursor() as cursor:
        cursor.execute(statement, [*freed, *posting_parameters(tenant_id, drafted), tenant_id, *columns])
    _announce(TRANSFER_POSTED, made, at=at)
    return made


def void_transfer(
    *, tenant_id: UUID, transfer_id: UUID, reason: str, at: dt.datetime, on_books: bool = False
) -> Transfer:
    """Take a transfer back by an entry that reverses its own, and announce it; a voided one stays as it is.

    Raises `NotFound`, `AccountReserved`, and what the database refuses: `InsufficientFunds`, `AccountSuspended`,
    `PostingToClosed`.
    """
    transfer = lock_transfer(tenant_id=tenant_id, transfer_id=transfer_id)
    if transfer.status == TransferStatus.VOIDED:
        return transfer
    pair = [transfer.from_account_id, transfer.to_account_id]
    known = settled_facts(tenant_id=tenant_id, account_ids=pair, at=at)
    if not on_books:
        refuse_system(known.values())
    draft = EntryDraft(
        lines=reversed_lines([debit(pair[0], transfer.amount), credit(pair[1], transfer.amount)]), at=at,
        kind=EntryKind.REVERSAL, source=Source(SOURCE, transfer.id), reverses=transfer.entry_id, description=reason,
    )  # fmt: skip
    state_reason(reason)
    post_entries(tenant_id=tenant_id, drafts=[draft])
    apply_void(transfer, entry_id=draft.id, reason=reason, at=at)
    transfer.save(update_fields=["status", "void_entry", "void_reason", "updated_at"])
    _announce(TRANSFER_VOIDED, [transfer], at=at)
    return transfer


def refuse_reserved(*, tenant_id: UUID, account_ids: Sequence[UUID]) -> None:
    """Raise `AccountReserved` when one of the accounts belongs to the system."""
    refuse_system(facts_of(tenant_id=tenant_id, account_ids=account_ids).values())


def refuse_system(known: Iterable[Facts]) -> None:
    """The same about accounts that were looked up already."""
    if any(account.owner_type == OwnerType.SYSTEM for account in known):
        raise AccountReserved()


def _accounts(requests: Sequence[TransferRequest]) -> list[UUID]:
    return [one for request in requests for one in (request.from_account_id, request.to_account_id)]


def _draft(request: TransferRequest, at: dt.datetime) -> EntryDraft:
    lines = [debit(request.from_account_id, request.amount), credit(request.to_account_id, request.amount)]
    return EntryDraft(
        lines=lines, at=at, kind=EntryKind.TRANSFER, source=Source(SOURCE, new_id()), description=request.description,
        metadata=request.metadata or None,
    )  # fmt: skip


def _transfer(tenant_id: UUID, request: TransferRequest, draft: EntryDraft) -> Transfer:
    """The row as it is written. Its entry is at hand, because the object shows what people wrote."""
    assert draft.source is not None
    entry = JournalEntry(
        id=draft.id, tenant_id=tenant_id, description=request.description, metadata=dict(request.metadata)
    )  # fmt: skip
    return Transfer(
        id=draft.source.id, tenant_id=tenant_id, from_account_id=request.from_account_id,
        to_account_id=request.to_account_id, amount=request.amount, currency=request.currency, entry=entry,
        idempotency_key=request.idempotency_key, created_at=draft.at, updated_at=draft.at,
    )  # fmt: skip


def _announce(event_type: str, transfers: Sequence[Transfer], *, at: dt.datetime) -> None:
    publish_all(
        [
            DomainEvent(
                type=event_type, object_type="transfer", object_id=one.id, data=transfer_body(one), occurred_at=at
            )
            for one in transfers
        ],
        tenant_id=transfers[0].tenant_id,
    )
