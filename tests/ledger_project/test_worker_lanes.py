"""Lanes of a worker: no kind of work takes the places of another, and the dead leave theirs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import REGISTRY

from ledger_project.celery import app
from ledger_project.worker import tasks
from ledger_project.worker.board import Board
from ledger_project.worker.lanes import Lane, processes, read_lanes
from tests.ledger_project.instances import wait_until

LANES = {Lane.DISPATCH: 2, Lane.CALLBACKS: 1, Lane.MAIL: 1, Lane.SWEEPS: 2}


class Others:
    """Processes forked as those of a pool are."""

    def __init__(self) -> None:
        self.pids: list[int] = []

    def sit(self, board: Board, lane: Lane) -> int:
        """A process that takes a place and keeps it; its id."""
        reading, writing = os.pipe()
        if (pid := os.fork()) == 0:
            os.write(writing, b"y" if board.take(lane) is not None else b"n")
            time.sleep(60)
            os._exit(0)
        self.pids.append(pid)
        assert os.read(reading, 1) == b"y"
        return pid

    def end(self, pid: int) -> None:
        """Kill it."""
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.pids.remove(pid)


@pytest.fixture
def others() -> Iterator[Others]:
    made = Others()
    yield made
    for pid in list(made.pids):
        made.end(pid)


def test_the_setting_names_every_lane_once():
    assert read_lanes("dispatch=2, callbacks=1,mail=1,sweeps=2") == LANES
    assert processes("dispatch=2,callbacks=1,mail=1,sweeps=2") == 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dispatch=2",
        "dispatch=0,callbacks=1,mail=1,sweeps=2",
        "dispatch=2,callbacks=1,mail=1,sweeps=65",
        "dispatch=2,callbacks=1,mail=1,mail=1,sweeps=2",
        "dispatch=2,callbacks=1,mail=one,sweeps=2",
        "dispatch=2,callbacks=1,mail=1,sweeps=2,other=1",
    ],
)
def test_another_text_is_refused_with_what_would_be_right(text: str):
    with pytest.raises(ValueError, match="mail=1"):
        read_lanes(text)
    assert processes(text) is None


def test_a_full_lane_lets_nobody_in_and_leaves_the_others_open(others: Others):
    board = Board(LANES)
    others.sit(board, Lane.DISPATCH)
    others.sit(board, Lane.DISPATCH)
    assert board.busy(Lane.DISPATCH) == 2
    assert board.take(Lane.DISPATCH) is None
    assert board.take(Lane.MAIL) is not None


def test_a_killed_process_leaves_its_place_at_once(others: Others):
    board = Board(LANES)
    busy = others.sit(board, Lane.MAIL)
    assert board.take(Lane.MAIL) is None
    others.end(busy)
    assert board.busy(Lane.MAIL) == 0
    assert board.take(Lane.MAIL) is not None


def test_a_place_that_was_left_is_free_for_another_process(others: Others):
    board = Board(LANES)
    seat = board.take(Lane.MAIL)
    assert seat is not None
    assert board.busy(Lane.MAIL) == 1
    board.leave(seat)
    assert board.busy(Lane.MAIL) == 0
    others.sit(board, Lane.MAIL)
    wait_until(lambda: board.busy(Lane.MAIL) == 1, "the other's place")


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    """This process is one of a worker's."""
    made = Board(LANES)
    monkeypatch.setattr(tasks, "_board", made)
    return made


@pytest.fixture
def run() -> Iterator[Callable[[], object]]:
    """A task among the sweeps: it says how many are busy there."""

    @app.task(name="tests.lanes")
    def task() -> object:
        board = tasks._board
        assert board is not None
        return board.busy(Lane.SWEEPS)

    yield task
    app.tasks.unregister("tests.lanes")


def test_a_task_takes_a_place_and_leaves_it(board: Board, run: Callable[[], object]):
    assert run() == 1
    assert board.busy(Lane.SWEEPS) == 0
    assert board.idle_seconds < 5


def test_a_task_that_fails_leaves_its_place(board: Board):
    @app.task(name="tests.lanes.failing")
    def task() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        task()
    app.tasks.unregister("tests.lanes.failing")
    assert board.busy(Lane.SWEEPS) == 0


@pytest.mark.django_db
def test_a_task_whose_lane_is_full_does_nothing_and_is_counted(board: Board, run: Callable[[], object], others: Others):
    def counted() -> float:
        return REGISTRY.get_sample_value("ledger_tasks_total", {"task": "tests.lanes", "outcome": "busy"}) or 0

    before = counted()
    others.sit(board, Lane.SWEEPS)
    others.sit(board, Lane.SWEEPS)
    assert run() is None
    assert counted() == before + 1
