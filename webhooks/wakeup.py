"""Waking the engine after a commit. Losing a wake-up costs the second until the next sweep."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from events.wakeup import TaskWaker

DELIVER_TASK: Final = "webhooks.tasks.deliver_callbacks"

_engine = TaskWaker(DELIVER_TASK, "webhooks:wakeup")


def after_commit() -> None:
    """Have the engine look for due deliveries once the current transaction has committed."""
    transaction.on_commit(_engine.nudge)


def again() -> None:
    """Have the engine look once more, soon."""
    _engine.nudge()


def answered() -> None:
    """An engine begins to look."""
    _engine.answered()
