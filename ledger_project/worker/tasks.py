"""The class of all tasks: it keeps them in their lanes and counts them. Outside a worker it does nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from celery import Task
from prometheus_client import Counter, Histogram

from ledger_project.schedule import lane_of
from ledger_project.worker.board import Board

TASKS = Counter(
    "ledger_tasks",
    "Tasks by outcome. Those whose lane was full, and that did nothing, are `busy`.",
    ["task", "outcome"],
)
TASK_SECONDS = Histogram(
    "ledger_task_seconds",
    "How long tasks took that found a place in their lane.",
    ["task"],
    buckets=(0.005, 0.025, 0.1, 0.5, 1, 5, 20, 60, 270),
)
_board: Board | None = None
if TYPE_CHECKING:
    _Task = Task[Any, Any]
else:
    _Task = Task


def use_board(board: Board) -> None:
    """From now on, tasks of this process and of those that it forks keep to their lanes."""
    global _board
    _board = board


class LanedTask(_Task):
    """A task that ends at once when its lane is full: whoever is busy there, or the next sweep, finds the work."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, in a worker only when there is a place."""
        board = _board
        if board is None:
            return super().__call__(*args, **kwargs)
        board.say_begun()
        seat = board.take(lane_of(self.name))
        if seat is None:
            TASKS.labels(self.name, "busy").inc()
            return None
        started, outcome = time.monotonic(), "failed"
        try:
            result = super().__call__(*args, **kwargs)
            outcome = "succeeded"
        finally:
            board.leave(seat)
            TASKS.labels(self.name, outcome).inc()
            TASK_SECONDS.labels(self.name).observe(time.monotonic() - started)
        return result
