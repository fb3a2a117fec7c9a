"""Accounting's objects as the API and its events show them: one function per object, every documented field present."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from uuid import UUID

from accounting.enums import OwnerType, TransferStatus
from accounting.judging import TransferRequest
from accounting.models import Account, Grant, Hold, JournalEntry, Transfer, Unit
from common.clock import format_instant
from common.currencies import EXPONENTS
from common.ids import encode_id
from common.prefixes import (
    ACCOUNT,
    CREDIT_NOTE,
    CUSTOMER,
    GRANT,
    HOLD,
    INVOICE,
    JOURNAL_ENTRY,
    PAYMENT,
    REFUND,
    TRANSFER,
    UNIT,
)

_SOURCES: Final = {
    "transfer": TRANSFER, "hold": HOLD, "grant": GRANT, "invoice": INVOICE, "payment": PAYMENT, "refund": REFUND,
    "creditNote": CREDIT_NOTE,
}  # fmt: skip


def account_body(account: Account) -> dict[str, Any]:
    """The object `account`, which `selectors.accounts` has read."""
    own = getattr(account, "unit_exponent", None)
    customer = account.owner_type == OwnerType.CUSTOMER
    return {
        "id": encode_id(ACCOUNT, account.id),
        "object": "account",
        "currency": account.currency,
        "exponent": EXPONENTS.get(account.currency, own),
        "ownerType": account.owner_type,
        "ownerId": encode_id(CUSTOMER, account.owner_id) if customer and account.owner_id else None,
        "type": account.type,
        "code": account.code,
        "overdraft": {"policy": account.overdraft_policy, "limit": account.overdraft_limit},
        "status": account.status,
        "metadata": account.metadata,
        "createdAt": format_instant(account.created_at),
        "updatedAt": format_instant(account.updated_at),
    }


def unit_body(unit: Unit) -> dict[str, Any]:
    """The object `unit`."""
    return {
        "id": encode_id(UNIT, unit.id),
        "object": "unit",
        "code": unit.code,
        "exponent": unit.exponent,
        "name": unit.name,
        "createdAt": format_instant(unit.created_at),
        "updatedAt": format_instant(unit.updated_at),
    }


def transfer_body(transfer: Transfer) -> dict[str, Any]:
    """The object `transfer`."""
    return {
        "id": encode_id(TRANSFER, transfer.id),
        "object": "transfer",
        "status": transfer.status,
        "fromAccountId": encode_id(ACCOUNT, transfer.from_account_id),
        "toAccountId": encode_id(ACCOUNT, transfer.to_account_id),
        "amount": transfer.amount,
        "currency": transfer.currency,
        "entryId": encode_id(JOURNAL_ENTRY, transfer.entry_id),
        "voidEntryId": _entry_id(transfer.void_entry_id),
        "description": transfer.entry.description,
        "idempotencyKey": transfer.idempotency_key,
        "metadata": transfer.entry.metadata or {},
        "createdAt": format_instant(transfer.created_at),
        "updatedAt": format_instant(transfer.updated_at),
    }


def posted_transfer(
    transfer_id: UUID, entry_id: UUID, request: TransferRequest, at: dt.datetime
) -> dict[str, Any]:  # fmt: skip
    """The same of a transfer that is being made, without a row."""
    made = format_instant(at)
    return {
        "id": encode_id(TRANSFER, transfer_id),
        "object": "transfer",
        "status": TransferStatus.POSTED.value,
        "fromAccountId": encode_id(ACCOUNT, request.from_account_id),
        "toAccountId": encode_id(ACCOUNT, request.to_account_id),
        "amount": request.amount,
        "currency": request.currency,
        "entryId": encode_id(JOURNAL_ENTRY, entry_id),
        "voidEntryId": None,
        "description": request.description,
        "idempotencyKey": request.idempotency_key,
        "metadata": dict(request.metadata),
        "createdAt": made,
        "updatedAt": made,
    }


def entry_body(entry: JournalEntry) -> dict[str, Any]:
    """The object `entry`, which `selectors.entries` has read."""
    return {
        "id": encode_id(JOURNAL_ENTRY, entry.id),
        "object": "entry",
        "kind": entry.kind,
        "sourceType": entry.source_type,
        "sourceId": _source(entry.source_type, entry.source_id),
        "batchId": entry.batch_id,
        "reversesEntryId": _entry_id(entry.reverses_id),
        "reversedByEntryId": _entry_id(getattr(entry, "reversed_by", None)),
        "description": entry.description,
        "lines": [
            {
                "accountId": encode_id(ACCOUNT, line.account_id),
                "side": line.side,
                "amount": line.amount,
                "currency": getattr(line, "currency", None),
            }
            for line in entry.lines.all()
        ],
        "metadata": entry.metadata or {},
        "createdAt": format_instant(entry.created_at),
        "updatedAt": format_instant(entry.created_at),
    }


def hold_body(hold: Hold) -> dict[str, Any]:
    """The object `hold`."""
    return {
        "id": encode_id(HOLD, hold.id),
        "object": "hold",
        "accountId": encode_id(ACCOUNT, hold.account_id),
        "amount": hold.amount,
        "capturedAmount": hold.captured,
        "currency": hold.currency,
        "status": hold.status,
        "expiresAt": format_instant(hold.expires_at),
        "transferId": encode_id(TRANSFER, hold.transfer_id) if hold.transfer_id else None,
        "metadata": hold.metadata,
        "createdAt": format_instant(hold.created_at),
        "updatedAt": format_instant(hold.updated_at),
    }


def grant_body(grant: Grant) -> dict[str, Any]:
    """The object `grant`."""
    rolls = grant.rollover_max is not None
    return {
        "id": encode_id(GRANT, grant.id),
        "object": "grant",
        "accountId": encode_id(ACCOUNT, grant.account_id),
        "amount": grant.amount,
        "remaining": grant.remaining,
        "currency": grant.currency,
        "source": grant.source,
        "priority": grant.priority,
        "status": grant.status,
        "effectiveAt": format_instant(grant.effective_at),
        "expiresAt": format_instant(grant.expires_at) if grant.expires_at else None,
        "rollover": {"min": grant.rollover_min, "max": grant.rollover_max} if rolls else None,
        "rolledFromId": encode_id(GRANT, grant.rolled_from_id) if grant.rolled_from_id else None,
        "metadata": grant.metadata,
        "createdAt": format_instant(grant.created_at),
        "updatedAt": format_instant(grant.updated_at),
    }


def _entry_id(value: UUID | None) -> str | None:
    return encode_id(JOURNAL_ENTRY, value) if value else None


def _source(kind: str | None, value: UUID | None) -> str | None:
    """The id of what an entry is about, as that kind of object writes it."""
    if kind is None or value is None:
        return None
    return encode_id(_SOURCES[kind], value) if kind in _SOURCES else str(value)
