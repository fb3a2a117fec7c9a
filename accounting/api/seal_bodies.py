"""Seals as the API shows them: every documented field present."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accounting.models import Seal
from accounting.proofs import Proof
from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import JOURNAL_ENTRY, SEAL


def seal_body(seal: Seal) -> dict[str, Any]:
    """The object `seal`."""
    return {
        "id": encode_id(SEAL, seal.id),
        "object": "seal",
        "number": seal.number,
        "entryCount": seal.entry_count,
        "root": bytes(seal.root).hex(),
        "previousHead": bytes(seal.previous_head).hex(),
        "head": bytes(seal.head).hex(),
        "createdAt": format_instant(seal.sealed_at),
    }


def seal_with_proofs_body(seal: Seal, proofs: Sequence[Proof], *, next_cursor: str | None) -> dict[str, Any]:
    """The same with the proofs of some of its entries."""
    return {
        **seal_body(seal),
        "proofs": [_proof(one) for one in proofs],
        "hasMore": next_cursor is not None,
        "nextCursor": next_cursor,
    }


def _proof(proof: Proof) -> dict[str, Any]:
    text = None
    if proof.salt is not None:
        text = {"salt": proof.salt.hex(), "description": proof.description, "metadata": proof.metadata or {}}
    return {
        "entryId": encode_id(JOURNAL_ENTRY, proof.entry_id),
        "position": proof.position,
        "content": proof.content,
        "evidence": proof.evidence.hex() if proof.evidence is not None else None,
        "text": text,
        "digest": proof.digest.hex(),
        "path": [one.hex() for one in proof.path],
    }
