"""Lanes: how many processes of one worker each kind of work may take at a time.

All tasks are wake-ups, and any process runs any of them. A lane bounds how many do so at once, and the worker has as
many processes as all lanes together: whatever one kind of work is busy with, a process is left for each of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Lane(StrEnum):
    """A kind of work."""

    DISPATCH = "dispatch"
    CALLBACKS = "callbacks"
    MAIL = "mail"
    SWEEPS = "sweeps"


def read_lanes(text: str) -> Mapping[Lane, int]:
    """The setting `WORKER_LANES`: `dispatch=2,callbacks=1,mail=1,sweeps=2`. Raises ValueError for anything else.

    Every lane must be named, with 1 to 64 processes.
    """
    lanes: dict[Lane, int] = {}
    for part in text.split(","):
        name, _, count = (word.strip() for word in part.partition("="))
        if name not in list(Lane) or Lane(name) in lanes or not count.isdecimal() or not 1 <= int(count) <= 64:
            raise ValueError(_refusal(text))
        lanes[Lane(name)] = int(count)
    if len(lanes) != len(Lane):
        raise ValueError(_refusal(text))
    return lanes


def processes(text: str) -> int | None:
    """How many processes the lanes of `WORKER_LANES` need together; None when it cannot be read, which others say."""
    try:
        return sum(read_lanes(text).values())
    except ValueError:
        return None


def _refusal(text: str) -> str:
    return f"WORKER_LANES gives each of {', '.join(Lane)} 1 to 64 processes, as in mail=1; it is {text!r}."
