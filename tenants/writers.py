"""How many write at once in a web process, and the connections on which hot statements travel there.

Its threads may be many, because some of them wait for a group commit or for a slow client; the database must not see
that. A hot statement borrows one of a few connections for as long as it runs, and an ordinary mutation takes one of
the same places, so that whoever waits for a turn holds neither. In other processes each thread is its own bound, and
uses its own connection.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper


class Writers:
    """Unbounded until `bound` is called, once, before the threads of a server start."""

    def __init__(self) -> None:
        self._places: threading.Semaphore | None = None
        self._idle: list[BaseDatabaseWrapper] = []

    def bound(self, size: int) -> None:
        """From now on `size` places. A connection is made when a place is first used for a hot statement."""
        self._places = threading.Semaphore(size)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A place for a transaction on the thread's own connection. Nothing inside may borrow but in that."""
        if self._places is None:
            yield
            return
        with self._places:
            yield

    @contextmanager
    def lend(self) -> Iterator[BaseDatabaseWrapper]:
        """A connection that nobody else uses meanwhile."""
        own: Any = connection
        if self._places is None:
            yield own
            return
        with self._places:
            try:
                lent = self._idle.pop()
            except IndexError:
                lent = own.copy()
                lent.inc_thread_sharing()
            try:
                yield lent
            finally:
                if settings.DATABASES["default"]["CONN_MAX_AGE"] == 0:
                    lent.close()
                else:
                    self._idle.append(lent)

    def unbound(self) -> None:
        """Without places again, and without connections: for tests."""
        self._places = None
        while self._idle:
            self._idle.pop().close()


writers: Final = Writers()
