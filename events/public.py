"""The events that callers outside may subscribe to. Each app names its own in `AppConfig.ready()`.

An event that is not named here is our own affair: it reaches subscribers in the code, never a callback. A type that is
named once is part of the API and stays. The contract lists them all (callbacks); a test holds the two together.
"""

from __future__ import annotations

from events.registry import pattern_matches

_public: set[str] = set()


def make_public(*event_types: str) -> None:
    """Let outside subscribers have events of these types."""
    _public.update(event_types)


def public_events() -> list[str]:
    """Every public type, in alphabetical order."""
    return sorted(_public)


def is_public(event_type: str) -> bool:
    """Whether outside subscribers may have events of this type."""
    return event_type in _public


def public_events_matching(patterns: list[str]) -> list[str]:
    """The public types that one of the patterns (`*`, `invoice.*`, `invoice.paid`) means."""
    return [name for name in public_events() if any(pattern_matches(pattern, name) for pattern in patterns)]
