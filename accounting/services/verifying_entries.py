"""The part of the proof about the journal: entries are what they were when they were posted, and they balance."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.checks import Notes
from accounting.posting import entry_digest, text_digest
from common.ids import encode_id
from common.prefixes import ACCOUNT, JOURNAL_ENTRY, JOURNAL_LINE

BATCH: Final = 1_000

_ENTRIES: Final = """
SELECT e.id, e.kind, e.source_type, e.source_id, e.batch_id, e.reverses_id, e.line_count, e.description, e.metadata,
    e.salt, e.text_digest, e.evidence, e.digest, e.created_at,
    l.id, l.position, l.account_id, l.side, l.amount, l.created_at, a.currency
FROM (
    SELECT * FROM accounting_journalentry WHERE tenant_id = %s AND id > %s ORDER BY id LIMIT %s
) AS e
LEFT JOIN accounting_journalline l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id
LEFT JOIN accounting_account a ON a.tenant_id = l.tenant_id AND a.id = l.account_id
ORDER BY e.id, l.position, l.id
"""
_LOST_LINES: Final = """
SELECT l.id FROM accounting_journalline l
WHERE l.tenant_id = %s AND NOT EXISTS (
    SELECT FROM accounting_journalentry e WHERE e.tenant_id = l.tenant_id AND e.id = l.entry_id
) ORDER BY l.id
"""
_SUMS: Final = """
SELECT a.currency, sum(l.amount) FILTER (WHERE l.side = 'debit'), sum(l.amount) FILTER (WHERE l.side = 'credit')
FROM accounting_journalline l LEFT JOIN accounting_account a ON a.tenant_id = l.tenant_id AND a.id = l.account_id
WHERE l.tenant_id = %s GROUP BY a.currency ORDER BY a.currency
"""


@dataclass(slots=True)
class _Line:
    id: UUID
    position: int
    account_id: UUID
    side: str
    amount: int
    created_at: dt.datetime
    currency: str | None


@dataclass(slots=True)
class _Entry:
    id: UUID
    kind: str
    source_type: str | None
    source_id: UUID | None
    batch_id: str | None
    reverses: UUID | None
    line_count: int
    description: str | None
    metadata: str | None
    salt: bytes | None
    text: bytes | None
    evidence: bytes | None
    digest: bytes
    created_at: dt.datetime
    lines: list[_Line] = field(default_factory=list)


def check_entries(*, tenant_id: UUID, notes: Notes) -> None:
    """Each entry has its lines, balances in each unit, and says what its digest says."""
    for batch in _entries(tenant_id):
        for entry in batch:
            _check(entry, notes)
        notes.checked(len(batch))
    for (line_id,) in _rows(_LOST_LINES, tenant_id):
        notes.wrong(encode_id(JOURNAL_LINE, line_id), "the line belongs to no entry")


def check_sums(*, tenant_id: UUID, notes: Notes) -> None:
    """Over all accounts, debits equal credits in each unit."""
    for currency, debits, credits_ in _rows(_SUMS, tenant_id):
        notes.checked(1)
        notes.differs(currency or "unknown unit", "the sum of all debits", debits or 0, credits_ or 0)


def _check(entry: _Entry, notes: Notes) -> None:
    place = encode_id(JOURNAL_ENTRY, entry.id)
    notes.differs(place, "the number of its lines", len(entry.lines), entry.line_count)
    if [line.position for line in entry.lines] != list(range(len(entry.lines))):
        notes.wrong(place, "its lines are not numbered from 0 on")
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for line in entry.lines:
        if line.created_at != entry.created_at:
            notes.wrong(place, f"line {line.position} has another time than the entry: {line.created_at.isoformat()}")
        if line.currency is None:
            account = encode_id(ACCOUNT, line.account_id)
            notes.wrong(place, f"line {line.position} names an account that does not exist: {account}")
        sums[line.currency or "unknown unit"][line.side == "credit"] += line.amount
    for unit, (debits, credits_) in sums.items():
        notes.differs(place, f"the sum of its debits in {unit}", debits, credits_)
    _check_text(entry, place, notes)
    digest = entry_digest(
        id=entry.id, kind=entry.kind, source_type=entry.source_type, source_id=entry.source_id,
        batch_id=entry.batch_id, reverses=entry.reverses, at=entry.created_at,
        lines=[(line.account_id, line.side, line.amount) for line in entry.lines], text=entry.text,
        evidence=entry.evidence,
    )  # fmt: skip
    notes.differs(place, "its digest", entry.digest.hex(), digest.hex())


def _check_text(entry: _Entry, place: str, notes: Notes) -> None:
    """What people wrote is what was digested, or erased as a whole."""
    if entry.description is None and entry.metadata is None and entry.salt is None:
        return
    if entry.text is None or entry.salt is None:
        notes.wrong(place, "its description or metadata were written later")
        return
    metadata = json.loads(entry.metadata) if entry.metadata else None
    digest = text_digest(entry.salt, entry.description, metadata)
    notes.differs(place, "the digest of its description and metadata", entry.text.hex(), digest.hex())


def _entries(tenant_id: UUID) -> Iterator[list[_Entry]]:
    last = UUID(int=0)
    while True:
        batch: dict[UUID, _Entry] = {}
        for row in _rows(_ENTRIES, tenant_id, last, BATCH):
            entry = batch.get(row[0])
            if entry is None:
                values = [*row[:9], *map(_bytes, row[9:13]), row[13]]
                entry = batch[row[0]] = _Entry(*values)
            if row[14] is not None:
                entry.lines.append(_Line(*row[14:]))
        if not batch:
            return
        yield list(batch.values())
        last = max(batch)


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)


def _rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]
