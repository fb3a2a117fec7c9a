"""How many exchanges a subscriber may have at a time: a lane each, so that a dead endpoint delays no other.

A lane widens by one with each answer that succeeds, narrows by a quarter with one that does not, and is left with one
exchange when there is no answer at all. Beyond what is under way a lane takes as many deliveries in hand as it finished
lately, so that the next is there when one ends: a hanging subscriber holds nothing but its one exchange. Lanes that are
in trouble, or whose exchanges take long, share half of all places at most. No database, no clock, no thread.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Final, Generic, TypeVar
from uuid import UUID

T = TypeVar("T")

PLACES: Final = 1024
FIRST_WIDTH: Final = 4
GREATEST_WIDTH: Final = 64
MOST_AHEAD: Final = 1500
AHEAD_SECONDS: Final = 0.4
"""As many deliveries are taken ahead as a lane finishes in this time."""
SLOW_SECONDS: Final = 2.0
"""An exchange that takes longer is one that nobody should wait for."""
HALF_FORGOTTEN_SECONDS: Final = 60.0


@dataclass(slots=True)
class Lane(Generic[T]):
    """One subscriber's lane. `troubled`: it failed last, so it is given little.

    `takes`: how many seconds its exchanges took at most, lately; what is long ago counts for less and less.
    """

    width: float = FIRST_WIDTH
    troubled: bool = False
    under_way: int = 0
    waiting: deque[T] = field(default_factory=deque)
    finished_lately: int = 0
    rate: float = 0.0
    takes: float = 0.0
    stalled: float = 0.0

    @property
    def lingers(self) -> bool:
        """Whether what it has under way may take its time."""
        return self.troubled or self.takes > SLOW_SECONDS

    @property
    def in_hand(self) -> int:
        """What was claimed for it and has not ended."""
        return self.under_way + len(self.waiting)

    @property
    def room(self) -> int:
        """How many more may be claimed for it."""
        ahead = 0 if self.lingers else min(int(self.rate * AHEAD_SECONDS), MOST_AHEAD)
        return max(0, int(self.width) + ahead - self.in_hand)

    def startable(self) -> list[T]:
        """What begins now, first come first served."""
        started: list[T] = []
        while self.waiting and self.under_way < int(self.width):
            started.append(self.waiting.popleft())
            self.under_way += 1
        return started

    def ended(self, *, answered: bool, succeeded: bool, seconds: float = 0.0) -> None:
        """One exchange is over; it took so long."""
        self.under_way -= 1
        self.takes = max(self.takes, seconds)
        self.finished_lately += 1
        if succeeded:
            self.width, self.troubled = min(self.width + 1, GREATEST_WIDTH), False
        elif answered:
            self.width = max(2.0, self.width * 0.75)
        else:
            self.width, self.troubled = 1.0, True

    def tick(self, seconds: float) -> None:
        """Measure its rate, every now and then."""
        self.rate = self.finished_lately / seconds if seconds > 0 else 0.0
        # Where nothing ends, something has been under way at least as long.
        self.stalled = self.stalled + seconds if self.under_way and not self.finished_lately else 0.0
        self.takes = max(self.takes * 0.5 ** (seconds / HALF_FORGOTTEN_SECONDS), self.stalled)
        self.finished_lately = 0


class Lanes(Generic[T]):
    """The lanes of one engine."""

    def __init__(self, *, places: int = PLACES) -> None:
        self._places = places
        self._lanes: dict[UUID, Lane[T]] = {}

    def of(self, subscriber_id: UUID, *, failing: bool = False) -> Lane[T]:
        """The subscriber's lane; a new one is narrow when the subscriber was `failing` before."""
        lane = self._lanes.get(subscriber_id)
        if lane is None:
            lane = Lane(width=1.0, troubled=True) if failing else Lane()
            self._lanes[subscriber_id] = lane
        return lane

    def knows(self, subscriber_id: UUID) -> bool:
        """Whether the subscriber has a lane, which tells how it does."""
        return subscriber_id in self._lanes

    def room_of(self, subscriber_id: UUID, *, sure_only: bool = False, within: float = inf) -> int:
        """How many deliveries may be claimed for the subscriber.

        With `sure_only` none for one in trouble, and none for a slow one that will hardly end `within` so many seconds.
        """
        lane = self._lanes.get(subscriber_id)
        if lane is None:
            return min(FIRST_WIDTH, self._left())
        if not lane.lingers:
            return min(lane.room, self._left())
        if (lane.troubled and sure_only) or lane.takes > max(within, SLOW_SECONDS):
            return 0
        return max(0, min(lane.room, self._left(), self._places // 2 - self._in_lingering()))

    def in_hand(self) -> int:
        """What was claimed and has not ended, in all lanes."""
        return sum(lane.in_hand for lane in self._lanes.values())

    def lingering(self) -> bool:
        """Whether something is under way that may take its time."""
        return any(lane.lingers and lane.under_way for lane in self._lanes.values())

    def waiting(self) -> list[T]:
        """What was claimed and has not begun."""
        return [one for lane in self._lanes.values() for one in lane.waiting]

    def tick(self, seconds: float) -> None:
        """Measure rates, and forget lanes that are empty and have nothing to remember."""
        for subscriber_id, lane in list(self._lanes.items()):
            lane.tick(seconds)
            if not lane.in_hand and not lane.rate and not lane.lingers:
                del self._lanes[subscriber_id]

    def _left(self) -> int:
        return max(0, self._places - sum(lane.under_way for lane in self._lanes.values()))

    def _in_lingering(self) -> int:
        return sum(lane.in_hand for lane in self._lanes.values() if lane.lingers)
