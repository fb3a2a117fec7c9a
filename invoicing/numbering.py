"""What a number looks like and how a series is chained. Pure."""

from __future__ import annotations

import hashlib
from uuid import UUID

INVOICE_SERIES = "INV"


def number_text(code: str, year: int, number: int) -> str:
    """`INV-2026-0001`; four digits at least, more when they are needed: `INV-2026-10000` follows `INV-2026-9999`."""
    return f"{code}-{year}-{number:04d}"


def genesis(tenant_id: UUID, code: str, year: int) -> bytes:
    """The hash before the first document of a series."""
    return hashlib.sha256(f"ledger series {tenant_id} {code} {year}".encode()).digest()


def chain(previous: bytes, content_digest: bytes, text: str) -> bytes:
    """The hash of a document: SHA-256 over its predecessor's hash, its content's digest and its number."""
    return hashlib.sha256(previous + content_digest + text.encode()).digest()
