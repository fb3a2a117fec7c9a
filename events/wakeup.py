"""Waking the dispatcher: at most one message in a tenth of a second, from a thread that nobody waits for.

A wake-up saves the second until the next sweep, nothing more. It may be lost: with Redis, with the process, or because
no thread could be started. `nudge()` therefore never blocks and never raises.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from celery import Celery
from django.conf import settings
from django.core.cache import cache

DISPATCH_TASK: Final = "events.tasks.dispatch_events"
PAUSE_SECONDS: Final = 0.1
PAUSE_AFTER_FAILURE_SECONDS: Final = 1.0
COMPLAIN_EVERY_SECONDS: Final = 60.0
# Worth nothing any more when a sweep has long found the work.
EXPIRES_SECONDS: Final = 10
# While a message waits for a worker, nobody sends another: without any worker they would pile up in Redis.
UNANSWERED_KEY: Final = "events:wakeup"
UNANSWERED_SECONDS: Final = 1

logger = logging.getLogger(__name__)


class CoalescingWaker:
    """Calls `send` from its own thread soon after a nudge; nudges that come meanwhile share the next call."""

    def __init__(self, send: Callable[[], None], *, pause: float = PAUSE_SECONDS) -> None:
        self._send, self._pause = send, pause
        self._wanted = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._complained_at = float("-inf")

    def nudge(self) -> None:
        """Ask for a call. Returns at once, whatever happens."""
        self._wanted.set()
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="events-wakeup", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # No thread to be had, or the interpreter is ending: the sweep finds the work.
            self._thread = thread

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                self._send()
            except Exception as problem:
                self._complain(problem)
                time.sleep(PAUSE_AFTER_FAILURE_SECONDS)
            else:
                time.sleep(self._pause)

    def _complain(self, problem: Exception) -> None:
        now = time.monotonic()
        if now - self._complained_at >= COMPLAIN_EVERY_SECONDS:
            self._complained_at = now
            logger.warning(
                "The dispatcher could not be woken; its sweep finds the work", extra={"problem": str(problem)}
            )


class CelerySender:
    """Sends a task by name through a Celery app of its own, which works in any process and retries nothing.

    The key in Redis says that a message is under way; `answered` removes it.
    """

    def __init__(self, task: str, unanswered_key: str) -> None:
        self._task, self._key = task, unanswered_key
        self._app: Any = None

    def __call__(self) -> None:
        if self._app is None:
            self._app = self._make()
        if not cache.add(self._key, 1, timeout=UNANSWERED_SECONDS):
            return
        self._app.send_task(self._task, expires=EXPIRES_SECONDS, ignore_result=True, retry=False)

    def _make(self) -> Any:
        app = Celery("ledger-wakeup", set_as_current=False, autofinalize=True)
        app.config_from_object("django.conf:settings", namespace="CELERY")
        options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "socket_connect_timeout": 2, "socket_timeout": 2}
        app.conf.broker_transport_options = {**options, "max_retries": 0}
        return app


class TaskWaker:
    """Wakes one task, from any process, also after a fork."""

    def __init__(self, task: str, unanswered_key: str) -> None:
        self._task, self._key = task, unanswered_key
        self._renew()
        # Neither the thread nor the state of its locks and sockets survives a fork.
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._waker = CoalescingWaker(CelerySender(self._task, self._key))

    def nudge(self) -> None:
        """Have the task run soon. Call it after a commit; it never blocks and never fails."""
        self._waker.nudge()

    def answered(self) -> None:
        """The task begins to look: whatever is committed from now on needs another message. Never fails."""
        answered(self._key)


_dispatcher = TaskWaker(DISPATCH_TASK, UNANSWERED_KEY)


def answered(key: str = UNANSWERED_KEY) -> None:
    """A dispatcher begins to look: whatever is committed from now on needs another message. Never fails."""
    try:
        cache.delete(key)
    except Exception:
        logger.debug("Redis does not answer", exc_info=True)


def nudge() -> None:
    """Have the dispatcher look for events soon. Call it after a commit; it never blocks and never fails."""
    _dispatcher.nudge()
