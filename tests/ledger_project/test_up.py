"""`bin/up` as a whole: starts again what dies, ends everything when asked to, leaves nothing when it is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest

from ledger_project.environment import BASE_DIR
from ledger_project.supervisor.home import NOTE
from ledger_project.supervisor.up import DIRECTLY
from tests.ledger_project.instances import WAIT_SECONDS, Instance, alive, descendants, free_port, wait_until

pytestmark = pytest.mark.serial
PROCESSES = ("web", "worker", "beat", "postgres", "redis")


@pytest.fixture
def running(start: Callable[..., Instance]) -> Instance:
    """An instance with everything started for the first time."""
    return start(PORT=str(free_port())).serving()


def replaced(instance: Instance, name: str, former: int) -> bool:
    return instance.pid(name) not in (0, former) and instance.serves()


def all_gone(processes: set[int]) -> bool:
    return not [pid for pid in processes if alive(pid)]


def test_a_first_start_serves_and_shows_its_credentials_once(start):
    port = str(free_port())
    first = start(PORT=port).serving()
    assert first.serves()
    assert all(alive(first.pid(name)) for name in PROCESSES)
    file = first.home / "credentials.json"
    credentials = json.loads(file.read_text())
    assert set(credentials) == {"baseUrl", "tenantId", "serviceKey", "adminEmail", "adminPassword"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert credentials["serviceKey"] in first.output.read_text()
    assert credentials["serviceKey"] not in (first.home / "log" / "ledger.log").read_text()
    assert first.end(signal.SIGINT) == 0

    other_port = str(free_port())
    second = start(PORT=other_port).serving()
    assert second.serves()
    assert credentials["serviceKey"] not in second.output.read_text()
    assert json.loads(file.read_text()) == credentials | {"baseUrl": f"http://localhost:{other_port}"}


def test_what_is_killed_is_started_again_and_leaves_nothing(running):
    for name in PROCESSES:
        former = running.pid(name)
        family = {former} | descendants(former)
        assert running.kill(name) == former
        wait_until(partial(replaced, running, name, former), f"restart of {name}")
        wait_until(partial(all_gone, family), f"end of the former {name}")
    assert running.process.poll() is None


def test_a_killed_web_worker_is_replaced(running):
    former = descendants(running.pid("web"))
    os.kill(min(former), signal.SIGKILL)
    wait_until(
        lambda: len(descendants(running.pid("web")) - former) >= 1 and running.serves(), "another worker process"
    )


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(running, signum):
    processes = descendants(running.process.pid)
    assert len(processes) >= 16
    assert running.end(signum) == 0
    assert all_gone(processes)
    assert not list((running.home / "run").glob("*.pid"))


@pytest.mark.parametrize("tether", ["kernel", "pipe"])
def test_a_killed_supervisor_leaves_no_process(start, tether):
    run = start(PORT=str(free_port()), LEDGER_TETHER=tether).serving()
    processes = descendants(run.process.pid)
    run.process.kill()
    run.process.wait()
    wait_until(partial(all_gone, processes), "end of every process")
    assert start(PORT=str(run.port)).serving().serves()


def test_a_port_in_use_is_named_and_nothing_is_started(start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = start(PORT=str(port))
        assert run.process.wait(WAIT_SECONDS) == 1
    assert f"Port {port}" in run.output.read_text()
    assert not (run.home / "postgres").exists()


def test_a_worker_port_in_use_is_named_with_its_variable_and_nothing_is_started(start):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = start(PORT=str(free_port()), WORKER_PORT=str(port))
        assert run.process.wait(WAIT_SECONDS) == 1
    assert f"example: WORKER_PORT={port + 1} bin/up" in run.output.read_text()
    assert not (run.home / "postgres").exists()


def test_the_worker_has_a_port_of_its_own_beside_that_of_the_web_server(start):
    port = free_port()
    run = start(PORT=str(port)).serving()
    address = f"http://127.0.0.1:{port + 4462}"
    assert f"{address}/healthz  {address}/metrics" in run.output.read_text()
    with DIRECTLY.open(f"{address}/healthz", timeout=10) as answer:
        assert answer.read() == b'{"status": "ok"}'

    def counted(base: str) -> bool:
        with DIRECTLY.open(f"{base}/metrics", timeout=10) as answer:
            return b'ledger_tasks_total{outcome="succeeded",task="events.tasks.dispatch_events"}' in answer.read()

    wait_until(lambda: counted(address), "a counted task")
    assert not counted(f"http://127.0.0.1:{port}"), "each counts its own, or sums would be wrong"


def test_half_of_the_database_urls_is_refused(start):
    run = start(PORT=str(free_port()), DATABASE_URL="postgres://ledger_app@localhost/ledger")
    assert run.process.wait(WAIT_SECONDS) == 1
    assert "DATABASE_OWNER_URL" in run.output.read_text()


def test_servers_that_are_configured_are_used_instead_of_embedded_ones(start):
    services = start("services").ready().urls()
    run = start(
        PORT=str(free_port()),
        DATABASE_URL=services["databaseUrl"],
        DATABASE_OWNER_URL=services["databaseOwnerUrl"],
        REDIS_URL=services["redisUrl"],
    ).serving()
    assert run.serves()
    assert not (run.home / "postgres").exists()
    assert run.urls() == {}


def test_an_application_role_that_escapes_row_level_security_is_refused_at_once(start):
    services = start("services").ready().urls()
    superuser = services["databaseUrl"].replace("ledger_app@", "postgres@")
    run = start(
        PORT=str(free_port()),
        DATABASE_URL=superuser,
        DATABASE_OWNER_URL=services["databaseOwnerUrl"],
        REDIS_URL=services["redisUrl"],
    )
    assert run.process.wait(WAIT_SECONDS) == 1
    assert "DATABASE_URL connects as postgres, which is a superuser" in run.output.read_text()
    assert "migrate |" not in run.output.read_text()


def test_with_json_one_object_on_stdout_says_what_runs_and_no_secret(tmp_path):
    home = tmp_path / "home"
    ended = subprocess.run(
        [sys.executable, "-m", "ledger_project.supervisor", "--json", "--exit"],
        cwd=BASE_DIR,
        env={"PATH": os.environ["PATH"], "LEDGER_HOME": str(home), "PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=True,
    )
    told = json.loads(ended.stdout)
    assert told["credentials"] == str(home / "credentials.json")
    assert set(told["pids"]) == {"up", *PROCESSES}
    key = json.loads((home / "credentials.json").read_text())["serviceKey"]
    assert key not in ended.stdout
    assert key in ended.stderr
    if (home / NOTE).exists():
        shutil.rmtree((home / NOTE).read_text().splitlines()[1])
