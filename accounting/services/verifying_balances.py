"""The part of the proof about what follows from the journal: balances, checkpoints, transfers and holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.balances import natural_sign
from accounting.checks import Notes
from accounting.enums import AccountStatus, OverdraftPolicy, TransferStatus
from accounting.sql_seals import SIGNED
from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import ACCOUNT, HOLD, JOURNAL_ENTRY, TRANSFER

BATCH: Final = 500

_BALANCES: Final = f"""
SELECT a.id, a.type, a.overdraft_policy, COALESCE(a.overdraft_limit, 0), a.status,
    b.id IS NOT NULL, b.posted, b.held, b.floor,
    COALESCE((
        SELECT sum({SIGNED}) FROM accounting_journalline l WHERE l.tenant_id = a.tenant_id AND l.account_id = a.id
    ), 0),
    COALESCE((
        SELECT sum(h.amount) FROM accounting_hold h
        WHERE h.tenant_id = a.tenant_id AND h.account_id = a.id AND h.status = 'active'
    ), 0)
FROM accounting_account a LEFT JOIN accounting_balance b ON b.tenant_id = a.tenant_id AND b.id = a.id
WHERE a.tenant_id = %s AND a.id > %s ORDER BY a.id LIMIT %s
"""  # noqa: S608 - constants of this module
_LOST_BALANCES: Final = """
SELECT b.id FROM accounting_balance b WHERE b.tenant_id = %s AND NOT EXISTS (
    SELECT FROM accounting_account a WHERE a.tenant_id = b.tenant_id AND a.id = b.id
) ORDER BY b.id
"""
_WITH_CHECKPOINTS: Final = """
SELECT DISTINCT account_id FROM accounting_checkpoint WHERE tenant_id = %s ORDER BY account_id
"""
_CHECKPOINTS: Final = f"""
SELECT c.line_at, c.balance, r.running
FROM accounting_checkpoint c LEFT JOIN (
    SELECT l.id, l.created_at, sum({SIGNED}) OVER (ORDER BY l.created_at, l.id) AS running
    FROM accounting_journalline l JOIN accounting_sealedentry s ON s.id = l.entry_id
    WHERE l.tenant_id = %(tenant)s AND l.account_id = %(account)s
) AS r ON r.id = c.line_id AND r.created_at = c.line_at
WHERE c.tenant_id = %(tenant)s AND c.account_id = %(account)s
ORDER BY c.line_at, c.line_id
"""  # noqa: S608 - constants of this module
_MOVED: Final = """
    SELECT array_agg(l.side || ' ' || l.amount || ' ' || COALESCE(a.currency, '?') ORDER BY l.position),
        count(*) = 2 AND bool_and(
            l.amount = t.amount AND a.currency = t.currency
            AND (l.side, l.account_id) IN (('debit', {source}), ('credit', {target}))
        )
    FROM accounting_journalline l LEFT JOIN accounting_account a ON a.tenant_id = l.tenant_id AND a.id = l.account_id
    WHERE l.tenant_id = t.tenant_id AND l.entry_id = {entry}
"""
_TRANSFERS: Final = f"""
SELECT t.id, t.status, t.amount, t.currency, posted.lines, posted.same, void.lines, void.same,
    v.reverses_id, t.entry_id, EXISTS (
        SELECT FROM accounting_journalentry r WHERE r.tenant_id = t.tenant_id AND r.reverses_id = t.entry_id
    )
FROM (
    SELECT * FROM accounting_transfer WHERE tenant_id = %s AND id > %s ORDER BY id LIMIT %s
) AS t
LEFT JOIN accounting_journalentry v ON v.tenant_id = t.tenant_id AND v.id = t.void_entry_id
CROSS JOIN LATERAL (
    {_MOVED.format(source="t.from_account_id", target="t.to_account_id", entry="t.entry_id")}
) AS posted (lines, same)
CROSS JOIN LATERAL (
    {_MOVED.format(source="t.to_account_id", target="t.from_account_id", entry="t.void_entry_id")}
) AS void (lines, same)
ORDER BY t.id
"""  # noqa: S608 - constants of this module
_WITHOUT_TRANSFER: Final = """
SELECT e.id FROM accounting_journalentry e
WHERE e.tenant_id = %s AND e.kind = 'transfer' AND NOT EXISTS (
    SELECT FROM accounting_transfer t WHERE t.tenant_id = e.tenant_id AND t.entry_id = e.id
) ORDER BY e.id
"""
_CAPTURED: Final = """
SELECT h.id, h.captured, h.currency, t.amount, t.currency, h.account_id = t.from_account_id
FROM accounting_hold h LEFT JOIN accounting_transfer t ON t.tenant_id = h.tenant_id AND t.id = h.transfer_id
WHERE h.tenant_id = %s AND h.status = 'captured'
    AND (h.captured, h.currency, h.account_id) IS DISTINCT FROM (t.amount, t.currency, t.from_account_id)
ORDER BY h.id
"""


def check_balances(*, tenant_id: UUID, notes: Notes) -> None:
    """Each bounded account stands at the sum of its lines and holds, and not below its floor; no other has a row."""
    for rows in _batches(_BALANCES, tenant_id):
        for account_id, account_type, policy, limit, status, kept, posted, held, floor, net, held_sum in rows:
            place, natural = encode_id(ACCOUNT, account_id), int(natural_sign(account_type) * net)
            if status == AccountStatus.CLOSED and (natural or held_sum):
                notes.wrong(place, f"the account is closed and not empty: posted {natural}, held {held_sum}")
            if kept != (policy != OverdraftPolicy.UNLIMITED):
                notes.wrong(place, "the account keeps a balance without a bound" if kept else "its balance is gone")
            if not kept:
                continue
            notes.differs(place, "its posted balance", posted, natural)
            notes.differs(place, "what is held on it", held, int(held_sum))
            notes.differs(place, "its floor", floor, -limit)
            if posted - held < -limit:
                notes.wrong(place, f"it stands below its limit: posted {posted}, held {held}, floor {-limit}")
        notes.checked(len(rows))
    for (account_id,) in _rows(_LOST_BALANCES, tenant_id):
        notes.wrong(encode_id(ACCOUNT, account_id), "there is a balance, but no such account")


def check_checkpoints(*, tenant_id: UUID, notes: Notes) -> None:
    """Each checkpoint is the sum of the sealed lines through its own."""
    for (account_id,) in _rows(_WITH_CHECKPOINTS, tenant_id):
        place = encode_id(ACCOUNT, account_id)
        with connection.cursor() as cursor:
            cursor.execute(_CHECKPOINTS, {"tenant": tenant_id, "account": account_id})
            rows = cursor.fetchall()
        for line_at, balance, running in rows:
            what = f"the checkpoint of {format_instant(line_at)}"
            if running is None:
                notes.wrong(place, f"{what} names a line that is not there or not sealed")
            else:
                notes.differs(place, what, balance, int(running))
        notes.checked(len(rows))


def check_transfers(*, tenant_id: UUID, notes: Notes) -> None:
    """Each transfer moved what it says, and so did its voiding."""
    for rows in _batches(_TRANSFERS, tenant_id):
        for transfer_id, status, amount, currency, lines, same, undone, undone_same, reverses, entry_id, back in rows:
            place = encode_id(TRANSFER, transfer_id)
            if status == TransferStatus.POSTED and back:
                notes.wrong(place, "it is not voided, but its entry is reversed")
            if not same:
                moved = ", ".join(lines or ()) or "nothing"
                notes.wrong(place, f"it says {amount} {currency}, but its entry moved: {moved}")
            if status == TransferStatus.VOIDED and not (undone_same and reverses == entry_id):
                moved = ", ".join(undone or ()) or "nothing"
                notes.wrong(place, f"it is voided, but what undid it is not its reverse: {moved}")
        notes.checked(len(rows))
    for (entry_id,) in _rows(_WITHOUT_TRANSFER, tenant_id):
        notes.wrong(encode_id(JOURNAL_ENTRY, entry_id), "the transfer that this entry was posted for is gone")


def check_holds(*, tenant_id: UUID, notes: Notes) -> None:
    """What was captured was transferred from the account of the hold."""
    [[count]] = _rows("SELECT count(*) FROM accounting_hold WHERE tenant_id = %s AND status = 'captured'", tenant_id)
    notes.checked(count)
    for hold_id, captured, currency, amount, unit, same in _rows(_CAPTURED, tenant_id):
        moved = "nothing" if amount is None else f"{amount} {unit}{'' if same else ' of another account'}"
        notes.wrong(encode_id(HOLD, hold_id), f"it says that {captured} {currency} were captured, but it moved {moved}")


def _batches(sql: str, tenant_id: UUID) -> Iterator[list[tuple[Any, ...]]]:
    last = UUID(int=0)
    while rows := _rows(sql, tenant_id, last, BATCH):
        yield rows
        last = rows[-1][0]


def _rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]
