"""The worker's own port, served by a real Celery worker and by a server of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from ledger_project.environment import BASE_DIR
from ledger_project.supervisor.up import DIRECTLY
from ledger_project.worker import server
from ledger_project.worker.board import Board
from ledger_project.worker.lanes import Lane
from ledger_project.worker.server import PortTaken, liveness, serve_from_a_fork, take_port
from tests.ledger_project.instances import alive, descendants, free_port, wait_until

LANES = {Lane.DISPATCH: 1, Lane.CALLBACKS: 1, Lane.MAIL: 1, Lane.SWEEPS: 1}


def fetch(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0 when nobody listens."""
    try:
        with DIRECTLY.open(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a worker, without beat; what it says is in `worker.log`."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> subprocess.Popen[bytes]:
        database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        environment = {
            "DATABASE_URL": database,
            "REDIS_URL": settings.REDIS_URL,
            "SECRET_KEY": settings.SECRET_KEY,
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        }
        command = [sys.executable, "-m", "celery", "--quiet", "-A", "ledger_project", "worker"]
        with (tmp_path / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                command, cwd=BASE_DIR, env=os.environ | environment | variables, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        started.append(worker)
        return worker

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.serial
@pytest.mark.django_db(transaction=True)
def test_a_worker_answers_probes_and_scrapers_and_its_port_ends_with_it(begin, tmp_path: Path):
    port = free_port()
    worker = begin(WORKER_PORT=str(port), WORKER_LANES="dispatch=1,callbacks=1,mail=1,sweeps=1")
    wait_until(lambda: fetch(port, "/healthz")[0] == 200, "the worker")
    assert fetch(port, "/healthz") == (200, '{"status": "ok"}')
    status, metrics = fetch(port, "/metrics")
    assert status == 200
    assert 'ledger_worker_lane_places{lane="mail"} 1.0' in metrics
    assert "ledger_events_dead " in metrics
    assert fetch(port, "/admin")[0] == 404
    family = descendants(worker.pid)
    assert len(family) == 4 + 1, "a process per lane, and the port"
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_until(lambda: fetch(port, "/healthz")[0] == 0, "end of the port")
    for pid in family:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.serial
def test_a_taken_port_ends_the_worker_with_the_name_of_the_variable(begin, tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        worker = begin(WORKER_PORT=str(other.getsockname()[1]))
        assert worker.wait(60) == 1
    said = (tmp_path / "worker.log").read_text()
    assert "Set WORKER_PORT to another one" in said
    assert "Traceback" not in said


@pytest.mark.serial
def test_lanes_that_cannot_be_read_end_the_worker_with_what_would_be_right(begin, tmp_path: Path):
    assert begin(WORKER_PORT="0", WORKER_LANES="mail=1").wait(60) == 1
    assert "WORKER_LANES gives each of dispatch, callbacks, mail, sweeps" in (tmp_path / "worker.log").read_text()


class TestLiveness:
    """What a probe is told."""

    def test_before_it_takes_tasks_the_worker_is_starting(self):
        assert liveness(Board(LANES), waiting=0) == (503, "starting")

    def test_a_worker_that_takes_tasks_is_well_whatever_waits(self):
        board = Board(LANES)
        board.say_ready()
        assert liveness(board, waiting=1000) == (200, "ok")

    def test_messages_that_nobody_takes_mean_stuck(self, monkeypatch: pytest.MonkeyPatch):
        board = Board(LANES)
        board.say_ready()
        monkeypatch.setattr(server, "STUCK_SECONDS", 0.05)
        time.sleep(0.1)
        assert liveness(board, waiting=1) == (503, "stuck")
        board.say_begun()
        assert liveness(board, waiting=1) == (200, "ok")

    @pytest.mark.parametrize("waiting", [0, None], ids=["no work", "no Redis"])
    def test_without_messages_or_without_redis_it_is_not_the_workers_fault(self, monkeypatch, waiting: int | None):
        board = Board(LANES)
        board.say_ready()
        monkeypatch.setattr(server, "STUCK_SECONDS", 0.05)
        time.sleep(0.1)
        assert liveness(board, waiting=waiting) == (200, "ok")


class TestServer:
    """The server itself, beside a process that stands for the worker."""

    @pytest.fixture
    def port(self) -> Iterator[int]:
        port = free_port()
        if (pid := os.fork()) == 0:
            server.REQUEST_SECONDS = 1.0  # type: ignore[misc]
            board = Board(LANES)
            board.say_ready()
            serve_from_a_fork(take_port("127.0.0.1", port, board))
            time.sleep(60)
            os._exit(0)
        wait_until(lambda: fetch(port, "/healthz")[0] == 200, "the server")
        yield port
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        wait_until(lambda: fetch(port, "/healthz")[0] == 0, "its end")

    def test_slow_clients_are_cut_off_and_hold_nobody_up_for_long(self, port: int):
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for client in slow:
            client.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
        began = time.monotonic()
        wait_until(lambda: fetch(port, "/healthz")[0] == 200, "a place")
        assert time.monotonic() - began < 10
        for client in slow:
            client.close()

    def test_a_client_that_goes_away_does_not_end_it(self, port: int):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        wait_until(lambda: fetch(port, "/healthz")[0] == 200, "an answer")

    def test_a_second_one_is_refused_the_port(self, port: int):
        with pytest.raises(PortTaken, match="WORKER_PORT"):
            take_port("127.0.0.1", port, Board(LANES))
