"""What is published, and what a subscriber receives."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from events.errors import InvalidEvent

_TYPE: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
MAX_TYPE: Final = 64


@dataclass(frozen=True)
class DomainEvent:
    """A fact to publish: `invoice.paid` of the invoice `object_id`, true since `occurred_at` (business time).

    `data` is the object as the API shows it, as a mapping or as JSON text that is stored byte for byte. It should say
    enough that a reader need not ask back and find a newer state. Apps extend this class, or build it with a function
    per event in their `events.py`. Raises `InvalidEvent` for a type that is not `noun.verb`, a naive time, and data
    that is not an object.
    """

    type: str
    object_type: str
    object_id: UUID
    data: Mapping[str, Any] | str
    occurred_at: dt.datetime

    def __post_init__(self) -> None:
        if len(self.type) > MAX_TYPE or _TYPE.fullmatch(self.type) is None:
            raise InvalidEvent(f"{self.type!r} is not an event type such as invoice.paid.")
        if not 1 <= len(self.object_type) <= 32:
            raise InvalidEvent("The object type must have 1 to 32 characters.")
        if self.occurred_at.utcoffset() is None:
            raise InvalidEvent("The time of an event needs an offset.")
        if isinstance(self.data, str) and not (self.data.startswith("{") and self.data.endswith("}")):
            raise InvalidEvent("The data of an event must be a JSON object.")

    def rendered(self) -> str:
        """`data` as JSON text."""
        return self.data if isinstance(self.data, str) else orjson.dumps(self.data).decode()


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event as a subscriber's handler gets it. `attempt` counts from 1."""

    id: UUID
    tenant_id: UUID
    type: str
    object_type: str
    object_id: UUID
    data: Mapping[str, Any]
    occurred_at: dt.datetime
    trace_id: str
    version: int
    attempt: int


@dataclass(frozen=True, slots=True)
class MarkedEvent:
    """An event that is being dispatched, as the handler of a set gets it; the rest stands in its row."""

    id: UUID
    type: str
