"""One supervised child: how it is started, tied to us, named in a pid file, started again and stopped."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from ledger_project.supervisor.home import ServiceUser
from ledger_project.supervisor.tether import Watcher, tied

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
STABLE_AFTER_SECONDS = 10.0


class Output(Enum):
    """Where the lines of a program go, besides the log file."""

    NAMED = "to the terminal, with its name in front"
    PLAIN = "to the terminal as they are: they are meant for the person there"
    FILE = "nowhere: of interest only when it failed"


@dataclass(frozen=True)
class Program:
    """What to run. `stop_signal` asks it to end in order; `orphan_signal` reaches it when the supervisor dies."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path = Path("/")
    user: ServiceUser | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    grace_seconds: float = 10.0
    output: Output = Output.NAMED


class Child:
    """A program that runs or waits to be started again, with growing pauses while it keeps dying at once."""

    def __init__(self, program: Program, *, run_folder: Path, watcher: Watcher | None) -> None:
        """Nothing is started yet; `run_folder` takes the pid file and the lock."""
        self.program = program
        self.pipe: int | None = None
        self.start_at = 0.0
        self._run_folder = run_folder
        self._watcher = watcher
        self._process: subprocess.Popen[bytes] | None = None
        self._delay = FIRST_DELAY_SECONDS
        self._started_at = 0.0

    @property
    def pid_file(self) -> Path:
        """`<LEDGER_HOME>/run/<name>.pid`."""
        return self._run_folder / f"{self.program.name}.pid"

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether it was started and has not been seen to end."""
        return self._process is not None

    def start(self) -> bool:
        """Start it, from the main thread. False while processes of its former life hold its lock: try again.

        The lock is inherited by the child and by whatever it forks. So two servers never share one data
        folder, not even when the former one is still shutting down after its supervisor was killed.
        """
        lock = os.open(self._run_folder / f"{self.program.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            self.start_at = time.monotonic() + FIRST_DELAY_SECONDS
            return False
        reading, writing = os.pipe()
        account = self.program.user
        try:
            self._process = subprocess.Popen(
                self.program.argv,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                cwd=self.program.folder,
                env=dict(self.program.environment),
                # Ctrl-C reaches the supervisor only, which stops its children in order.
                start_new_session=True,
                pass_fds=(lock,),
                preexec_fn=tied(self.program.orphan_signal),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=() if account else None,
            )
        finally:
            os.close(writing)
            os.close(lock)
        if self._watcher:
            self._watcher.watch(self._process.pid, self.program.orphan_signal)
        os.set_blocking(reading, False)
        self.pipe = reading
        self._started_at = time.monotonic()
        self.pid_file.write_text(f"{self._process.pid}\n")
        return True

    def ended(self) -> int | None:
        """The exit code if it has ended since the last call; what is left of its process group is killed."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._signal_group(signal.SIGKILL)
        if self._watcher:
            self._watcher.forget(self._process.pid)
        self._process = None
        self.pid_file.unlink(missing_ok=True)
        now = time.monotonic()
        if now - self._started_at > STABLE_AFTER_SECONDS:
            self._delay = FIRST_DELAY_SECONDS
        self.start_at = now + self._delay
        self._delay = min(self._delay * 2, LONGEST_DELAY_SECONDS)
        return code

    def ask_to_stop(self) -> None:
        """Send its stop signal."""
        if self._process is not None:
            self._process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        """End it and its whole process group now."""
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, signum: signal.Signals) -> None:
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signum)
            except (ProcessLookupError, PermissionError):
                pass
