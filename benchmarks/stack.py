"""What a benchmark runs on: embedded services in a temporary LEDGER_HOME, migrated and seeded, and a web server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger_project.environment import BASE_DIR
from ledger_project.supervisor.up import web_arguments

NOT_PASSED_ON = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "PORT", "PROMETHEUS_MULTIPROC_DIR")
WAIT_SECONDS = 90


class Stack:
    """The services of one benchmark. `environment` is what programs of the project need to find them."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="ledger-benchmark-"))
        self.home.chmod(0o755)  # as root, the services run as nobody
        clean = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        self.environment = clean | {
            "LEDGER_HOME": str(self.home),
            "PYTHONPATH": str(BASE_DIR),
            "DJANGO_SETTINGS_MODULE": "ledger_project.settings",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore",
        }
        self._services = self._start("services", "ledger_project.supervisor", "--services-only")
        self._wait(lambda: (self.home / "services.json").exists(), self._services, "services")
        self.urls: dict[str, str] = json.loads((self.home / "services.json").read_text())

    @property
    def postgres_pid(self) -> int:
        """The postmaster."""
        return int((self.home / "run" / "postgres.pid").read_text())

    def manage(self, *arguments: str) -> None:
        """A management command."""
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=BASE_DIR, env=self.environment, check=True)

    def output_of(self, module: str, *arguments: str) -> Any:
        """The JSON that a module prints."""
        command = [sys.executable, "-m", module, *arguments]
        ended = subprocess.run(command, cwd=BASE_DIR, env=self.environment, check=True, stdout=subprocess.PIPE)
        return json.loads(ended.stdout)

    @contextmanager
    def web(self, **environment: str) -> Iterator[tuple[int, int]]:
        """Ledger's web server with the arguments of `bin/up`: its port and its process."""
        metrics = self.home / "metrics"
        metrics.mkdir(exist_ok=True)
        more = {"PROMETHEUS_MULTIPROC_DIR": str(metrics), **environment}
        with self.server(lambda port: web_arguments("127.0.0.1", port), environment=more) as started:
            yield started

    @contextmanager
    def server(self, arguments: Any, *, environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
        """A server given by the function from its port to its arguments: its port and its process."""
        port = free_port()
        process = self._start("web", *arguments(port)[1:], environment=environment)
        try:
            self._wait(lambda: _answers(port), process, "web")
            yield port, process.pid
        finally:
            _end(process)

    def close(self) -> None:
        """Stop everything and remove the folder."""
        _end(self._services)
        shutil.rmtree(self.home, ignore_errors=True)

    def _start(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.out").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=BASE_DIR,
                env=self.environment | dict(environment or {}),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _wait(self, condition: Any, process: subprocess.Popen[bytes], name: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} did not start:\n{(self.home / f'{name}.out').read_text()}")
            time.sleep(0.05)


def free_port() -> int:
    """A TCP port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    """Whether it speaks HTTP; a 404 will do."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
