"""Where a host is: looked up in threads, judged by the egress guard, and remembered for a few seconds only."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from common.egress import EgressPolicy, ExchangeFailed, ExchangeFailure, Resolver, Target, resolve_with_system
from common.egress.addresses import Address
from common.egress.resolution import Deadline, permitted_addresses

REMEMBERED_SECONDS: Final = 5.0
MAX_REMEMBERED: Final = 10_000
# A lookup cannot be cancelled. A name server that never answers holds one thread per host, however many wait for it.
MAX_LOOKUPS: Final = 256


@dataclass(frozen=True, slots=True)
class Place:
    """The judged addresses of a host, or why it may not or cannot be called."""

    addresses: tuple[Address, ...]
    refusal: str | None


Listener = Callable[[Target, Place], None]


class AddressBook:
    """Places by host and port. Every method may be called from any thread."""

    def __init__(
        self, policy: EgressPolicy, *, resolver: Resolver = resolve_with_system, remembered: float = REMEMBERED_SECONDS
    ) -> None:
        self._policy, self._resolver, self._remembered = policy, resolver, remembered
        self._known: dict[tuple[str, int], tuple[float, Place]] = {}
        self._asked: dict[tuple[str, int], list[Listener]] = {}
        self._lock = threading.Lock()

    def find(self, target: Target, listener: Listener) -> Place | None:
        """What is known of the target's host; if nothing, None, and `listener` is called from another thread later.

        An address in the URL itself is judged at once.
        """
        key = (target.host, target.port)
        if target.address is not None:
            return self._judged(target, [str(target.address)])
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] > time.monotonic():
                return known[1]
            waiting = self._asked.get(key)
            if waiting is not None:
                waiting.append(listener)
                return None
            if len(self._asked) >= MAX_LOOKUPS:
                return Place((), "Too many host names are being looked up at the moment.")
            self._asked[key] = [listener]
        try:
            threading.Thread(target=self._look_up, args=(target, key), name="webhooks-lookup", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._asked.pop(key, None)
            return Place((), "The host name could not be looked up at the moment.")
        return None

    def _look_up(self, target: Target, key: tuple[str, int]) -> None:
        try:
            place = self._judged(target, list(self._resolver(target.host, target.port)))
        except (OSError, UnicodeError):
            place = Place((), "The host name does not resolve to an address.")
        except Exception as broken:  # whatever a resolver does, those who wait are told
            place = Place((), f"The host name could not be looked up ({type(broken).__name__}).")
        with self._lock:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = (time.monotonic() + self._remembered, place)
            listeners = self._asked.pop(key, [])
        for listener in listeners:
            listener(target, place)

    def _judged(self, target: Target, texts: list[str]) -> Place:
        try:
            found = permitted_addresses(
                target, self._policy, resolver=lambda _host, _port: texts, deadline=Deadline(60)
            )
        except ExchangeFailed as failure:
            if failure.kind is ExchangeFailure.REFUSED_ADDRESS:
                return Place((), "The URL may not be called: " + failure.message[0].lower() + failure.message[1:])
            return Place((), failure.message)
        return Place(tuple(found), None)
