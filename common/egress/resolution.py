"""From a target to the addresses that may be connected to, within a deadline."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence

from common.egress.addresses import Address, parse_address, why_not_public
from common.egress.errors import ExchangeFailed, ExchangeFailure, UrlNotAllowed, UrlRule
from common.egress.policy import EgressPolicy
from common.egress.urls import Target, parse_url

Resolver = Callable[[str, int], Sequence[str]]
"""Called with host and port, gives addresses as text; raises `OSError` or gives none when the name is unknown."""

REGISTRATION_DEADLINE_SECONDS = 3.0

# A lookup cannot be cancelled, only abandoned. Without a bound, a name server that never answers would collect threads
# for as long as the process runs.
_LOOKUPS_AT_ONCE = 64
_lookup_slots = threading.BoundedSemaphore(_LOOKUPS_AT_ONCE)


class Deadline:
    """A point in real time by which a whole exchange is over."""

    def __init__(self, seconds: float) -> None:
        if seconds <= 0:
            raise ValueError("deadline_seconds must be positive.")
        self._seconds = seconds
        self._started = time.monotonic()

    def remaining(self) -> float:
        """Seconds left, always positive. Raises `ExchangeFailed` of kind timeout when there are none."""
        left = self._started + self._seconds - time.monotonic()
        if left <= 0:
            raise self.exceeded()
        return left

    def exceeded(self) -> ExchangeFailed:
        """The failure to raise when an operation ran into the deadline."""
        return ExchangeFailed(ExchangeFailure.TIMEOUT, f"No complete answer within {self._seconds:g} seconds.")

    def elapsed_ms(self) -> int:
        """Whole milliseconds since the start."""
        return int((time.monotonic() - self._started) * 1000)


def resolve_with_system(host: str, port: int) -> list[str]:
    """The addresses the operating system knows for `host`, in its order of preference. Raises `OSError`."""
    # Bytes, because a str would pass through Python's IDNA codec first.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def check_url(
    url: str,
    policy: EgressPolicy,
    *,
    resolver: Resolver = resolve_with_system,
    deadline_seconds: float = REGISTRATION_DEADLINE_SECONDS,
) -> Target:
    """Judge `url` when somebody registers it, and return its parts.

    A name that does not resolve now, or not within `deadline_seconds`, is accepted: the receiver may not be set up yet,
    and every send checks again. A name of a private network (`localhost`, one without a dot, …) is accepted only when
    `policy` lists the name or all the addresses it resolves to.

    Raises `UrlNotAllowed`. Blocks up to `deadline_seconds`: never call it inside a transaction that holds locks.
    """
    target = parse_url(url)
    if target.address is not None:
        meaning = why_not_public(target.address)
        if not policy.permits(host=target.host, address=target.address, port=target.port):
            raise UrlNotAllowed(UrlRule.ADDRESS, f"The address in the URL is not a public one ({meaning}).")
        return target
    try:
        permitted_addresses(target, policy, resolver=resolver, deadline=Deadline(deadline_seconds))
    except ExchangeFailed as failure:
        local_and_unlisted = target.is_local_name and not policy.names_host(target.host, target.port)
        if local_and_unlisted:
            raise UrlNotAllowed(
                UrlRule.LOCAL_NAME, "The host in the URL is a name of a private network, not of the internet."
            ) from None
        if failure.kind is ExchangeFailure.REFUSED_ADDRESS:
            raise UrlNotAllowed(
                UrlRule.ADDRESS, "The host in the URL resolves to an address that is not a public one."
            ) from None
    return target


def permitted_addresses(
    target: Target, policy: EgressPolicy, *, resolver: Resolver, deadline: Deadline
) -> list[Address]:
    """The addresses of `target`, every one of them checked; one that is refused refuses all.

    Raises `ExchangeFailed` of kind unresolvable, refused_address or timeout.
    """
    if target.address is not None:
        addresses: list[Address] = [target.address]
    else:
        addresses = [_address(text) for text in _look_up(target, resolver, deadline)]
    if not addresses:
        raise _unresolvable()
    # A private name with a public address is somebody's search domain or a forged answer.
    must_be_listed = target.is_local_name and not policy.names_host(target.host, target.port)
    for address in addresses:
        permitted = policy.permits(host=target.host, address=address, port=target.port)
        if not permitted or (must_be_listed and not policy.lists_address(address, target.port)):
            raise _refused()
    return addresses


def _look_up(target: Target, resolver: Resolver, deadline: Deadline) -> Sequence[str]:
    """Run `resolver` in a thread of its own: getaddrinfo has no timeout."""
    answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(list(resolver(target.host, target.port)))
        except Exception as error:
            answers.put(error)
        finally:
            _lookup_slots.release()

    if not _lookup_slots.acquire(timeout=deadline.remaining()):
        raise deadline.exceeded()
    try:
        threading.Thread(target=work, name="egress-lookup", daemon=True).start()
    except RuntimeError:
        _lookup_slots.release()
        raise
    try:
        answer = answers.get(timeout=deadline.remaining())
    except queue.Empty:
        raise deadline.exceeded() from None
    if isinstance(answer, (OSError, UnicodeError)):
        raise _unresolvable() from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def _address(text: str) -> Address:
    address = parse_address(text)
    if address is None:
        raise _refused()
    return address


def _unresolvable() -> ExchangeFailed:
    return ExchangeFailed(ExchangeFailure.UNRESOLVABLE, "The host name does not resolve to an address.")


def _refused() -> ExchangeFailed:
    return ExchangeFailed(ExchangeFailure.REFUSED_ADDRESS, "The host resolves to an address that is not a public one.")
