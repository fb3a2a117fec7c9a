"""What goes into an exchange, and what comes out of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from common.egress import Target

DEADLINE_SECONDS = 15.0
MAX_RESPONSE_BYTES = 65536
MAX_HEADER_BYTES = 32768


@dataclass(frozen=True, slots=True)
class Exchange:
    """One POST to be made. `headers` is called when it begins, for signatures that name the second.

    `tag` comes back with the outcome. `target` is already parsed; its addresses are looked up and judged anew.
    """

    tag: Any
    target: Target
    headers: Callable[[dt.datetime], Sequence[str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an exchange ended. `at` is when it began, in real time.

    `status` is the answer's, also where the exchange failed after its first line; `error` is None exactly when the
    answer was complete, or longer than what is kept. `body` holds at most 64 KiB of it.
    """

    exchange: Exchange
    at: dt.datetime
    duration_ms: int
    status: int | None
    body: bytes
    retry_after: str | None
    error: str | None
