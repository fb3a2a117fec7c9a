"""What is to be posted, before the database sees it: lines, balances of sides, reversal, digests. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from accounting.enums import DEBIT_TYPES, AccountType, EntryKind, Side
from common.canonical import typed_json
from common.ids import new_id

ENTRY_VERSION: Final = 1
"""Of the form that the digest covers."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One line to be: `amount` minor units of the account's unit on one side."""

    account_id: UUID
    side: Side
    amount: int


@dataclass(frozen=True, slots=True)
class Source:
    """What an entry is about: an object of any app."""

    type: str
    id: UUID


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An entry to be. `description` and `metadata` are what people wrote; `salt` is there when either is.

    `evidence` is the digest (32 bytes) of a document that the entry stands for. `at` is business time.
    """

    lines: Sequence[Posting]
    at: dt.datetime
    kind: str = EntryKind.MANUAL
    source: Source | None = None
    batch_id: str | None = None
    reverses: UUID | None = None
    description: str | None = None
    metadata: Mapping[str, str] | None = None
    evidence: bytes | None = None
    id: UUID = field(default_factory=new_id)
    salt: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def has_text(self) -> bool:
        """Whether people wrote something."""
        return self.description is not None or bool(self.metadata)

    def text_digest(self) -> bytes | None:
        """The salted digest of what people wrote, or None."""
        return text_digest(self.salt, self.description, self.metadata) if self.has_text else None

    def digest(self) -> bytes:
        """What seals cover. The same as `entry_digest` of the stored row."""
        return entry_digest(
            id=self.id, kind=self.kind, source_type=self.source.type if self.source else None,
            source_id=self.source.id if self.source else None, batch_id=self.batch_id, reverses=self.reverses,
            at=self.at, lines=[(line.account_id, line.side, line.amount) for line in self.lines],
            text=self.text_digest(), evidence=self.evidence,
        )  # fmt: skip


def debit(account_id: UUID, amount: int) -> Posting:
    """A debit of `amount` minor units."""
    return Posting(account_id, Side.DEBIT, amount)


def credit(account_id: UUID, amount: int) -> Posting:
    """A credit of `amount` minor units."""
    return Posting(account_id, Side.CREDIT, amount)


def text_digest(salt: bytes, description: str | None, metadata: Mapping[str, Any] | None) -> bytes:
    """SHA-256 of salt and text: what is left of it when the text is erased tells nothing."""
    return hashlib.sha256(salt + typed_json({"description": description, "metadata": dict(metadata or {})})).digest()


def entry_digest(
    *, id: UUID, kind: str, source_type: str | None, source_id: UUID | None, batch_id: str | None,  # noqa: A002
    reverses: UUID | None, at: dt.datetime, lines: Iterable[tuple[UUID, str, int]], text: bytes | None,
    evidence: bytes | None,
) -> bytes:  # fmt: skip
    """The digest of an entry: SHA-256 of the digest of its content and of its evidence.

    Two steps, because the evidence of an invoice (its link in the chain) is known only to the statement that issues it.
    """
    return hashlib.sha256(
        content_digest(
            id=id, kind=kind, source_type=source_type, source_id=source_id, batch_id=batch_id, reverses=reverses, at=at,
            lines=lines, text=text,
        ) + (evidence or b"")
    ).digest()  # fmt: skip


def content_digest(
    *, id: UUID, kind: str, source_type: str | None, source_id: UUID | None, batch_id: str | None,  # noqa: A002
    reverses: UUID | None, at: dt.datetime, lines: Iterable[tuple[UUID, str, int]], text: bytes | None,
) -> bytes:  # fmt: skip
    """SHA-256 of the canonical JSON of an entry, without its evidence."""
    return hashlib.sha256(
        typed_json(
            entry_content(
                id=id, kind=kind, source_type=source_type, source_id=source_id, batch_id=batch_id, reverses=reverses,
                at=at, lines=lines, text=text,
            )
        )
    ).digest()  # fmt: skip


def entry_content(
    *, id: UUID, kind: str, source_type: str | None, source_id: UUID | None, batch_id: str | None,  # noqa: A002
    reverses: UUID | None, at: dt.datetime, lines: Iterable[tuple[UUID, str, int]], text: bytes | None,
) -> dict[str, Any]:  # fmt: skip
    """What the digest of an entry covers besides its evidence, lines in their order. docs/auditing.md shows it."""
    return {
        "v": ENTRY_VERSION, "id": id, "kind": str(kind), "sourceType": source_type, "sourceId": source_id,
        "batchId": batch_id, "reverses": reverses, "at": at,
        "lines": [[account, str(side), amount] for account, side, amount in lines],
        "text": text.hex() if text is not None else None,
    }  # fmt: skip


def natural(account_type: str, side: str, amount: int) -> int:
    """What a line does to a balance, from the account's own point of view: credit − debit for liabilities, income and
    equity, debit − credit for assets and expenses.
    """
    return amount if (AccountType(account_type) in DEBIT_TYPES) == (side == Side.DEBIT) else -amount


def reversed_lines(lines: Iterable[Posting]) -> list[Posting]:
    """The same lines with the sides exchanged."""
    other = {Side.DEBIT: Side.CREDIT, Side.CREDIT: Side.DEBIT}
    return [Posting(line.account_id, other[Side(line.side)], line.amount) for line in lines]
