"""Group commit: what waits in this process for the same tenant is done together.

The first that comes leads: it does its own, and whatever has queued when it begins. What comes meanwhile queues, and
the first of those leads next. Nobody waits for company: a group is as large as the work before it was slow. Whoever
waits holds no connection and does nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar
from uuid import UUID

MAX_GROUP: Final = 64
T = TypeVar("T")
R = TypeVar("R")


class _Ticket(Generic[T, R]):
    """One that waits: woken with a result, with an error, or to lead."""

    __slots__ = ("error", "item", "lead", "result", "woken")

    def __init__(self, item: T) -> None:
        self.item = item
        self.result: R | None = None
        self.error: BaseException | None = None
        self.lead = False
        self.woken = threading.Lock()
        self.woken.acquire()


class _Queue(Generic[T, R]):
    """Those of one tenant."""

    __slots__ = ("led", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Ticket[T, R]] = deque()
        self.led = False


class Grouping(Generic[T, R]):
    """Runs `work` for groups of up to `size` items of one tenant, one group per tenant at a time.

    `work` returns a result for each item in their order. What it raises is raised to everybody in the group.
    """

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], *, size: int = MAX_GROUP) -> None:
        self._work, self._size = work, size
        self._queues: dict[UUID, _Queue[T, R]] = {}
        self._lock = threading.Lock()

    def do(self, tenant_id: UUID, item: T) -> R:
        """The result of `item`, done alone or together with others."""
        ticket: _Ticket[T, R] = _Ticket(item)
        with self._lock:
            queue = self._queues.setdefault(tenant_id, _Queue())
            queue.waiting.append(ticket)
            leads = not queue.led
            queue.led = True
        if not leads:
            ticket.woken.acquire()
            leads = ticket.lead
        if leads:
            self._lead(tenant_id, queue)
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]

    def _lead(self, tenant_id: UUID, queue: _Queue[T, R]) -> None:
        """Do what has queued, which begins with one's own, and hand over to the next."""
        with self._lock:
            group = [queue.waiting.popleft() for _ in range(min(self._size, len(queue.waiting)))]
        try:
            for ticket, result in zip(group, self._work([one.item for one in group]), strict=True):
                ticket.result = result
        except BaseException as error:
            for ticket in group:
                ticket.error = error
        with self._lock:
            if queue.waiting:
                queue.waiting[0].lead = True
                queue.waiting[0].woken.release()
            else:
                del self._queues[tenant_id]
        for ticket in group[1:]:
            ticket.woken.release()
