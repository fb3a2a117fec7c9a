"""Seals and the proofs that an entry is in one: reads for auditors. Each needs the tenant's scope."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from accounting.models import JournalEntry, JournalLine, Seal, SealedEntry
from accounting.posting import entry_content
from accounting.sealing import inclusion_proofs
from common.canonical import typed_json
from common.errors import NotFound

FEW: Final = 5_000


@dataclass(frozen=True, slots=True)
class Subject:
    """Which entries are meant: those that move an account, those about an object, both together, or all."""

    account_id: UUID | None = None
    source_id: UUID | None = None

    @property
    def everything(self) -> bool:
        """Whether no entry is left out."""
        return self.account_id is None and self.source_id is None


@dataclass(frozen=True, slots=True)
class Proof:
    """An entry as its digest has it, and what leads from its leaf to the root of its seal.

    `salt`, `description` and `metadata` are what `content["text"]` is the digest of; None once they were erased.
    """

    entry_id: UUID
    position: int
    content: dict[str, Any]
    evidence: bytes | None
    salt: bytes | None
    description: str | None
    metadata: dict[str, str] | None
    digest: bytes
    path: Sequence[bytes]


def seals(*, tenant_id: UUID, subject: Subject) -> QuerySet[Seal]:
    """The seals that cover at least one entry of the subject, in no particular order."""
    found = Seal.objects.filter(tenant_id=tenant_id)
    if subject.everything:
        return found
    few = _few_entries(tenant_id, subject)
    if few is not None:
        covering = SealedEntry.objects.filter(tenant_id=tenant_id, entry_id__in=few).values_list("seal_id", flat=True)
        return found.filter(id__in=set(covering))
    # What moves so often is in most seals: they are looked through from the newest on.
    return found.filter(Exists(_leaves(tenant_id, subject).filter(seal_id=OuterRef("id"))))


def get_seal(*, tenant_id: UUID, seal_id: UUID) -> Seal:
    """One seal. Raises `NotFound`."""
    seal = Seal.objects.filter(tenant_id=tenant_id, id=seal_id).first()
    if seal is None:
        raise NotFound()
    return seal


def proofs_of(seal: Seal, *, subject: Subject, limit: int, after: int = -1) -> tuple[list[Proof], int | None]:
    """The proofs of the subject's entries in a seal by their position, and the position after which more follow."""
    chosen = list(
        _leaves(seal.tenant_id, subject)
        .filter(seal_id=seal.id, position__gt=after)
        .order_by("position")
        .values_list("position", "entry_id")[: limit + 1]
    )
    shown = chosen[:limit]
    tree = SealedEntry.objects.filter(tenant_id=seal.tenant_id, seal_id=seal.id).order_by("position")
    digests = [bytes(digest) for digest in tree.values_list("entry__digest", flat=True)] if shown else []
    paths = inclusion_proofs(digests, [position for position, _ in shown]) if shown else []
    entries = JournalEntry.objects.in_bulk([entry_id for _, entry_id in shown])
    lines: dict[UUID, list[tuple[UUID, str, int]]] = defaultdict(list)
    of_these = JournalLine.objects.filter(tenant_id=seal.tenant_id, entry_id__in=entries.keys())
    for line in of_these.order_by("entry_id", "position"):
        lines[line.entry_id].append((line.account_id, line.side, line.amount))
    made = [
        _proof(entries[entry_id], position, lines[entry_id], path)
        for (position, entry_id), path in zip(shown, paths, strict=True)
    ]
    return made, shown[-1][0] if len(chosen) > limit else None


def _few_entries(tenant_id: UUID, subject: Subject) -> list[UUID] | None:
    """The entries of the subject, or None when there are more than `FEW`."""
    if subject.source_id is not None:
        about = JournalEntry.objects.filter(tenant_id=tenant_id, source_id=subject.source_id)
        if subject.account_id is not None:
            about = about.filter(lines__tenant_id=tenant_id, lines__account_id=subject.account_id)
        found = list(about.values_list("id", flat=True)[: FEW + 1])
    elif subject.account_id is not None:
        moving = JournalLine.objects.filter(tenant_id=tenant_id, account_id=subject.account_id)
        found = list(moving.values_list("entry_id", flat=True)[: FEW + 1])
    else:
        return None
    return found if len(found) <= FEW else None


def _leaves(tenant_id: UUID, subject: Subject) -> QuerySet[SealedEntry]:
    leaves = SealedEntry.objects.filter(tenant_id=tenant_id)
    if subject.source_id is not None:
        leaves = leaves.filter(entry__tenant_id=tenant_id, entry__source_id=subject.source_id)
    if subject.account_id is not None:
        moved = JournalLine.objects.filter(
            tenant_id=tenant_id, entry_id=OuterRef("entry_id"), account_id=subject.account_id
        )
        leaves = leaves.filter(Exists(moved))
    return leaves


def _proof(
    entry: JournalEntry, position: int, lines: Sequence[tuple[UUID, str, int]], path: Sequence[bytes]
) -> Proof:  # fmt: skip
    content = entry_content(
        id=entry.id, kind=entry.kind, source_type=entry.source_type, source_id=entry.source_id,
        batch_id=entry.batch_id, reverses=entry.reverses_id, at=entry.created_at, lines=lines,
        text=_bytes(entry.text_digest),
    )  # fmt: skip
    return Proof(
        entry_id=entry.id, position=position, content=json.loads(typed_json(content)),
        evidence=_bytes(entry.evidence), salt=_bytes(entry.salt), description=entry.description,
        metadata=entry.metadata, digest=bytes(entry.digest), path=path,
    )  # fmt: skip


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
