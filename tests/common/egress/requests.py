"""Requests to the loopback servers of the exchange tests."""

import pytest

from common.egress import EgressPolicy, ExchangeFailed, Response, send

LOOPBACK = EgressPolicy.from_setting("127.0.0.0/8, ::1")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def post(url: str, **options) -> Response:
    arguments = {
        "method": "POST", "headers": {}, "body": b"{}", "policy": LOOPBACK, "deadline_seconds": 5.0, **options,
    }  # fmt: skip
    return send(url, **arguments)


def failure_of(url: str, **options) -> ExchangeFailed:
    with pytest.raises(ExchangeFailed) as caught:
        post(url, **options)
    return caught.value
