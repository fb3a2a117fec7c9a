"""An exchange ends at its deadline and at its size, whatever the peer does."""

import contextlib
import socket
import time

import pytest

from common.egress import ExchangeFailure
from tests.common.egress.requests import OK, failure_of, post
from tests.common.egress.servers import answering, dripping, serving

# The deadline


def timed_out(url: str, **options) -> bool:
    started = time.monotonic()
    failure = failure_of(url, deadline_seconds=0.5, **options)
    return failure.kind is ExchangeFailure.TIMEOUT and 0.4 < time.monotonic() - started < 3


def test_name_server_that_hangs_is_cut_at_the_deadline():
    def hanging(host, port):
        time.sleep(5)
        return ["127.0.0.1"]

    assert timed_out("http://slow.example/", resolver=hanging)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 ", b"O"),
        (b"", b"H"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["body", "endless-body", "chunks", "trailers", "header-name", "header-value", "reason", "status", "interim"],
)
def test_server_that_drips_is_cut_at_the_deadline(head, piece):
    with serving(dripping(head, piece)) as server:
        assert timed_out(f"http://127.0.0.1:{server.port}/")


def test_server_that_says_nothing_is_cut_at_the_deadline():
    with serving(lambda server, connection: server.stopped.wait(10)) as server:
        assert timed_out(f"http://127.0.0.1:{server.port}/")


def test_server_that_does_not_read_is_cut_at_the_deadline():
    with serving(lambda server, connection: server.stopped.wait(10)) as server:
        assert timed_out(f"http://127.0.0.1:{server.port}/", body=b"x" * 50_000_000)


def test_port_that_does_not_accept_is_cut_at_the_deadline():
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        assert timed_out(f"http://127.0.0.1:{full.getsockname()[1]}/")


def test_answer_after_an_interim_one_is_returned():
    with serving(answering(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)) as server:
        assert post(f"http://127.0.0.1:{server.port}/").body == b"ok"


# The size


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n", b"x" * 65536),
    ],
    ids=["length", "until-close", "chunks", "one-chunk"],
)
def test_endless_body_is_cut_at_the_limit_and_reading_stops(head, piece):
    with serving(dripping(head, piece, every=0.0)) as server:
        response = post(f"http://127.0.0.1:{server.port}/")
    assert response.status == 200
    assert response.body == b"x" * 65536
    assert response.truncated


@pytest.mark.parametrize(("size", "truncated"), [(0, False), (9, False), (10, False), (11, True)])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_body_is_truncated_only_beyond_the_limit(size, truncated, framing):
    body = b"x" * size
    if framing == "length":
        answer = b"Content-Length: %d\r\n\r\n%s" % (size, body)
    elif framing == "chunked":
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        answer = b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    else:
        answer = b"\r\n" + body
    with serving(answering(b"HTTP/1.1 200 OK\r\n" + answer)) as server:
        response = post(f"http://127.0.0.1:{server.port}/", max_response_bytes=10)
    assert (response.body, response.truncated) == (body[:10], truncated)


def test_limit_of_zero_keeps_no_body():
    with serving(answering(OK)) as server:
        response = post(f"http://127.0.0.1:{server.port}/", max_response_bytes=0)
    assert (response.status, response.body, response.truncated) == (200, b"", True)


def test_chunk_of_negative_size_does_not_read_without_end():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"
    with serving(dripping(head, b"x" * 65536, every=0.0)) as server:
        assert failure_of(f"http://127.0.0.1:{server.port}/").kind is ExchangeFailure.PROTOCOL


def test_compressed_body_is_kept_as_sent():
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with serving(answering(answer)) as server:
        assert post(f"http://127.0.0.1:{server.port}/").body == b"\x1f\x8b\x08\x00"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    ],
    ids=["many-headers", "long-header", "interim-answers"],
)
def test_endless_head_is_refused(head, piece):
    with serving(dripping(head, piece, every=0.0)) as server:
        assert failure_of(f"http://127.0.0.1:{server.port}/").kind is ExchangeFailure.PROTOCOL
