"""What the processes of one worker share: who is busy in which lane, and when a task last began.

It is made before the pool forks, in memory that all of them see. A process that is killed leaves its place at once: the
kernel takes its locks away.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Mapping

from ledger_project.worker.lanes import Lane

_HEAD = struct.Struct("dd")
_SEAT = struct.Struct("q")


class Board:
    """One worker's. Of each process of the pool, one task at a time is noted."""

    def __init__(self, lanes: Mapping[Lane, int]) -> None:
        """`lanes`: how many processes each may take."""
        self.lanes = dict(lanes)
        self._seats: dict[Lane, range] = {}
        first = 0
        for lane, count in self.lanes.items():
            self._seats[lane] = range(first, first + count)
            first += count
        # Byte n is locked by whoever sits on seat n. Locks of this kind belong to a process, and end with it.
        self._locks = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the worker lives
        self._memory = mmap.mmap(-1, _HEAD.size + first * _SEAT.size)
        self._mine: set[int] = set()

    def take(self, lane: Lane) -> int | None:
        """A seat in `lane` for this process, or None when all are taken. Give it back with `leave`."""
        for seat in self._seats[lane]:
            if seat in self._mine:
                continue
            try:
                fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, seat)
            except OSError:
                continue
            self._mine.add(seat)
            self._write(seat, os.getpid())
            return seat
        return None

    def leave(self, seat: int) -> None:
        """Let the next one sit down."""
        self._write(seat, 0)
        self._mine.discard(seat)
        fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, seat)

    def busy(self, lane: Lane) -> int:
        """How many processes work in `lane` now."""
        return sum(_lives(self._read(seat)) for seat in self._seats[lane])

    def say_ready(self) -> None:
        """The worker takes tasks from now on."""
        _HEAD.pack_into(self._memory, 0, time.monotonic(), self._head()[1])

    def say_begun(self) -> None:
        """A process of the pool has a task in hand."""
        _HEAD.pack_into(self._memory, 0, self._head()[0], time.monotonic())

    @property
    def ready(self) -> bool:
        """Whether the worker has begun to take tasks."""
        return self._head()[0] > 0

    @property
    def idle_seconds(self) -> float:
        """How long no task has begun; before the first one, since the worker is ready."""
        return max(0.0, time.monotonic() - max(self._head()))

    def _head(self) -> tuple[float, float]:
        ready_at, begun_at = _HEAD.unpack_from(self._memory, 0)
        return ready_at, begun_at

    def _write(self, seat: int, process: int) -> None:
        _SEAT.pack_into(self._memory, _HEAD.size + seat * _SEAT.size, process)

    def _read(self, seat: int) -> int:
        return int(_SEAT.unpack_from(self._memory, _HEAD.size + seat * _SEAT.size)[0])


def _lives(process: int) -> bool:
    if not process:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
