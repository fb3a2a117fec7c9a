"""The part of the proof about seals: the chain is unbroken and covers each entry that it went past, once."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.checks import Notes
from accounting.models import Seal
from accounting.sealing import FIRST, chain_head, merkle_root
from accounting.sql_seals import POSITION
from common.ids import encode_id
from common.prefixes import JOURNAL_ENTRY

_LEAVES: Final = """
SELECT s.position, s.id, e.digest
FROM accounting_sealedentry s LEFT JOIN accounting_journalentry e ON e.tenant_id = s.tenant_id AND e.id = s.id
WHERE s.tenant_id = %s AND s.seal_id = %s ORDER BY s.position
"""
_PASSED: Final = f"""
WITH position AS MATERIALIZED ({POSITION.format(tenant="%(tenant)s::uuid")})
SELECT e.id FROM position, accounting_journalentry e
WHERE e.tenant_id = %(tenant)s AND ((e.xid, e.id) <= (position.horizon, position.through) OR e.xid >= position.ceiling)
    AND NOT EXISTS (SELECT FROM accounting_sealedentry s WHERE s.id = e.id)
ORDER BY e.id
"""  # noqa: S608 - constants of this module
_LOST: Final = """
SELECT s.id FROM accounting_sealedentry s WHERE s.tenant_id = %(tenant)s AND NOT EXISTS (
    SELECT FROM accounting_seal b WHERE b.tenant_id = s.tenant_id AND b.id = s.seal_id
) ORDER BY s.id
"""


def check_seals(*, tenant_id: UUID, notes: Notes) -> None:
    """Numbers, roots and heads follow from the entries, and no entry is left out."""
    number, head = 0, FIRST
    for seal in Seal.objects.filter(tenant_id=tenant_id).order_by("number").iterator(chunk_size=500):
        number += 1
        place = f"seal {seal.number}"
        if seal.number != number:
            notes.wrong(place, f"seals {number} to {seal.number - 1} are missing")
            number = seal.number
        notes.differs(place, "the head before it", bytes(seal.previous_head).hex(), head.hex())
        head = _check_seal(seal, place, notes)
        notes.checked(1)
    for (entry_id,) in _rows(_PASSED, {"tenant": tenant_id}):
        notes.wrong(encode_id(JOURNAL_ENTRY, entry_id), "the seals went past this entry without covering it")
    for (entry_id,) in _rows(_LOST, {"tenant": tenant_id}):
        notes.wrong(encode_id(JOURNAL_ENTRY, entry_id), "the entry is a leaf of a seal that is gone")


def _check_seal(seal: Seal, place: str, notes: Notes) -> bytes:
    """Compare a seal with its leaves; the head that the next one must name."""
    leaves = _rows(_LEAVES, [seal.tenant_id, seal.id])
    stored = bytes(seal.head)
    notes.differs(place, "the number of its leaves", len(leaves), seal.entry_count)
    if [position for position, _, _ in leaves] != list(range(len(leaves))):
        notes.wrong(place, "its leaves are not numbered from 0 on")
    for _, entry_id, digest in leaves:
        if digest is None:
            notes.wrong(place, f"the sealed entry {encode_id(JOURNAL_ENTRY, entry_id)} is gone")
    if leaves and all(digest is not None for _, _, digest in leaves):
        root = merkle_root([bytes(digest) for _, _, digest in leaves])
        notes.differs(place, "its root", bytes(seal.root).hex(), root.hex())
    head = chain_head(
        bytes(seal.previous_head), number=seal.number, count=seal.entry_count, root=bytes(seal.root)
    )  # fmt: skip
    notes.differs(place, "its head", stored.hex(), head.hex())
    return stored


def _rows(sql: str, parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]
