"""TLS is verified against the host name of the URL although the connection goes to an address."""

import socket
import ssl
import time

import pytest

from common.egress import EgressPolicy, ExchangeFailed, ExchangeFailure, Response, send
from tests.common.egress.servers import CertificateAuthority, answering, dripping, serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POLICY = EgressPolicy.from_setting("127.0.0.1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> CertificateAuthority:
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


def post(url: str, context: ssl.SSLContext | None, deadline_seconds: float = 5.0) -> Response:
    return send(
        url,
        method="POST",
        headers={},
        body=b"{}",
        policy=POLICY,
        deadline_seconds=deadline_seconds,
        resolver=lambda host, port: ["127.0.0.1"],
        ssl_context=context,
    )


def failure_of(url: str, context: ssl.SSLContext | None, deadline_seconds: float = 5.0) -> ExchangeFailed:
    with pytest.raises(ExchangeFailed) as caught:
        post(url, context, deadline_seconds)
    return caught.value


def test_certificate_for_the_host_is_accepted_and_sni_carries_the_host(authority):
    context = authority.server_context("hooks.example")
    names = []
    context.sni_callback = lambda connection, name, context: names.append(name)
    with serving(answering(OK), tls=context) as server:
        response = post(f"https://Hooks.example.:{server.port}/", authority.client_context())
    assert (response.status, response.body, response.remote_address) == (200, b"ok", "127.0.0.1")
    assert names == ["hooks.example"]
    assert b"Host: hooks.example:%d\r\n" % server.port in server.requests[0]


def test_certificate_for_an_address_is_accepted_for_that_address(authority):
    with serving(answering(OK), tls=authority.server_context("127.0.0.1")) as server:
        assert post(f"https://127.0.0.1:{server.port}/", authority.client_context()).status == 200


@pytest.mark.parametrize(
    "issued_for", ["other.example", "example", "127.0.0.1", "sub.hooks.example", "*.hooks.example"]
)
def test_certificate_for_another_host_is_refused_and_nothing_is_sent(authority, issued_for):
    with serving(answering(OK), tls=authority.server_context(issued_for)) as server:
        failure = failure_of(f"https://hooks.example:{server.port}/", authority.client_context())
    assert failure.kind is ExchangeFailure.TLS
    assert server.requests == []


def test_certificate_of_an_unknown_authority_is_refused(authority):
    with serving(answering(OK), tls=authority.server_context("hooks.example")) as server:
        failure = failure_of(f"https://hooks.example:{server.port}/", None)
    assert failure.kind is ExchangeFailure.TLS
    assert server.requests == []


def test_expired_certificate_is_refused(authority):
    with serving(answering(OK), tls=authority.server_context("hooks.example", expired=True)) as server:
        failure = failure_of(f"https://hooks.example:{server.port}/", authority.client_context())
    assert failure.kind is ExchangeFailure.TLS
    assert "expired" in failure.message


def test_server_without_tls_fails_as_tls(authority):
    with serving(lambda server, connection: connection.sendall(OK)) as server:
        failure = failure_of(f"https://hooks.example:{server.port}/", authority.client_context())
    assert failure.kind is ExchangeFailure.TLS


def test_plain_request_to_a_tls_port_is_not_answered(authority):
    with serving(answering(OK), tls=authority.server_context("hooks.example")) as server:
        assert failure_of(f"http://hooks.example:{server.port}/", None).kind is ExchangeFailure.PROTOCOL


def test_handshake_that_hangs_is_cut_at_the_deadline(authority):
    with serving(lambda server, connection: server.stopped.wait(10)) as server:
        started = time.monotonic()
        failure = failure_of(f"https://hooks.example:{server.port}/", authority.client_context(), 0.5)
    assert failure.kind is ExchangeFailure.TIMEOUT
    assert 0.4 < time.monotonic() - started < 3


def test_handshake_that_drips_is_cut_at_the_deadline(authority):
    def drip(server, connection: socket.socket) -> None:
        connection.recv(65536)
        # The header of a handshake record of 16 KiB, then its content byte by byte.
        connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
        while not server.stopped.wait(0.05):
            connection.sendall(b"\x00")

    with serving(drip) as server:
        started = time.monotonic()
        failure = failure_of(f"https://hooks.example:{server.port}/", authority.client_context(), 0.5)
    assert failure.kind is ExchangeFailure.TIMEOUT
    assert 0.4 < time.monotonic() - started < 3


def test_body_that_drips_over_tls_is_cut_at_the_deadline(authority):
    script = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")
    with serving(script, tls=authority.server_context("hooks.example")) as server:
        started = time.monotonic()
        failure = failure_of(f"https://hooks.example:{server.port}/", authority.client_context(), 0.5)
    assert failure.kind is ExchangeFailure.TIMEOUT
    assert 0.4 < time.monotonic() - started < 3


def test_endless_body_over_tls_is_cut_at_the_limit(authority):
    script = dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, every=0.0)
    with serving(script, tls=authority.server_context("hooks.example")) as server:
        response = post(f"https://hooks.example:{server.port}/", authority.client_context())
    assert (len(response.body), response.truncated) == (65536, True)


def test_context_that_verifies_nothing_is_refused():
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(ValueError, match="verify"):
        post("https://hooks.example/", context)
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises(ValueError, match="verify"):
        post("https://hooks.example/", context)
