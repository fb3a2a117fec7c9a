"""A statement as CSV: RFC 4180, UTF-8, amounts as decimals with a point, as programs and spreadsheets read it."""

from __future__ import annotations

from typing import Final

from accounting.amounts import decimal_text
from accounting.enums import Side
from accounting.statements import Movement, Statement
from common.clock import format_instant
from common.files import csv_bytes, inert
from common.ids import encode_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY, TRANSFER

COLUMNS: Final = (
    "createdAt", "entryId", "transferId", "description", "counterAccountIds", "debit", "credit", "runningBalance",
    "currency",
)  # fmt: skip


def statement_csv(statement: Statement, *, exponent: int) -> bytes:
    """The movements, newest first, below a line of column names. `exponent` is that of the account's unit."""
    return csv_bytes(COLUMNS, (_row(one, exponent, statement.account.currency) for one in statement.movements))


def _row(one: Movement, exponent: int, currency: str) -> list[str]:
    amount = decimal_text(one.amount, exponent)
    return [
        format_instant(one.created_at),
        encode_id(JOURNAL_ENTRY, one.entry_id),
        encode_id(TRANSFER, one.transfer_id) if one.transfer_id else "",
        inert(one.description),
        " ".join(encode_id(ACCOUNT, other) for other in one.counter_accounts),
        amount if one.side == Side.DEBIT else "",
        amount if one.side == Side.CREDIT else "",
        decimal_text(one.running, exponent),
        currency,
    ]
