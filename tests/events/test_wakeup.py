"""Waking the dispatcher costs nothing, blocks nobody and may fail."""

import os
import threading
import time
from queue import Empty

import pytest
from celery import Celery
from redis import Redis

from events import wakeup
from events.tasks import dispatch_events
from events.wakeup import DISPATCH_TASK, UNANSWERED_KEY, CelerySender, CoalescingWaker


class Counter:
    """Counts calls, and tells when the first has come."""

    def __init__(self, *, failing: bool = False) -> None:
        self.calls, self.called, self.failing = 0, threading.Event(), failing

    def __call__(self) -> None:
        self.calls += 1
        self.called.set()
        if self.failing:
            raise ConnectionError("no Redis")


def test_many_nudges_share_a_call_and_the_last_one_is_not_lost():
    send = Counter()
    waker = CoalescingWaker(send, pause=0.1)
    began = time.monotonic()
    while time.monotonic() - began < 0.35:
        waker.nudge()
    time.sleep(0.5)
    assert 2 <= send.calls <= 6
    send.called.clear()
    waker.nudge()
    assert send.called.wait(5)


def test_the_first_nudge_does_not_wait_for_the_pause():
    send = Counter()
    CoalescingWaker(send, pause=60).nudge()
    assert send.called.wait(5)


def test_a_nudge_takes_microseconds_even_while_sending_hangs():
    hanging = threading.Event()

    def hang() -> None:
        hanging.wait(5)

    waker = CoalescingWaker(hang)
    waker.nudge()
    began = time.perf_counter()
    for _ in range(1000):
        waker.nudge()
    assert time.perf_counter() - began < 1
    hanging.set()


def test_a_failing_send_is_survived_and_tried_with_the_next_nudge(monkeypatch):
    monkeypatch.setattr(wakeup, "PAUSE_AFTER_FAILURE_SECONDS", 0.01)
    send = Counter(failing=True)
    waker = CoalescingWaker(send, pause=0.01)
    waker.nudge()
    assert send.called.wait(2)
    send.called.clear()
    time.sleep(0.05)
    waker.nudge()
    assert send.called.wait(2)


def test_nothing_is_raised_when_no_thread_can_be_started(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    CoalescingWaker(Counter()).nudge()


def test_without_redis_sending_fails_quickly(settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    wakeup.answered()
    began = time.monotonic()
    try:
        CelerySender(DISPATCH_TASK, UNANSWERED_KEY)()
    except Exception as refused:
        assert "refused" in str(refused).lower()  # noqa: PT017
    else:
        raise AssertionError("Nothing listens there.")
    assert time.monotonic() - began < 5


def test_a_forked_child_wakes_from_a_thread_of_its_own():
    sent = Counter()
    wakeup._dispatcher._waker = CoalescingWaker(sent)
    wakeup.nudge()
    assert sent.called.wait(2)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        mine = Counter()
        wakeup._dispatcher._waker._send = mine
        wakeup.nudge()
        os.write(writing, b"1" if mine.called.wait(2) and sent.calls == 1 else b"0")
        os._exit(0)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b"1"
    finally:
        os.waitpid(child, 0)
        os.close(reading)
        wakeup._dispatcher._renew()


@pytest.mark.django_db
def test_one_message_at_a_time_waits_for_a_worker_and_it_expires(settings):
    settings.CELERY_TASK_DEFAULT_QUEUE = f"tests-{os.getpid()}"
    wakeup.answered()
    CelerySender(DISPATCH_TASK, UNANSWERED_KEY)()
    CelerySender(DISPATCH_TASK, UNANSWERED_KEY)()  # another process, while the first message waits
    app = Celery("tests", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    with app.connection_for_read() as broker, broker.SimpleQueue(settings.CELERY_TASK_DEFAULT_QUEUE) as queue:
        message = queue.get(timeout=5)
        message.ack()
        with pytest.raises(Empty):
            queue.get(block=False)
        dispatch_events()  # the worker looks …
        CelerySender(DISPATCH_TASK, UNANSWERED_KEY)()  # … and what came after that is worth a message
        queue.get(timeout=5).ack()
    assert message.headers["task"] == "events.tasks.dispatch_events"
    assert message.headers["expires"] is not None


def test_redis_is_reached_where_the_settings_say(settings):
    """The tests of this file would otherwise pass without any Redis."""
    assert Redis.from_url(settings.REDIS_URL).ping()
