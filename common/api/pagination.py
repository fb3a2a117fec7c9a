"""Keyset pagination, newest first by id. A cursor is opaque and bound to the list it came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import QueryDict

from common.errors import InvalidCursor, InvalidRequest, Problem

T = TypeVar("T", bound=Model)

PAGE_PARAMETERS = ("limit", "cursor")
DEFAULT_LIMIT = 20
MAX_LIMIT = 100
_ID_BYTES = 16


def page(rows: QuerySet[T], query: QueryDict, *, path: str, ascending: bool = False) -> tuple[Sequence[T], str | None]:
    """One page of `rows` and the cursor of the next, or None at the end. Raises `InvalidRequest`, `InvalidCursor`."""
    limit = read_limit(query)
    bound = _binding(query, path)
    cursor = query.get("cursor")
    if cursor is not None:
        last = UUID(bytes=_decode(cursor, bound, _ID_BYTES))
        rows = rows.filter(pk__gt=last) if ascending else rows.filter(pk__lt=last)
    found = list(rows.order_by("pk" if ascending else "-pk")[: limit + 1])
    if len(found) <= limit:
        return found, None
    return found[:limit], _encode(found[limit - 1].pk.bytes, bound)


def envelope(data: list[Any], next_cursor: str | None) -> dict[str, Any]:
    """The body of every list."""
    return {"data": data, "hasMore": next_cursor is not None, "nextCursor": next_cursor}


def read_limit(query: QueryDict) -> int:
    """How many objects a page has: 1 to 100, by default 20; refused otherwise, never clamped."""
    text = query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise InvalidRequest([Problem("limit", "invalid", "Expected an integer.")])
    limit = int(text)
    if limit < 1:
        raise InvalidRequest([Problem("limit", "too_small", "At least 1.")])
    if limit > MAX_LIMIT:
        raise InvalidRequest([Problem("limit", "too_large", f"At most {MAX_LIMIT}.")])
    return limit


def _binding(query: QueryDict, path: str) -> bytes:
    """What a cursor belongs to: the path and every filter, whatever their order."""
    filters = sorted((name, value) for name, values in query.lists() for value in values if name not in PAGE_PARAMETERS)
    return hashlib.sha256(repr((path, filters)).encode("utf-8", "surrogatepass")).digest()[:8]


def _seal(last: bytes, bound: bytes) -> bytes:
    """What shows that a cursor was made here for this list; it keeps no secret, it finds mistakes."""
    return hashlib.sha256(last + bound).digest()[:8]


def encode_cursor(place: bytes, query: QueryDict, *, path: str) -> str:
    """A cursor for lists that are ordered by something else than an id: `place` says where the page ended."""
    return _encode(place, _binding(query, path))


def decode_cursor(cursor: str, query: QueryDict, *, path: str, size: int) -> bytes:
    """The `size` bytes that a cursor of this list holds. Raises `InvalidCursor`."""
    return _decode(cursor, _binding(query, path), size)


def _encode(place: bytes, bound: bytes) -> str:
    return base64.urlsafe_b64encode(place + _seal(place, bound)).decode().rstrip("=")


def _decode(cursor: str, bound: bytes, size: int) -> bytes:
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError, UnicodeEncodeError) as wrong:
        raise InvalidCursor() from wrong
    if len(raw) != size + 8 or raw[size:] != _seal(raw[:size], bound) or cursor.endswith("="):
        raise InvalidCursor()
    return raw[:size]
