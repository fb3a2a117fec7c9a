"""Entries of two or more lines that callers post, and their reversal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction

from accounting.enums import EntryKind, OwnerType, Side, TransferStatus
from accounting.errors import AccountReserved, BatchIdTaken, EntryNotReversible
from accounting.models import JournalEntry, Transfer
from accounting.models.journal import ENTRY_BATCH_UNIQUE, ENTRY_REVERSED_ONCE
from accounting.posting import EntryDraft, Posting, reversed_lines
from accounting.selectors import entries, get_entry, lock_transfer
from accounting.services.grants import settled_facts
from accounting.services.posting import post_entries
from accounting.services.transfers import refuse_system, void_transfer
from common.constraints import violated_constraint
from common.errors import NotFound
from tenants.scope import state_reason

_OF_CALLERS: Final = (EntryKind.MANUAL, EntryKind.TRANSFER)


def post_entry(
    *, tenant_id: UUID, lines: Sequence[Posting], at: dt.datetime, batch_id: str | None = None,
    description: str | None = None, metadata: Mapping[str, str] | None = None,
) -> JournalEntry:  # fmt: skip
    """Post an entry of 2 to 100 lines; `batch_id` is the caller's own name for it, once per tenant.

    Raises `NotFound` (path `lines[i].accountId`), `AccountReserved`, `BatchIdTaken`, `UnbalancedEntry`,
    `AccountSuspended`, `PostingToClosed`, `InsufficientFunds`, `AmountTooLarge`.
    """
    known = settled_facts(tenant_id=tenant_id, account_ids=[line.account_id for line in lines], at=at)
    for number, line in enumerate(lines):
        if line.account_id not in known:
            raise NotFound(path=f"lines[{number}].accountId")
    if any(account.owner_type == OwnerType.SYSTEM for account in known.values()):
        raise AccountReserved()
    draft = EntryDraft(
        lines=lines, at=at, batch_id=batch_id, description=description, metadata=metadata or None
    )  # fmt: skip
    try:
        post_entries(tenant_id=tenant_id, drafts=[draft])
    except IntegrityError as refused:
        if violated_constraint(refused) != ENTRY_BATCH_UNIQUE:
            raise
        raise BatchIdTaken() from refused
    return get_entry(tenant_id=tenant_id, entry_id=draft.id)


def reverse_entry(
    *, tenant_id: UUID, entry_id: UUID, reason: str, at: dt.datetime
) -> tuple[JournalEntry, bool]:  # fmt: skip
    """The entry that takes this one back, and whether it was posted now. An entry is reversed once.

    That of a transfer voids the transfer. Raises `NotFound`, `EntryNotReversible`, `AccountReserved`, and what the
    database refuses: `InsufficientFunds`, `AccountSuspended`, `PostingToClosed`.
    """
    entry = get_entry(tenant_id=tenant_id, entry_id=entry_id)
    existing = _reversal_of(tenant_id, entry_id)
    if existing is not None:
        return existing, False
    lines = [Posting(line.account_id, Side(line.side), line.amount) for line in entry.lines.all()]
    refuse_system(
        settled_facts(tenant_id=tenant_id, account_ids=[line.account_id for line in lines], at=at).values()
    )  # fmt: skip
    if entry.kind not in _OF_CALLERS:
        raise EntryNotReversible()
    transfer = Transfer.objects.filter(tenant_id=tenant_id, entry_id=entry_id).first()
    if transfer is not None:
        before = lock_transfer(tenant_id=tenant_id, transfer_id=transfer.id).status
        voided = void_transfer(tenant_id=tenant_id, transfer_id=transfer.id, reason=reason, at=at)
        assert voided.void_entry_id is not None
        now = before == TransferStatus.POSTED
        return get_entry(tenant_id=tenant_id, entry_id=voided.void_entry_id), now
    draft = EntryDraft(
        lines=reversed_lines(lines), at=at, kind=EntryKind.REVERSAL, reverses=entry_id, description=reason
    )  # fmt: skip
    state_reason(reason)
    try:
        with transaction.atomic():
            post_entries(tenant_id=tenant_id, drafts=[draft])
    except IntegrityError as refused:
        if violated_constraint(refused) != ENTRY_REVERSED_ONCE:
            raise
        # Another has reversed it meanwhile; the violation waited for its commit.
        found = _reversal_of(tenant_id, entry_id)
        assert found is not None
        return found, False
    return get_entry(tenant_id=tenant_id, entry_id=draft.id), True


def _reversal_of(tenant_id: UUID, entry_id: UUID) -> JournalEntry | None:
    return entries(tenant_id=tenant_id).filter(reverses_id=entry_id).first()
