"""The thread that makes the exchanges: libcurl's multi interface on a selector.

One handle per exchange, handles and connections used again. libcurl says which sockets it waits for and when its next
timer runs out; a thousand hanging exchanges cost nothing until one of these happens.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

import pycurl

from common.clock import SystemClock
from common.egress import Target
from webhooks.transport.addresses import AddressBook, Place
from webhooks.transport.exchange import DEADLINE_SECONDS, MAX_HEADER_BYTES, MAX_RESPONSE_BYTES, Exchange, Outcome

MAX_ADDRESSES_TRIED: Final = 4
MAX_IDLE_CONNECTIONS: Final = 512
IDLE_SECONDS: Final = 20
LIFETIME_SECONDS: Final = 120
_RETRY_AFTER: Final = b"retry-after:"
_WAITS_FOR: Final = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}
_NO_ANSWER: Final = "The server closed the connection early or its answer is not valid HTTP."

logger = logging.getLogger(__name__)
_clock = SystemClock()


class Transfers:
    """Makes exchanges on a thread of its own and calls `done` with each outcome, from that thread.

    `start` may be called from any thread. Whoever starts bounds how many are under way.
    """

    def __init__(
        self,
        book: AddressBook,
        done: Callable[[Outcome], None],
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        ca_file: str | None = None,
    ) -> None:
        self._book, self._done, self._deadline = book, done, deadline_seconds
        self._ca_file = ca_file
        self._inbox: deque[Callable[[], None]] = deque()
        self._lookups: dict[int, _Waiting] = {}
        self._free: list[_Slot] = []
        self._slots: dict[Any, _Slot] = {}
        self._timer: float | None = None
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.settimeout(0)
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, MAX_IDLE_CONNECTIONS)
        self._thread = threading.Thread(target=self._run, name="webhooks-transfers", daemon=True)
        self._thread.start()

    def start(self, exchanges: Iterable[Exchange]) -> None:
        """Begin these as soon as possible."""
        batch = list(exchanges)
        if threading.current_thread() is self._thread:
            self._inbox.append(lambda: self._begin_all(batch))  # this turn ends with it
        else:
            self._post(lambda: self._begin_all(batch))

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread; exchanges under way are broken off without an outcome."""
        self._ending = True
        self._wake()
        self._thread.join(5)

    def _post(self, work: Callable[[], None]) -> None:
        self._inbox.append(work)
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"x")
        except BlockingIOError:
            pass  # it is awake

    def _run(self) -> None:
        try:
            while not self._ending:
                self._turn()
        except Exception:
            # Without this thread nothing is delivered: the claims run out, and another process takes them over.
            logger.exception("The transfers ended")
        finally:
            for slot in list(self._slots.values()):
                self._multi.remove_handle(slot.curl)
            self._multi.close()
            self._selector.close()

    def _turn(self) -> None:
        ready = self._selector.select(self._patience())
        for key, events in ready:
            if key.fileobj is self._wake_out:
                self._stay_awake()
                continue
            mask = (pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0) | (
                pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
            )
            self._multi.socket_action(key.fd, mask)
        if self._timer is not None and self._timer <= time.monotonic():
            self._timer = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._finish_all()
        self._give_up_lookups()
        while self._inbox:
            self._inbox.popleft()()

    def _patience(self) -> float | None:
        ends = [self._timer] if self._timer is not None else []
        if self._lookups:
            ends.append(next(iter(self._lookups.values())).until)  # in the order of their beginning
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _stay_awake(self) -> None:
        try:
            while self._wake_out.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _watch(self, event: int, descriptor: int, _multi: Any, _data: Any) -> None:
        """libcurl's wish to be told about a socket."""
        known = descriptor in self._selector.get_map()
        if event == pycurl.POLL_REMOVE:
            if known:
                self._selector.unregister(descriptor)
        elif known:
            self._selector.modify(descriptor, _WAITS_FOR[event])
        else:
            self._selector.register(descriptor, _WAITS_FOR[event])

    def _set_timer(self, milliseconds: int) -> None:
        self._timer = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000

    def _begin_all(self, exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            begun = _Waiting(exchange, _clock.now(), time.monotonic(), self._deadline)
            place = self._book.find(exchange.target, functools.partial(self._found, begun))
            if place is None:
                self._lookups[id(begun)] = begun
            else:
                self._transfer(begun, place)

    def _found(self, begun: _Waiting, _target: Target, place: Place) -> None:
        """Called from the thread of the lookup."""
        self._post(lambda: self._continue(begun, place))

    def _continue(self, begun: _Waiting, place: Place) -> None:
        if self._lookups.pop(id(begun), None) is not None:
            self._transfer(begun, place)

    def _give_up_lookups(self) -> None:
        now = time.monotonic()
        for begun in [one for one in self._lookups.values() if one.until <= now]:
            del self._lookups[id(begun)]
            begun.answer(self._done, error=self._timeout())

    def _timeout(self) -> str:
        return f"No complete answer within {self._deadline:g} seconds."

    def _transfer(self, begun: _Waiting, place: Place) -> None:
        if place.refusal is not None:
            begun.answer(self._done, error=place.refusal)
            return
        try:
            slot = self._free.pop() if self._free else _Slot(self._ca_file)
            slot.prepare(begun, place)
        except Exception as broken:  # whatever it is, the thread goes on with the others
            begun.answer(self._done, error=f"The request could not be made ({type(broken).__name__}).")
            return
        self._slots[slot.curl] = slot
        self._multi.add_handle(slot.curl)

    def _finish_all(self) -> None:
        more = 1
        while more and self._slots:
            more, good, bad = self._multi.info_read()
            for curl in good:
                self._finish(curl, 0, "")
            for curl, code, message in bad:
                self._finish(curl, code, message)

    def _finish(self, curl: Any, code: int, message: str) -> None:
        slot = self._slots.pop(curl)
        self._multi.remove_handle(curl)
        begun = slot.begun
        assert begun is not None
        status = curl.getinfo(pycurl.RESPONSE_CODE)
        begun.answer(
            # libcurl takes any three digits, also those that are no status.
            self._done, status=status if status >= 100 else None, body=slot.kept(),
            retry_after=slot.retry_after, error=self._problem(slot, code, message),
        )  # fmt: skip
        slot.begun = None
        self._free.append(slot)

    def _problem(self, slot: _Slot, code: int, message: str) -> str | None:
        if code == 0 or slot.full:
            return None
        if slot.refused:
            return "The URL may not be called: the host resolves to an address that was not checked."
        match code:
            case pycurl.E_OPERATION_TIMEDOUT:
                return self._timeout()
            case pycurl.E_COULDNT_CONNECT:
                return "Connecting failed."
            case pycurl.E_PEER_FAILED_VERIFICATION:
                return f"The certificate was refused: {_reason(message)}."
            case pycurl.E_SSL_CONNECT_ERROR | pycurl.E_SSL_CIPHER | pycurl.E_SSL_CACERT_BADFILE:
                return f"TLS failed: {_reason(message)}."
            case pycurl.E_WRITE_ERROR:
                return f"The headers of the answer are longer than {MAX_HEADER_BYTES // 1024} KiB."
            case _:
                return _NO_ANSWER


class _Waiting:
    """An exchange that has begun."""

    __slots__ = ("at", "exchange", "started", "until")

    def __init__(self, exchange: Exchange, at: dt.datetime, started: float, deadline: float) -> None:
        self.exchange, self.at, self.started = exchange, at, started
        self.until = started + deadline

    def answer(
        self, done: Callable[[Outcome], None], *, status: int | None = None, body: bytes = b"",
        retry_after: str | None = None, error: str | None = None,
    ) -> None:  # fmt: skip
        duration = int((time.monotonic() - self.started) * 1000)
        done(Outcome(self.exchange, self.at, duration, status, body, retry_after, error))


class _Slot:
    """A libcurl handle with what it received."""

    __slots__ = ("allowed", "begun", "chunks", "curl", "full", "header_bytes", "refused", "retry_after", "size")

    def __init__(self, ca_file: str | None) -> None:
        self.curl: Any = _new_handle(ca_file)
        self.curl.setopt(pycurl.WRITEFUNCTION, self._take_body)
        self.curl.setopt(pycurl.HEADERFUNCTION, self._take_header)
        self.curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        self.begun: _Waiting | None = None

    def prepare(self, begun: _Waiting, place: Place) -> None:
        """Fill the handle. Raises what libcurl refuses."""
        self.begun, self.allowed = begun, place.addresses[:MAX_ADDRESSES_TRIED]
        self.chunks: list[bytes] = []
        self.size = self.header_bytes = 0
        self.full = self.refused = False
        self.retry_after: str | None = None
        exchange, curl = begun.exchange, self.curl
        target = exchange.target
        curl.setopt(pycurl.URL, target.url)
        if target.address is None:
            # The only answer libcurl has for this name: it never asks anybody itself.
            listed = ",".join(f"[{one}]" if isinstance(one, IPv6Address) else str(one) for one in self.allowed)
            curl.setopt(pycurl.RESOLVE, [f"+{target.host}:{target.port}:{listed}"])
        curl.setopt(pycurl.HTTPHEADER, [*exchange.headers(_clock.now()), "Expect:"])
        curl.setopt(pycurl.POSTFIELDS, exchange.body)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int((begun.until - time.monotonic()) * 1000)))

    def kept(self) -> bytes:
        """The answer's body, as far as it is kept."""
        return self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)

    def _take_body(self, data: bytes) -> int:
        room = MAX_RESPONSE_BYTES - self.size
        if len(data) <= room:
            self.chunks.append(data)
            self.size += len(data)
            return len(data)
        self.chunks.append(data[:room])
        self.size, self.full = MAX_RESPONSE_BYTES, True
        return 0  # enough: libcurl ends the exchange

    def _take_header(self, line: bytes) -> int:
        self.header_bytes += len(line)
        if self.header_bytes > MAX_HEADER_BYTES:
            return 0
        if line[:1] in b"rR" and line[:12].lower() == _RETRY_AFTER:
            self.retry_after = line[12:].decode("latin-1").strip()[:64]
        return len(line)

    def _open_socket(self, _purpose: int, address: Any) -> Any:
        """The last look at the address, when libcurl is about to connect to it."""
        family, kind, protocol, where = address
        if ip_address(where[0]) not in self.allowed:
            self.refused = True
            return pycurl.SOCKET_BAD
        return socket.socket(family, kind, protocol)


def _new_handle(ca_file: str | None) -> Any:
    curl = pycurl.Curl()
    curl.setopt(pycurl.POST, 1)
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.PROXY, "")  # not even from the environment
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.SSL_VERIFYPEER, 1)
    curl.setopt(pycurl.SSL_VERIFYHOST, 2)
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
    trusted = ssl.get_default_verify_paths()
    if ca_file or trusted.cafile:
        curl.setopt(pycurl.CAINFO, ca_file or trusted.cafile)
    if trusted.capath and not ca_file:
        curl.setopt(pycurl.CAPATH, trusted.capath)
    curl.setopt(pycurl.MAXAGE_CONN, IDLE_SECONDS)
    curl.setopt(pycurl.MAXLIFETIME_CONN, LIFETIME_SECONDS)
    return curl


def _reason(message: str) -> str:
    """libcurl's words without what changes from version to version."""
    return message.rpartition("SSL: ")[2].strip().rstrip(".")[:200] or "handshake failure"
