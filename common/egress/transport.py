"""One guarded HTTP exchange: resolve, check, connect to the checked address, send, read a bounded answer.

Built on `socket`, `ssl` and the response parser of `http.client` instead of a client library. A library's work is what
has to be kept from happening here: it resolves the name again when it connects, follows redirects, retries, reuses
connections, takes a proxy from the environment, unpacks compressed bodies, and its timeouts start anew with every read.
What remains to be written once these are gone is one connect, one handshake, one write and one loop of reads.

Every operation on the socket gets the time that is left of the whole exchange as its timeout, so a peer that sends one
byte a second is cut at the deadline like one that sends nothing. The bytes read from the wire are bounded as well, not
only the body: endless headers, interim answers or chunk extensions end the exchange.
"""

import functools
import http.client
import io
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from common.egress.addresses import Address
from common.egress.connection import connect, require_verifying, start_tls
from common.egress.errors import ExchangeFailed, ExchangeFailure
from common.egress.policy import EgressPolicy
from common.egress.resolution import Deadline, Resolver, permitted_addresses, resolve_with_system
from common.egress.urls import Target, parse_url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_RESPONSE_BYTES = 65536
_MAX_FRAMING_BYTES = 131072
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_HEADER_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?")
_OWN_HEADERS = frozenset(
    {
        "host", "connection", "content-length", "transfer-encoding", "accept-encoding",
        "expect", "upgrade", "te", "trailer", "keep-alive", "proxy-connection", "proxy-authorization",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of any status, a redirect too.

    `headers` has lower-case names, repeated ones joined by a comma. `body` is what came over the wire, never unpacked;
    `truncated` says that there was more of it. Headers and body are the peer's words: a text column of PostgreSQL takes
    them only after NUL is replaced. `remote_address` is the address that was checked and connected to.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    duration_ms: int
    remote_address: str


def send(
    url: str | Target,
    *,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    policy: EgressPolicy,
    deadline_seconds: float,
    max_response_bytes: int = MAX_RESPONSE_BYTES,
    resolver: Resolver = resolve_with_system,
    ssl_context: ssl.SSLContext | None = None,
) -> Response:
    """Send one request and return its answer; the name is resolved and checked now, whatever was checked before.

    `deadline_seconds` bounds the lookup, connecting, TLS, writing and reading together. At most `max_response_bytes` of
    the body are kept; then reading stops. `ssl_context` replaces the system's trust store; it must verify host names.
    A name with several addresses is tried in their order, at most four, but only when each of them is permitted.

    Raises `UrlNotAllowed` for a text that is no permitted URL, `ExchangeFailed` when no complete answer arrived, and
    `ValueError` for a request that must not be written to the wire: an unknown method, line breaks in a header, or a
    header that belongs to the transport, such as `Host` and `Content-Length`.
    """
    deadline = Deadline(deadline_seconds)
    target = parse_url(url) if isinstance(url, str) else url
    request = _request_bytes(target, method, headers, body)
    if ssl_context is not None:
        require_verifying(ssl_context)
    if max_response_bytes < 0:
        raise ValueError("max_response_bytes must not be negative.")
    addresses = permitted_addresses(target, policy, resolver=resolver, deadline=deadline)
    connection, address = connect(addresses, target.port, deadline)
    try:
        if target.scheme == "https":
            connection = start_tls(connection, target.host, ssl_context or _default_ssl_context(), deadline)
        _write(connection, request, deadline)
        return _read(connection, method, address, max_response_bytes, deadline)
    finally:
        connection.close()


def _request_bytes(target: Target, method: str, headers: Mapping[str, str], body: bytes) -> bytes:
    if method not in _METHODS:
        raise ValueError(f"method {method!r} is not one of {', '.join(sorted(_METHODS))}.")
    lines = [f"{method} {target.path_and_query} HTTP/1.1", f"Host: {target.host_header}"]
    for name, value in headers.items():
        if _HEADER_NAME.fullmatch(name) is None:
            raise ValueError(f"header name {name!r} contains a character that is not allowed.")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"header {name} is set by the transport.")
        if _HEADER_VALUE.fullmatch(value) is None:
            raise ValueError(f"the value of header {name} must be printable ASCII on one line.")
        lines.append(f"{name}: {value}")
    if body or method in {"POST", "PUT", "PATCH"}:
        lines.append(f"Content-Length: {len(body)}")
    # Identity: a compressed answer would have to be unpacked to be shown, and a small one can unpack to gigabytes.
    lines += ["Accept-Encoding: identity", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("ascii") + body


def _write(connection: socket.socket, request: bytes, deadline: Deadline) -> None:
    unsent = memoryview(request)
    try:
        while unsent:
            connection.settimeout(deadline.remaining())
            unsent = unsent[connection.send(unsent) :]
    except TimeoutError as error:
        raise deadline.exceeded() from error
    except OSError:
        # A server may answer 413 and close before it has read everything. Its answer decides; reading tells if there
        # is none.
        return


def _read(
    connection: socket.socket, method: str, address: Address, max_response_bytes: int, deadline: Deadline
) -> Response:
    wire = _Wire(connection, deadline, max_response_bytes + _MAX_FRAMING_BYTES)
    # The parser asks its socket for nothing but a file.
    response = http.client.HTTPResponse(cast(socket.socket, wire), method=method)
    try:
        response.begin()
        if 100 <= response.status < 200:
            raise http.client.UnknownProtocol(f"interim status {response.status}")
        kept, truncated = _read_body(response, max_response_bytes)
    except TimeoutError as error:
        raise deadline.exceeded() from error
    except (http.client.HTTPException, OSError, ValueError, _TooMuchFraming) as error:
        raise ExchangeFailed(
            ExchangeFailure.PROTOCOL, "The server closed the connection early or its answer is not valid HTTP."
        ) from error
    finally:
        response.close()
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Response(
        status=response.status,
        headers=headers,
        body=kept,
        truncated=truncated,
        duration_ms=deadline.elapsed_ms(),
        remote_address=str(address),
    )


def _read_body(response: http.client.HTTPResponse, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes, and whether there were more. One byte is read beyond the limit to know."""
    # readinto, not read: given a chunk of size -1, read takes everything until the connection closes.
    received = bytearray(limit + 1)
    filled = 0
    try:
        while filled <= limit:
            count = response.readinto(memoryview(received)[filled:])
            if not count:
                break
            filled += count
    except _TooMuchFraming:
        return bytes(received[: min(filled, limit)]), True
    if filled <= limit and response.length:
        raise http.client.IncompleteRead(bytes(received[:filled]), response.length)
    return bytes(received[: min(filled, limit)]), filled > limit


class _TooMuchFraming(Exception):
    """More bytes arrived than body and headers of a reasonable answer take."""


class _Wire(io.RawIOBase):
    """The receiving side of a socket under the deadline and a budget of bytes, as the parser's file."""

    def __init__(self, connection: socket.socket, deadline: Deadline, budget: int) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        if self._budget <= 0:
            raise _TooMuchFraming
        self._connection.settimeout(self._deadline.remaining())
        count = self._connection.recv_into(buffer)
        self._budget -= count
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)


@functools.cache
def _default_ssl_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
