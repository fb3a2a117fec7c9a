"""Celery entries: wake-ups and sweeps. Running one twice, late or at the same time as another changes nothing.

What this task needs: one process of the worker at a time, which it may hold for as long as there is work. While
a subscriber hangs it goes on serving the others, so a second one would only take the place of dispatch and mail.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from celery import shared_task

from webhooks import wakeup
from webhooks.services.delivering import Engine

BUSY_SECONDS: Final = 20.0
"""How long one message may keep a worker busy with new work; it then waits for what is under way."""

_engines: dict[int, Engine] = {}
_at_work = threading.Lock()


@shared_task(name=wakeup.DELIVER_TASK)
def deliver_callbacks() -> int:
    """Deliver what is due. Woken by `webhooks.wakeup`, and a sweep each second; how many attempts were made."""
    if not _at_work.acquire(blocking=False):
        return 0  # another thread of this process is busy with it
    try:
        wakeup.answered()
        done = engine_of_process().run(seconds=BUSY_SECONDS)
    finally:
        _at_work.release()
    if done.more:
        wakeup.again()
    return done.attempts


def engine_of_process() -> Engine:
    """The engine of this process, which keeps its connections between messages. Its thread does not survive a fork."""
    engine = _engines.get(os.getpid())
    if engine is None or not engine.alive:
        _engines.clear()
        engine = _engines[os.getpid()] = Engine()
    return engine
