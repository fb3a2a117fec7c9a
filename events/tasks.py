"""Celery entries: wake-ups and sweeps. Running one twice, late or at the same time as another changes nothing."""

from __future__ import annotations

import time
from typing import Final

from celery import shared_task

from common.clock import SystemClock
from events import wakeup
from events.services.dispatching import dispatch
from events.services.sending import send_due_mail

BUSY_SECONDS: Final = 20.0
"""How long one message may keep a worker; the next sweep goes on."""


@shared_task(name="events.tasks.dispatch_events")
def dispatch_events() -> None:
    """Dispatch and deliver what is due. Woken by `events.wakeup`, and a sweep each second.

    It ends when little was left to do, though a moment later there may be more: who publishes wakes us again, and the
    fewer the rounds, the more events share a transaction.
    """
    wakeup.answered()
    clock, end = SystemClock(), time.monotonic() + BUSY_SECONDS
    while dispatch(now=clock.now()).full and time.monotonic() < end:
        pass


@shared_task(name="events.tasks.send_mail")
def send_mail() -> None:
    """Send what is due until nothing is."""
    send_due_mail(now=SystemClock().now(), seconds=BUSY_SECONDS)
