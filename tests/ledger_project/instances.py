"""Supervisors in folders of their own, for tests that start and kill them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import redis

from ledger_project.environment import BASE_DIR
from ledger_project.supervisor.tether import tied
from ledger_project.supervisor.up import DIRECTLY

WAIT_SECONDS = 60
# What the tests themselves run on must not reach an instance.
NOT_PASSED_ON = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "LEDGER_HOME", "PORT", "WORKER_PORT")


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Ask until it is so; an assertion fails after a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {WAIT_SECONDS} s"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants(pid: int) -> set[int]:
    """The children of a process, their children, and so on."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found: set[int] = set()
    frontier = {pid}
    while frontier := {child for child, parent in parents.items() if parent in frontier} - found:
        found |= frontier
    return found


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Instance:
    """A supervisor of services only, or, given a PORT, of everything."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.output = home.parent / f"output-{time.monotonic_ns()}"
        clean = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        self.port = int(environment.get("PORT") or 0)
        self.worker_port = int(environment.get("WORKER_PORT") or self.port + 4462)
        (self.home / "services.json").unlink(missing_ok=True)
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ledger_project.supervisor", *([] if self.port else ["--services-only"])],
                cwd=BASE_DIR,
                env=clean | {"LEDGER_HOME": str(home), "VIES_URL": ""} | environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
                # Killed tests leave no instance behind.
                preexec_fn=tied(signal.SIGTERM),
            )

    def ready(self) -> Instance:
        """Wait for the services."""
        wait_until(lambda: (self.home / "services.json").exists() or self.process.poll() is not None, "start")
        assert self.process.poll() is None, self.output.read_text()
        return self

    def serving(self) -> Instance:
        """Wait for everything."""
        wait_until(lambda: "Ctrl-C stops" in self.output.read_text() or self.process.poll() is not None, "start")
        assert self.process.poll() is None, self.output.read_text()
        return self

    def urls(self) -> dict[str, str]:
        """What `services.json` says."""
        return dict(json.loads((self.home / "services.json").read_text()))

    def pid(self, name: str) -> int:
        """What the pid file of `name` says; 0 without one."""
        try:
            return int((self.home / "run" / f"{name}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def kill(self, name: str) -> int:
        """Kill `name` with -9, once its pid file says what to kill, and say what that was.

        While the supervisor starts it anew the file is gone or empty; and a kill of 0 would be one of ourselves.
        """
        killed: list[int] = []

        def struck() -> bool:
            pid = self.pid(name)
            try:
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            except ProcessLookupError:
                pass
            return bool(killed)

        wait_until(struck, f"a {name} to kill")
        return killed[0]

    def query(self, statement: str, *, role: str = "ledger_owner") -> list[tuple[Any, ...]]:
        """Rows, as the owner, or as `ledger_backup` those of all tenants."""
        url = self.urls()["databaseOwnerUrl"].replace("ledger_owner@", f"{role}@")
        with psycopg.connect(url, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def redis(self) -> redis.Redis:
        """A client of its Redis."""
        return redis.Redis.from_url(self.urls()["redisUrl"])

    def works(self) -> bool:
        """Whether both services answer."""
        try:
            return self.query("SELECT 1") == [(1,)] and bool(self.redis().ping())
        except (psycopg.OperationalError, redis.ConnectionError):
            return False

    def serves(self) -> bool:
        """Whether the web server says that it is ready."""
        try:
            with DIRECTLY.open(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def end(self, signum: int = signal.SIGTERM) -> int:
        """Ask it to stop; its exit status."""
        self.process.send_signal(signum)
        return self.process.wait(WAIT_SECONDS)
