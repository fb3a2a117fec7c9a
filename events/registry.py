"""Who listens to which events. Apps fill this in `AppConfig.ready()`, from their `subscribers.py`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from events.domain import MarkedEvent, ReceivedEvent

Handler = Callable[[ReceivedEvent], None]


class SetHandler(Protocol):
    """Takes many events of one tenant at once: a statement for all of them instead of a transaction for each."""

    def __call__(self, *, tenant_id: UUID, events: Sequence[MarkedEvent], now: dt.datetime) -> None:
        """Do it in the current transaction, in the tenant's scope; `now` is real time. Must be repeatable."""


_NAME: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_PATTERN: Final = re.compile(r"\*|[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*(?:\.\*|\.[a-z][a-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A named handler and the events it wants: one that takes them one by one, or one that takes sets of them."""

    name: str
    patterns: tuple[str, ...]
    handler: Handler | None = None
    set_handler: SetHandler | None = None

    def wants(self, event_type: str) -> bool:
        """Whether one of the patterns matches."""
        return any(pattern_matches(pattern, event_type) for pattern in self.patterns)


_subscribers: dict[str, Subscriber] = {}


def pattern_matches(pattern: str, event_type: str) -> bool:
    """`*` matches everything, `invoice.*` all events below `invoice.`, anything else itself."""
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return pattern == event_type


def subscribe(name: str, patterns: Sequence[str], handler: Handler) -> None:
    """Have `handler` called for every event that one of the `patterns` matches.

    The handler runs in the tenant's scope, in one transaction with the record that it has succeeded: what it writes to
    the database happens exactly once. It must do nothing else: a call to the outside is an intent that it writes down
    (a mail, a job). If it raises, everything is undone and tried again later. It must not rely on order: a failed
    event is overtaken by later ones.

    `name` is stored with each delivery and must stay the same over releases (`invoicing.mark_paid`). Raises ValueError
    for a malformed name or pattern, for no pattern, and for a name that another handler has.
    """
    _register(Subscriber(name, tuple(patterns), handler=handler), patterns)


def subscribe_sets(name: str, patterns: Sequence[str], handler: SetHandler) -> None:
    """Have `handler` called with many events at a time, inside the transaction that marks them as dispatched.

    For what only writes rows and must keep up with billing runs. What it writes commits with the mark, so there is no
    delivery row. When it raises, its writes are undone, and each of the events gets an ordinary delivery instead: it
    comes again alone, with retries and dead letters. What is said of `subscribe` holds here too. Its effects must be
    repeatable for the sake of `replay_events`.
    """
    _register(Subscriber(name, tuple(patterns), set_handler=handler), patterns)


def _register(subscriber: Subscriber, patterns: Sequence[str]) -> None:
    name = subscriber.name
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r} is not a subscriber's name: lower case letters, digits, _ and dots.")
    malformed = [pattern for pattern in patterns if _PATTERN.fullmatch(pattern) is None]
    if malformed or not patterns or isinstance(patterns, str):
        raise ValueError(f"{name}: patterns are event types, 'noun.*' or '*', not {malformed or patterns!r}.")
    known = _subscribers.get(name)
    if known is not None and (known.handler, known.set_handler) != (subscriber.handler, subscriber.set_handler):
        raise ValueError(f"The subscriber {name!r} is registered twice.")
    _subscribers[name] = subscriber


def unsubscribe(name: str) -> None:
    """Remove a subscriber; for tests and plug-ins."""
    _subscribers.pop(name, None)


def find_subscriber(name: str) -> Subscriber | None:
    """The subscriber of this name, if it is registered in this process."""
    return _subscribers.get(name)


def subscribers() -> Iterator[Subscriber]:
    """All subscribers in the order of registration."""
    yield from list(_subscribers.values())


def subscribers_of(event_type: str) -> list[Subscriber]:
    """The subscribers that want events of this type."""
    return [subscriber for subscriber in subscribers() if subscriber.wants(event_type)]
