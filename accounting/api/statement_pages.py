"""Cursors of statements: opaque, and bound to the path and the period that they came from."""

from __future__ import annotations

import datetime as dt
from typing import Final
from uuid import UUID

from django.http import HttpRequest

from accounting.statements import Place, Statement
from common.api.pagination import decode_cursor, encode_cursor
from common.errors import InvalidCursor

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PLACE: Final = b"\x01"  # the form of a place in a cursor
_PLACE_BYTES: Final = 25


def place_asked(request: HttpRequest) -> Place | None:
    """Where the page before ended, by the parameter `cursor`. Raises `InvalidCursor`."""
    cursor = request.GET.get("cursor")
    if cursor is None:
        return None
    raw = decode_cursor(cursor, request.GET, path=request.path, size=_PLACE_BYTES)
    try:
        at = _EPOCH + dt.timedelta(microseconds=int.from_bytes(raw[1:9], signed=True))
    except OverflowError as wrong:
        raise InvalidCursor() from wrong
    return Place(at, UUID(bytes=raw[9:]))


def cursor_after(statement: Statement, request: HttpRequest) -> str | None:
    """The cursor of the next page, None on the last."""
    if statement.next is None:
        return None
    micros = (statement.next.at - _EPOCH) // dt.timedelta(microseconds=1)
    raw = _PLACE + micros.to_bytes(8, signed=True) + statement.next.line.bytes
    return encode_cursor(raw, request.GET, path=request.path)


def path_with(request: HttpRequest, cursor: str) -> str:
    """The address of the same list at another cursor."""
    query = request.GET.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"
