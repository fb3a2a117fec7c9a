"""Balances and statements as the API shows them: every documented field present."""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounting.balances import Standing
from accounting.statements import Movement, Statement
from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY, JOURNAL_LINE, TRANSFER


def balance_body(standing: Standing, *, at: dt.datetime) -> dict[str, Any]:
    """What stands on an account at an instant."""
    return {
        "accountId": encode_id(ACCOUNT, standing.account_id),
        "currency": standing.currency,
        "posted": standing.posted,
        "held": standing.held,
        "available": standing.available,
        "balance": standing.posted,
        "at": format_instant(at),
    }


def statement_body(statement: Statement, *, next_cursor: str | None) -> dict[str, Any]:
    """A page of a statement."""
    return {
        "accountId": encode_id(ACCOUNT, statement.account.id),
        "currency": statement.account.currency,
        "from": _instant(statement.period.start),
        "to": _instant(statement.period.end),
        "openingBalance": statement.opening,
        "closingBalance": statement.closing,
        "data": [_movement(one) for one in statement.movements],
        "hasMore": next_cursor is not None,
        "nextCursor": next_cursor,
    }


def _movement(movement: Movement) -> dict[str, Any]:
    return {
        "id": encode_id(JOURNAL_LINE, movement.id),
        "entryId": encode_id(JOURNAL_ENTRY, movement.entry_id),
        "transferId": encode_id(TRANSFER, movement.transfer_id) if movement.transfer_id else None,
        "side": movement.side,
        "amount": movement.amount,
        "runningBalance": movement.running,
        "counterAccountIds": [encode_id(ACCOUNT, one) for one in movement.counter_accounts],
        "description": movement.description,
        "createdAt": format_instant(movement.created_at),
    }


def _instant(at: dt.datetime | None) -> str | None:
    return format_instant(at) if at else None
