"""What a worker started by a test listens to: each event becomes a mail, slowly enough to be killed in the middle.

Only such a worker may import this: whoever does listens to every invoice.
"""

import os
import time

from common.clock import SystemClock
from events.domain import ReceivedEvent
from events.registry import subscribe
from events.services.mail import queue_mail

NAME = "tests.mail_in_worker"
PAUSE_SECONDS = 0.03
SLOW_SECONDS = float(os.environ["DAWDLE_SECONDS"])


def mail_the_buyer(event: ReceivedEvent) -> None:
    """Queue a mail, and dawdle before the commit."""
    queue_mail(
        tenant_id=event.tenant_id,
        to=["buyer@example.com"],
        subject=f"About {event.object_id}",
        text="…",
        at=event.occurred_at,
        now=SystemClock().now(),
        object_type=event.object_type,
        object_id=event.object_id,
    )
    time.sleep(PAUSE_SECONDS)


def dawdle(_event: ReceivedEvent) -> None:
    """Keep a process of the dispatcher busy."""
    time.sleep(SLOW_SECONDS)


subscribe("tests.dawdle_in_worker", ["payment.slow"], dawdle)
subscribe(NAME, ["invoice.*"], mail_the_buyer)
