"""All children in one loop of one thread: forwards their output, starts again what died, stops them in order."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable
from types import FrameType

from ledger_project.supervisor.home import Home
from ledger_project.supervisor.log import SharedLog
from ledger_project.supervisor.process import Child, Output, Program
from ledger_project.supervisor.tether import Watcher, needs_watcher

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
READ_BYTES = 65536


class Stopping(Exception):
    """A signal asked the supervisor to end while it waited for something."""


class Failed(Exception):
    """Something that must work to go on did not; the message is for the person at the terminal."""


class Supervisor:
    """Holds the children of one instance. Make it in the main thread and use it there only."""

    def __init__(self, home: Home, log: SharedLog) -> None:
        """Takes over SIGTERM, SIGINT and SIGHUP."""
        self.home = home
        self.log = log
        self.asked_to_stop = False
        self._children: dict[str, Child] = {}
        self._once: set[str] = set()
        self._codes: dict[str, int] = {}
        self._partial: dict[int, bytes] = {}
        self._watcher = Watcher() if needs_watcher() else None
        self._selector = selectors.DefaultSelector()
        # Signals wake select() up through this pipe: a child's end is seen at once, and an idle loop does nothing.
        self._wakeup, writing = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(writing, False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signum, _frame: None)
        for signum in STOP_SIGNALS:
            signal.signal(signum, self._ask_to_stop)

    def keep(self, program: Program) -> None:
        """Start `program` and start it again whenever it ends."""
        self._children[program.name] = Child(program, run_folder=self.home.run, watcher=self._watcher)
        self._start_due()

    def pid(self, name: str) -> int | None:
        """The process of the child `name`, while it runs; None also when there is no such child."""
        child = self._children.get(name)
        return child.pid if child else None

    def run_once(self, program: Program) -> int:
        """Run `program` to its end while everything else goes on; the exit code. Raises `Stopping`."""
        self._once.add(program.name)
        try:
            self.keep(program)
            while program.name not in self._codes:
                self.step()
            return self._codes.pop(program.name)
        finally:
            if child := self._children.pop(program.name, None):
                child.kill()
            self._once.discard(program.name)

    def wait_until(self, ready: Callable[[], bool], *, what: str, seconds: float = 60) -> None:
        """Go on with everything until `ready()`. Raises `Failed` after `seconds`, or `Stopping`."""
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise Failed(f"{what} did not answer within {seconds:.0f} s. The reason stands in {self.home.log}.")
            self.step(0.02)

    def watch(self) -> None:
        """Go on until a signal asks to stop."""
        try:
            while True:
                self.step()
        except Stopping:
            pass

    def step(self, timeout: float = 0.5) -> None:
        """One turn: forward output, notice ends, start what is due. Raises `Stopping`."""
        if self.asked_to_stop:
            raise Stopping
        due = [c.start_at for c in self._children.values() if not c.running]
        pause = min([timeout, *(max(0.0, at - time.monotonic()) for at in due)])
        self._forward_output(pause)
        for name, child in self._children.items():
            code = child.ended()
            if code is None:
                continue
            if name in self._once:
                while self._forward_output(0):
                    pass
                self._codes[name] = code
            elif not self.asked_to_stop:
                self.log.line("up", f"{name} ended ({_reason(code)}), starting it again")
        self._start_due()

    def stop(self, *groups: tuple[str, ...]) -> None:
        """Stop the children group after group, each within its grace; a second signal does not wait."""
        self.asked_to_stop = False
        for group in groups:
            children = [self._children.pop(name) for name in group if name in self._children]
            for child in children:
                child.ask_to_stop()
            deadline = time.monotonic() + max([c.program.grace_seconds for c in children], default=0)
            while children:
                self._forward_output(0.05)
                children = [child for child in children if child.running and child.ended() is None]
                if time.monotonic() > deadline or self.asked_to_stop:
                    for child in children:
                        child.kill()
        while self._forward_output(0):
            pass
        if self._watcher:
            self._watcher.close()

    def _start_due(self) -> None:
        for name, child in self._children.items():
            if child.running or name in self._codes or time.monotonic() < child.start_at:
                continue
            if child.start() and child.pipe is not None:
                self._selector.register(child.pipe, selectors.EVENT_READ, data=child.program)

    def _forward_output(self, timeout: float) -> bool:
        ready = self._selector.select(timeout)
        for key, _events in ready:
            if key.fd == self._wakeup:
                os.read(key.fd, READ_BYTES)
                continue
            try:
                chunk = os.read(key.fd, READ_BYTES)
            except BlockingIOError:
                continue
            *lines, rest = (self._partial.pop(key.fd, b"") + chunk).split(b"\n")
            for line in lines:
                self._log(key.data, line)
            if chunk:
                self._partial[key.fd] = rest
                continue
            if rest:
                self._log(key.data, rest)
            self._selector.unregister(key.fd)
            os.close(key.fd)
        return bool(ready)

    def _log(self, program: Program, text: bytes) -> None:
        if program.output is Output.PLAIN:
            self.log.say(text.decode(errors="replace"))
        else:
            self.log.line(program.name, text, terminal=program.output is Output.NAMED)

    def _ask_to_stop(self, _signum: int, _frame: FrameType | None) -> None:
        self.asked_to_stop = True


def _reason(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"status {code}"
