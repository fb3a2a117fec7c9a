"""What becomes of grants at their end, and which account of the books bears them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from accounting.chart import CUSTOMER_CREDIT, PROMOTIONS
from accounting.enums import GrantSource

DEFAULT_PRIORITY: Final = 50

FUNDING: Final = {
    GrantSource.PURCHASED: CUSTOMER_CREDIT,
    GrantSource.INCLUDED: CUSTOMER_CREDIT,
    GrantSource.PROMOTIONAL: PROMOTIONS,
}
"""Role of the account that is debited when a grant begins, and credited with what is revoked."""


@dataclass(frozen=True, slots=True)
class Rollover:
    """At the end at most `max` minor units move into a new grant, and nothing when less than `min` is left."""

    min: int
    max: int


@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of what is left of a grant: `rolled` moves on, `kept` stays for holds, `expired` is breakage."""

    rolled: int
    kept: int
    expired: int


def ending(*, remaining: int, rollover: Rollover | None, room: int) -> Ending:
    """What becomes of `remaining` minor units at the end of a grant.

    `room` is what the account may lose: what is held there is kept for those who hold it.
    """
    rolled = min(remaining, rollover.max) if rollover and remaining >= rollover.min else 0
    expired = min(remaining - rolled, max(room, 0))
    return Ending(rolled=rolled, kept=remaining - rolled - expired, expired=expired)
