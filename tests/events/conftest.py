"""Events, subscribers and moments that the tests of this app share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from common.ids import new_id
from events import registry
from events.domain import DomainEvent
from events.registry import Handler, subscribe, unsubscribe
from tests.tenants.backoffice.conftest import _no_second_factor, browser_of, make_member  # noqa: F401

NOW = dt.datetime(2026, 3, 1, 12, 0, 1, tzinfo=dt.UTC)
"""Real time, as far as leases and retries are concerned."""
LEASE = dt.timedelta(seconds=30)


def an_event(event_type: str = "invoice.paid", **changes: Any) -> DomainEvent:
    """An event of a new object."""
    given: dict[str, Any] = {
        "type": event_type,
        "object_type": "invoice",
        "object_id": new_id(),
        "data": {"object": "invoice", "total": 1200},
        "occurred_at": dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC),
    }
    return DomainEvent(**{**given, **changes})


@pytest.fixture(autouse=True)
def _only_our_subscribers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The apps further right listen too; here only those count that a test registers."""
    monkeypatch.setattr(registry, "_subscribers", {})


@pytest.fixture
def subscribed() -> Iterator[Callable[..., str]]:
    """Registers handlers for the length of a test: `subscribed(handler, "invoice.*", name="tests.copy")`."""
    names: list[str] = []

    def register(handler: Handler, *patterns: str, name: str = "tests.copy") -> str:
        subscribe(name, patterns or ("*",), handler)
        names.append(name)
        return name

    yield register
    for name in names:
        unsubscribe(name)
