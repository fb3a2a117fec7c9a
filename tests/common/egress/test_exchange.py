"""One exchange with a real server: where it goes, what is sent, and what counts as an answer."""

import contextlib
import socket
import time

import pytest

from common.egress import EgressPolicy, ExchangeFailed, ExchangeFailure, UrlNotAllowed, check_url, send
from tests.common.egress.requests import OK, failure_of, post
from tests.common.egress.servers import Server, answering, read_request, serving


def test_request_arrives_as_written_and_answer_comes_back_whole():
    answer = b"HTTP/1.1 202 Accepted\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 5\r\n\r\nhello"
    with serving(answering(answer)) as server:
        response = post(
            f"http://sink.test:{server.port}/hook?a=1",
            headers={"Content-Type": "application/json", "webhook-id": "msg_1"},
            body=b'{"a":1}',
            resolver=lambda host, port: ["127.0.0.1"],
        )
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /hook?a=1 HTTP/1.1",
        b"Host: sink.test:%d" % server.port,
        b"Content-Type: application/json",
        b"webhook-id: msg_1",
        b"Content-Length: 7",
        b"Accept-Encoding: identity",
        b"Connection: close",
    ]
    assert body == b'{"a":1}'
    assert (response.status, response.body, response.truncated) == (202, b"hello", False)
    assert response.headers == {"x-a": "1, 2", "content-length": "5"}
    assert response.remote_address == "127.0.0.1"
    assert 0 <= response.duration_ms < 5000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_the_answer_and_is_not_followed(status):
    with serving(answering(OK)) as inner:
        location = f"http://127.0.0.1:{inner.port}/"
        answer = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        with serving(answering(answer)) as server:
            response = post(f"http://127.0.0.1:{server.port}/")
    assert (response.status, response.headers["location"]) == (status, location)
    assert inner.connections == 0
    assert server.connections == 1


@pytest.mark.parametrize("status", [400, 404, 410, 500, 503])
def test_error_status_is_an_answer_and_not_retried(status):
    answer = f"HTTP/1.1 {status} No\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno".encode()
    with serving(answering(answer)) as server:
        response = post(f"http://127.0.0.1:{server.port}/")
    assert (response.status, response.body, server.connections) == (status, b"no", 1)


def test_proxy_of_the_environment_is_ignored(monkeypatch):
    with serving(answering(OK)) as proxy, serving(answering(OK)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        assert post(f"http://127.0.0.1:{server.port}/").status == 200
    assert proxy.connections == 0


def test_ipv6_literal_is_called_with_brackets_in_the_host_header():
    try:
        with serving(answering(OK), address="::1") as server:
            response = post(f"http://[::1]:{server.port}/")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    assert b"Host: [::1]:%d\r\n" % server.port in server.requests[0]
    assert response.remote_address == "::1"


def test_second_address_is_tried_when_the_first_refuses():
    with serving(answering(OK), address="127.0.0.2") as server:
        response = post(f"http://sink.test:{server.port}/", resolver=lambda host, port: ["127.0.0.1", "127.0.0.2"])
    assert response.remote_address == "127.0.0.2"


# Names and addresses


def test_rebinding_name_accepted_at_registration_is_refused_at_send():
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])

    def rebinding(host, port):
        return next(answers)

    with serving(answering(OK)) as server:
        url = f"http://rebind.example:{server.port}/"
        target = check_url(url, EgressPolicy(), resolver=rebinding)
        with pytest.raises(ExchangeFailed) as caught:
            send(
                target, method="POST", headers={}, body=b"", policy=EgressPolicy(), deadline_seconds=5,
                resolver=rebinding,
            )  # fmt: skip
    assert caught.value.kind is ExchangeFailure.REFUSED_ADDRESS
    assert "127.0.0.1" not in caught.value.message
    assert server.connections == 0


def test_name_is_resolved_once_per_send_and_the_checked_address_is_connected_to():
    asked = []

    def rebinding(host, port):
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    policy = EgressPolicy.from_setting("127.0.0.2")
    with serving(answering(OK), address="127.0.0.2") as server:
        response = post(f"http://rebind.example:{server.port}/", policy=policy, resolver=rebinding)
        refused = failure_of(f"http://rebind.example:{server.port}/", policy=policy, resolver=rebinding)
    assert asked == ["rebind.example"] * 2
    assert response.remote_address == "127.0.0.2"
    assert refused.kind is ExchangeFailure.REFUSED_ADDRESS
    assert server.connections == 1


@pytest.mark.parametrize("forbidden", ["10.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "169.254.169.254"])
def test_one_forbidden_address_among_several_refuses_the_send(forbidden):
    with serving(answering(OK)) as server:
        failure = failure_of(
            f"http://mixed.example:{server.port}/",
            policy=EgressPolicy.from_setting("127.0.0.1"),
            resolver=lambda host, port: ["127.0.0.1", forbidden],
        )
    assert failure.kind is ExchangeFailure.REFUSED_ADDRESS
    assert server.connections == 0


def unknown(host, port):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("resolver", [unknown, lambda host, port: []])
def test_name_that_does_not_resolve_is_refused_at_send(resolver):
    assert failure_of("http://nowhere.example/", resolver=resolver).kind is ExchangeFailure.UNRESOLVABLE


def test_reserved_name_does_not_resolve_with_the_system_resolver():
    failure = failure_of("http://no-such-host.invalid/", deadline_seconds=10)
    assert failure.kind in {ExchangeFailure.UNRESOLVABLE, ExchangeFailure.TIMEOUT}


def test_system_resolver_finds_localhost_when_the_policy_lists_it():
    with serving(answering(OK)) as server:
        assert post(f"http://localhost:{server.port}/", policy=EgressPolicy.from_setting("localhost")).status == 200


def test_closed_port_fails_as_connect():
    with serving(answering(OK)) as server:
        pass
    assert failure_of(f"http://127.0.0.1:{server.port}/").kind is ExchangeFailure.CONNECT


def test_url_that_is_not_allowed_is_refused_at_send_too():
    with pytest.raises(UrlNotAllowed):
        post("http://127.1/")


# The protocol


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"+OK redis\r\n",
        b"<html>HTTP 0.9</html>",
        b"\x00\xff" * 500,
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
    ids=lambda answer: repr(answer[:24]),
)
def test_answer_that_is_not_http_fails_as_protocol(answer):
    with serving(answering(answer)) as server:
        assert failure_of(f"http://127.0.0.1:{server.port}/").kind is ExchangeFailure.PROTOCOL


def test_answer_before_the_request_is_read_is_returned():
    def hasty(server: Server, connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with serving(hasty) as server:
        assert post(f"http://127.0.0.1:{server.port}/", body=b"x" * 5_000_000).status == 413


def test_head_request_has_no_body():
    with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as server:
        response = post(f"http://127.0.0.1:{server.port}/", method="HEAD", body=b"")
    assert (response.status, response.body, response.truncated) == (200, b"", False)
    assert b"Content-Length" not in server.requests[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nInjected: 1"},
        {"X": "a\nInjected: 1"},
        {"X": "a\r"},
        {"X": "a\n"},
        {"X": "a\n b"},
        {"X": "a\x00b"},
        {"X": " a"},
        {"X": "a "},
        {"X": "ü"},
        {"X\r\nInjected": "1"},
        {"X:": "1"},
        {"X Y": "1"},
        {"": "1"},
        {"Host": "internal"},
        {"host": "internal"},
        {"Content-Length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "keep-alive"},
        {"Accept-Encoding": "gzip"},
    ],
    ids=repr,
)
def test_header_that_could_change_the_message_is_refused_before_connecting(headers):
    with serving(answering(OK)) as server, pytest.raises(ValueError, match="header"):
        post(f"http://127.0.0.1:{server.port}/", headers=headers)
    assert server.connections == 0


@pytest.mark.parametrize("method", ["", "post", "CONNECT", "TRACE", "GET / HTTP/1.1\r\nX:", "GET\n"])
def test_method_that_is_not_listed_is_refused(method):
    with pytest.raises(ValueError, match="method"):
        post("http://127.0.0.1/", method=method)


@pytest.mark.parametrize("options", [{"deadline_seconds": 0}, {"deadline_seconds": -1}, {"max_response_bytes": -1}])
def test_bounds_that_bound_nothing_are_refused(options):
    with pytest.raises(ValueError):
        post("http://127.0.0.1/", **options)


def test_exchange_leaves_no_open_socket():
    closed = []

    def script(server: Server, connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000)
        with contextlib.suppress(OSError):
            closed.append(connection.recv(1) == b"")

    with serving(script) as server:
        post(f"http://127.0.0.1:{server.port}/", max_response_bytes=10)
        time.sleep(0.2)
    assert closed in ([True], [])
