"""No process outlives the one that started it, however that one dies.

Linux: the kernel sends each child a signal when its parent is gone (`PR_SET_PDEATHSIG`). Elsewhere (macOS) one small
watcher process holds the reading end of a pipe whose writing end only the supervisor has; when the pipe closes it
signals every process it was told about. The watcher has been run on Linux only, never on macOS.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
GRACE_SECONDS = 10.0
_on_linux = sys.platform.startswith("linux")
_libc = ctypes.CDLL(None, use_errno=True) if _on_linux else None


def tied(signum: int) -> Callable[[], None] | None:
    """A `preexec_fn`: the kernel then sends `signum` to the child when this process dies. None where it cannot."""
    if _libc is None or needs_watcher():
        return None
    libc, parent = _libc, os.getpid()

    def between_fork_and_exec() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signum)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    return between_fork_and_exec


def die_with_parent(parent: int) -> None:
    """Have this process killed when `parent`, its parent, dies. For workers that a server forks, called in them."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Watcher:
    """The substitute for `PR_SET_PDEATHSIG`: told which processes live, it signals them when the supervisor is gone."""

    def __init__(self) -> None:
        """Start the watcher process, in a session of its own so that Ctrl-C does not reach it."""
        reading, self._writing = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-I", os.path.abspath(__file__)], stdin=reading, start_new_session=True, close_fds=True
        )
        os.close(reading)

    def watch(self, pid: int, signum: int) -> None:
        """Signal `pid` with `signum`, and later its whole group with SIGKILL, should the supervisor die."""
        os.write(self._writing, f"+ {pid} {signum}\n".encode())

    def forget(self, pid: int) -> None:
        """`pid` has ended: its number may soon belong to somebody else."""
        os.write(self._writing, f"- {pid} 0\n".encode())

    def close(self) -> None:
        """Nothing is left to watch."""
        os.close(self._writing)
        self._process.wait()


def needs_watcher() -> bool:
    """Whether this system lacks `PR_SET_PDEATHSIG` (`LEDGER_TETHER=pipe` pretends so, for tests)."""
    return _libc is None or os.environ.get("LEDGER_TETHER") == "pipe"


def _signal(send: Callable[[int, int], None], pid: int, signum: int) -> bool:
    try:
        send(pid, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _watch_pipe() -> None:
    living: dict[int, int] = {}
    for line in sys.stdin:
        change, pid, signum = line.split()
        if change == "+":
            living[int(pid)] = int(signum)
        else:
            living.pop(int(pid), None)
    for pid, signal_number in living.items():
        _signal(os.kill, pid, signal_number)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(_signal(os.kill, pid, 0) for pid in living):
        time.sleep(0.05)
    for pid in living:
        _signal(os.killpg, pid, signal.SIGKILL)


if __name__ == "__main__":
    _watch_pipe()
