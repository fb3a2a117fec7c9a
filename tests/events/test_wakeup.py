"""Waking the dispatcher costs nothing, blocks nobody and may fail."""

import os
import threading
import time

from celery import Celery
from redis import Redis

from events import wakeup
from events.wakeup import CoalescingWaker, _CelerySender


class Counter:
    """Counts calls, and tells when the first has come."""

    def __init__(self, failing=False):
        self.calls, self.called, self.failing = 0, threading.Event(), failing

    def __call__(self):
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
    time.sleep(0.25)
    assert 3 <= send.calls <= 6
    before = send.calls
    waker.nudge()
    time.sleep(0.15)
    assert send.calls == before + 1


def test_a_nudge_is_answered_at_once_when_nothing_went_before():
    send = Counter()
    began = time.monotonic()
    CoalescingWaker(send).nudge()
    assert send.called.wait(2)
    assert time.monotonic() - began < 0.5


def test_a_nudge_takes_microseconds_even_while_sending_hangs():
    hanging = threading.Event()
    waker = CoalescingWaker(lambda: bool(hanging.wait(5)))
    waker.nudge()
    began = time.perf_counter()
    for _ in range(1000):
        waker.nudge()
    assert time.perf_counter() - began < 0.1
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
    began = time.monotonic()
    try:
        _CelerySender()()
    except Exception as refused:
        assert "refused" in str(refused).lower()  # noqa: PT017
    else:
        raise AssertionError("Nothing listens there.")
    assert time.monotonic() - began < 5


def test_a_forked_child_wakes_from_a_thread_of_its_own():
    sent = Counter()
    wakeup._waker = CoalescingWaker(sent)
    wakeup.nudge()
    assert sent.called.wait(2)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        mine = Counter()
        wakeup._waker._send = mine
        wakeup.nudge()
        os.write(writing, b"1" if mine.called.wait(2) and sent.calls == 1 else b"0")
        os._exit(0)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b"1"
    finally:
        os.waitpid(child, 0)
        os.close(reading)
        wakeup._renew()


def test_the_message_names_the_task_and_expires(settings):
    settings.CELERY_TASK_DEFAULT_QUEUE = f"tests-{os.getpid()}"
    _CelerySender()()
    app = Celery("tests", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    with app.connection_for_read() as broker, broker.SimpleQueue(settings.CELERY_TASK_DEFAULT_QUEUE) as queue:
        message = queue.get(timeout=5)
        message.ack()
    assert message.headers["task"] == "events.tasks.dispatch_events"
    assert message.headers["expires"] is not None


def test_redis_is_reached_where_the_settings_say(settings):
    """The tests of this file would otherwise pass without any Redis."""
    assert Redis.from_url(settings.REDIS_URL).ping()
