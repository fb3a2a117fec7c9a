"""Request bodies: strict JSON, parsed once, before anything else looks at them."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from django.http import HttpRequest
from django.http.request import RawPostDataException, UnreadablePostError

from common.errors import MalformedJson, PayloadTooLarge, UnsupportedMediaType

MAX_DEPTH = 32
# An unfinished string goes on to the end.
_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?$)', re.DOTALL)
_NO_BRACKET: Final = re.compile(r"[^][{}]+")


def read_body(request: HttpRequest, *, limit: int) -> bytes:
    """The body's bytes, at most `limit`; `PayloadTooLarge` without reading the rest of a larger one."""
    if not request.META.get("CONTENT_LENGTH") and request.META.get("HTTP_TRANSFER_ENCODING"):
        return _read_chunked(request, limit)
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not (declared.isascii() and declared.isdigit()):
        raise MalformedJson("The header Content-Length is not a number.")
    # By its length first: Python refuses to read a number of thousands of digits.
    if len(declared) > 19 or int(declared) > limit:
        raise PayloadTooLarge(f"The body may have at most {limit} bytes.")
    try:
        body = request.read(limit + 1)
    except (UnreadablePostError, RawPostDataException) as broken:
        raise MalformedJson("The body could not be read to its end.") from broken
    if len(body) > limit:
        raise PayloadTooLarge(f"The body may have at most {limit} bytes.")
    return bytes(body)


def _read_chunked(request: HttpRequest, limit: int) -> bytes:
    """A body without declared length. Django would take it for empty; the server knows where it ends."""
    stream = request.META["wsgi.input"]
    parts: list[bytes] = []
    size = 0
    try:
        while size <= limit and (part := stream.read(limit + 1 - size)):
            parts.append(part)
            size += len(part)
    except (OSError, ValueError) as broken:
        raise MalformedJson("The body could not be read to its end.") from broken
    if size > limit:
        raise PayloadTooLarge(f"The body may have at most {limit} bytes.")
    return b"".join(parts)


def require_json(request: HttpRequest) -> None:
    """Refuse any other content type than `application/json` in UTF-8 (415)."""
    media, _, parameters = request.META.get("CONTENT_TYPE", "").partition(";")
    name, _, charset = parameters.strip().partition("=")
    known_charset = not parameters.strip() or (
        name.strip().lower() == "charset" and charset.strip().strip('"').lower() in ("utf-8", "utf8")
    )
    if media.strip().lower() != "application/json" or not known_charset:
        raise UnsupportedMediaType("Send the body as application/json; charset=utf-8.")


def parse_json(body: bytes) -> Any:
    """The JSON value of `body`. Refuses duplicate keys, NaN, NUL, lone surrogates and nesting beyond 32 levels."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise MalformedJson("The body is not valid UTF-8.") from wrong
    if "\x00" in text:
        raise MalformedJson("The body contains a NUL character.")
    escapes = "\\u" in text
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise MalformedJson(f"The body is nested deeper than {MAX_DEPTH} levels.")
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except MalformedJson:
        raise
    except (ValueError, RecursionError) as wrong:
        raise MalformedJson("The body is not valid JSON.") from wrong
    if escapes:
        _refuse_escaped(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedJson("An object of the body has the same key twice.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not a JSON number.")


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside strings, without building anything."""
    depth = deepest = 0
    for bracket in _NO_BRACKET.sub("", _STRING.sub("", text)):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _refuse_escaped(value: Any) -> None:
    """NUL and lone surrogates can hide in \\u escapes; neither can be stored as text."""
    if isinstance(value, str):
        if "\x00" in value:
            raise MalformedJson("The body contains a NUL character.")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise MalformedJson("The body contains half of a surrogate pair.")
    elif isinstance(value, list):
        for item in value:
            _refuse_escaped(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_escaped(key)
            _refuse_escaped(item)
