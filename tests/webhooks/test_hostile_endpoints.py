"""Endpoints that mean ill: none keeps an exchange longer than its deadline, or more than its share of memory."""

from __future__ import annotations

import queue
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.egress import EgressPolicy, parse_url
from tests.webhooks.sink import RawSink, Sink
from webhooks.transport import AddressBook, Exchange, Outcome, Transfers
from webhooks.transport.exchange import MAX_RESPONSE_BYTES

DEADLINE = 1.5
POLICY = EgressPolicy.from_setting("127.0.0.1")


class Caller:
    """Makes single exchanges; they have ten seconds, so that only those that hang come near it."""

    def __init__(self, *, deadline: float = 10, **options: Any) -> None:
        self.outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        book = AddressBook(
            options.pop("policy", POLICY),
            resolver=options.pop("resolver", lambda host, port: ["127.0.0.1"]),
            remembered=options.pop("remembered", 5.0),
        )
        self.transfers = Transfers(book, self.outcomes.put, deadline_seconds=deadline, **options)

    def post(self, url: str, body: bytes = b"{}") -> Outcome:
        """One exchange."""
        self.transfers.start([Exchange(None, parse_url(url), lambda at: ["Content-Type: application/json"], body)])
        return self.outcomes.get(timeout=30)


@pytest.fixture
def caller() -> Iterator[Callable[..., Caller]]:
    """Makes callers."""
    made: list[Caller] = []

    def make(**options: Any) -> Caller:
        made.append(Caller(**options))
        return made[-1]

    yield make
    for one in made:
        one.transfers.stop()


@pytest.fixture
def raw() -> Iterator[Callable[..., RawSink]]:
    """Makes servers that answer with whatever a function writes."""
    made: list[RawSink] = []

    def make(serve: Callable[[socket.socket], None]) -> RawSink:
        made.append(RawSink(serve))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drip(head: bytes, piece: bytes, every: float = 0.05) -> Callable[[socket.socket], None]:
    """Send `head`, then `piece` again and again."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)
            time.sleep(every)

    return serve


def say(answer: bytes) -> Callable[[socket.socket], None]:
    """Send it and close."""
    return lambda connection: connection.sendall(answer)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("serve", "status"),
    [
        (lambda connection: time.sleep(10), None),
        (drip(b"HTTP/1.1 2", b"0"), None),
        (drip(OK, b"X-A: b\r\n"), None),
        (drip(OK + b"Content-Length: 100000\r\n\r\n", b"x"), 200),
        (drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), 200),
        (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), None),
    ],
    ids=["silent", "status line", "headers", "body", "chunks", "interim answers"],
)
def test_whoever_is_slow_is_cut_at_the_deadline(caller, raw, serve, status):
    began = time.monotonic()
    outcome = caller(deadline=DEADLINE).post(f"http://127.0.0.1:{raw(serve).port}/")
    assert DEADLINE - 0.1 <= time.monotonic() - began < DEADLINE + 5
    assert outcome.error == f"No complete answer within {DEADLINE:g} seconds."
    if status:
        assert outcome.status == status
    assert DEADLINE - 0.1 <= outcome.duration_ms / 1000 < DEADLINE + 5


def test_of_an_endless_body_64_kib_are_kept_and_the_status_counts(caller, raw):
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    endless = drip(head, b"4000\r\n" + b"x" * 0x4000 + b"\r\n", every=0)
    outcome = caller().post(f"http://127.0.0.1:{raw(endless).port}/")
    assert (outcome.status, outcome.error) == (200, None)
    assert outcome.body == b"x" * MAX_RESPONSE_BYTES


@pytest.mark.parametrize("size", [0, 1, MAX_RESPONSE_BYTES - 1, MAX_RESPONSE_BYTES, MAX_RESPONSE_BYTES + 1])
def test_a_body_is_kept_up_to_the_limit(caller, raw, size):
    answer = OK + b"Content-Length: %d\r\n\r\n" % size + b"y" * size
    outcome = caller().post(f"http://127.0.0.1:{raw(say(answer)).port}/")
    assert (outcome.status, outcome.error, outcome.body) == (200, None, b"y" * min(size, MAX_RESPONSE_BYTES))


@pytest.mark.parametrize(
    "serve",
    [
        drip(OK, b"X-A: " + b"b" * 2000 + b"\r\n", every=0),
        say(OK + b"X-A: " + b"b" * 200_000 + b"\r\n\r\n"),
    ],
    ids=["many", "one"],
)
def test_endless_headers_end_the_exchange(caller, raw, serve):
    outcome = caller().post(f"http://127.0.0.1:{raw(serve).port}/")
    assert outcome.error is not None
    assert "No complete answer" not in outcome.error


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"hello\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", OK + b"Content-Length: 10\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["nothing", "no HTTP", "no status", "half a body", "no chunk"],
)  # fmt: skip
def test_what_is_no_answer_fails(caller, raw, answer):
    outcome = caller().post(f"http://127.0.0.1:{raw(say(answer)).port}/")
    assert outcome.error == "The server closed the connection early or its answer is not valid HTTP."


@pytest.mark.parametrize("status", [b"099", b"010", b"000"])
def test_what_is_no_status_is_none(caller, raw, status):
    answer = b"HTTP/1.1 " + status + b" What\r\nContent-Length: 0\r\n\r\n"
    outcome = caller().post(f"http://127.0.0.1:{raw(say(answer)).port}/")
    assert outcome.status is None
    assert outcome.error == "The server closed the connection early or its answer is not valid HTTP."


def test_a_request_that_cannot_be_made_ends_nothing_but_itself(caller, sink):
    def broken(at: object) -> list[str]:
        raise LookupError("whatever it is")

    one = caller()
    one.transfers.start([Exchange(None, parse_url(sink.url()), broken, b"")])
    assert one.outcomes.get(timeout=5).error == "The request could not be made (LookupError)."
    assert one.post(sink.url()).status == 200


def test_a_reset_fails(caller, raw):
    def reset(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    assert caller().post(f"http://127.0.0.1:{raw(reset).port}/").error is not None


def test_a_redirect_is_an_answer_like_any_other(caller, raw):
    secret = RawSink(say(OK + b"Content-Length: 6\r\n\r\nsecret"))
    to = f"http://127.0.0.1:{secret.port}/latest/meta-data"
    answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + to.encode() + b"\r\n\r\n"
    outcome = caller().post(f"http://127.0.0.1:{raw(say(answer)).port}/")
    assert (outcome.status, outcome.body, secret.connections) == (302, b"", 0)
    secret.close()


def test_a_compressed_answer_is_not_unpacked(caller, raw):
    import gzip

    packed = gzip.compress(b"0" * 1_000_000)
    answer = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    assert caller().post(f"http://127.0.0.1:{raw(say(answer)).port}/").body == packed


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "0.0.0.0", "nonsense"]
)
def test_one_refused_address_refuses_the_host(caller, address):
    outcome = caller(resolver=lambda host, port: ["192.0.32.8", address]).post("http://hooks.example/")
    assert outcome.error is not None
    assert outcome.error.startswith("The URL may not be called")
    assert address not in outcome.error


def test_a_name_that_is_rebound_is_judged_anew_and_never_asked_by_libcurl(caller, sink):
    answers = [["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    one = caller(resolver=rebinding, remembered=0.2)
    url = sink.url(host="rebound.example")
    assert one.post(url).status == 200
    assert one.post(url).status == 200, "remembered for a moment"
    time.sleep(0.3)
    refused = one.post(url)
    assert refused.error is not None
    assert refused.error.startswith("The URL may not be called")
    assert (len(asked), len(sink.received)) == (2, 2)
    assert sink.received[0].headers["host"] == f"rebound.example:{sink.port}"


def test_a_name_server_that_never_answers_delays_nobody_else(caller, sink):
    def resolver(host: str, port: int) -> list[str]:
        if host.startswith("dead"):
            time.sleep(10)
        return ["127.0.0.1"]

    one = caller(resolver=resolver, deadline=3)
    for number in range(50):
        one.transfers.start([Exchange(number, parse_url(f"http://dead{number}.example/"), lambda at: [], b"")])
    assert one.post(sink.url(host="fine.example")).status == 200
    late = [one.outcomes.get(timeout=10) for _ in range(50)]
    assert {outcome.error for outcome in late} == {"No complete answer within 3 seconds."}


def test_a_name_that_does_not_resolve_says_so(caller):
    def nobody(host: str, port: int) -> list[str]:
        raise OSError("NXDOMAIN with internal details")

    assert caller(resolver=nobody).post("http://nobody.example/").error == (
        "The host name does not resolve to an address."
    )


def test_no_proxy_is_taken_from_the_environment(caller, sink, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert caller().post(sink.url()).status == 200


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for right.example, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/CN=right.example", "-addext", "subjectAltName=DNS:right.example",
            "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def tls_sink(certificate: Path) -> Iterator[Sink]:
    """A receiver that speaks TLS as right.example."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    made = Sink(tls=context)
    yield made
    made.close()


def test_tls_is_verified(caller, tls_sink, certificate):
    trusting = caller(ca_file=str(certificate / "cert.pem"))
    assert trusting.post(tls_sink.url(host="right.example")).status == 200
    wrong = trusting.post(tls_sink.url(host="wrong.example"))
    assert (wrong.status, str(wrong.error).startswith("The certificate was refused")) == (None, True)
    unknown = caller().post(tls_sink.url(host="right.example"))
    assert (unknown.status, str(unknown.error).startswith("The certificate was refused")) == (None, True)
    assert len(tls_sink.received) == 1


def test_a_server_without_tls_fails(caller, sink):
    outcome = caller().post(f"https://right.example:{sink.port}/")
    assert outcome.status is None
    assert str(outcome.error).startswith("TLS failed")
