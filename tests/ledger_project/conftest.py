"""A folder for instances that other accounts may pass, cleaned afterwards."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger_project.supervisor.home import NOTE
from tests.ledger_project.instances import Instance


@pytest.fixture
def start() -> Iterator[Callable[..., Instance]]:
    """Starts an instance, by default of services only, in a folder that its first argument names."""
    # The folders of pytest are closed to other accounts; the ordinary case is an open one.
    base = Path("/tmp") / f"ledger-test-{os.getpid()}-{time.monotonic_ns()}"
    base.mkdir(mode=0o755)
    instances: list[Instance] = []

    def begin(name: str = "home", **environment: str) -> Instance:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        instances.append(Instance(base / name, **environment))
        return instances[-1]

    yield begin
    for instance in instances:
        if instance.process.poll() is None:
            instance.end()
        if (note := instance.home / NOTE).exists():
            shutil.rmtree(note.read_text().splitlines()[1], ignore_errors=True)
    shutil.rmtree(base, ignore_errors=True)
