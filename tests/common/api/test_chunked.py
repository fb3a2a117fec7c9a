"""Bodies without a declared length: Django would take them for empty, and an amount would be forgotten."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest

from common.api.parsing import read_body
from common.errors import MalformedJson, PayloadTooLarge


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a network does."""

    def __init__(self, body: bytes) -> None:
        self.body = io.BytesIO(body)

    def read(self, size: int = -1) -> bytes:
        return self.body.read(min(size, 7))


class Broken(io.RawIOBase):
    """A client that went away."""

    def read(self, size: int = -1) -> bytes:
        raise OSError("connection reset")


def chunked(stream: Any) -> WSGIRequest:
    return WSGIRequest({"REQUEST_METHOD": "POST", "wsgi.input": stream, "HTTP_TRANSFER_ENCODING": "chunked"})


def test_a_chunked_body_is_read_to_its_end() -> None:
    assert read_body(chunked(Trickle(b'{"amount": 1, "reference": "x"}')), limit=100) == (
        b'{"amount": 1, "reference": "x"}'
    )


def test_a_chunked_body_beyond_the_limit_is_refused() -> None:
    assert len(read_body(chunked(Trickle(b"x" * 100)), limit=100)) == 100
    with pytest.raises(PayloadTooLarge):
        read_body(chunked(Trickle(b"x" * 101)), limit=100)


def test_a_chunked_body_that_breaks_off_is_malformed() -> None:
    with pytest.raises(MalformedJson):
        read_body(chunked(Broken()), limit=100)
