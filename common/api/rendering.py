"""Answers as bytes: orjson, camelCase already, nothing left to a renderer."""

from __future__ import annotations

import json
from typing import Any

import orjson
from django.http import HttpResponse

from common.files import File


def dumps(value: Any) -> bytes:
    """JSON bytes. Amounts are bounded by 10^15, but a step on the way to one may be an integer beyond 64 bits."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def json_response(status: int, value: Any, *, headers: dict[str, str] | None = None) -> HttpResponse:
    """A JSON answer; 204 has no body."""
    return body_response(status, b"" if status == 204 else dumps(value), headers=headers)


def body_response(status: int, body: bytes, *, headers: dict[str, str] | None = None) -> HttpResponse:
    """An answer whose bytes exist already, as replays do."""
    if not body:
        response = HttpResponse(status=status, headers=headers)
        del response["Content-Type"]
        return response
    return HttpResponse(body, status=status, content_type="application/json; charset=utf-8", headers=headers)


def file_response(file: File, *, inline: bool = False) -> HttpResponse:
    """A file to be kept, or with `inline` one that browsers show where they can."""
    disposition = f'{"inline" if inline else "attachment"}; filename="{file.name}"'
    return HttpResponse(file.content, content_type=file.media_type, headers={"Content-Disposition": disposition})
