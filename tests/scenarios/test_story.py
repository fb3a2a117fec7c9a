"""The guided story of `bin/up --demo`, told by a whole instance: what the README promises, step by step."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger_project.demo.steps import STORY
from ledger_project.environment import BASE_DIR
from tests.ledger_project.instances import NOT_PASSED_ON, free_port

pytestmark = [pytest.mark.serial, pytest.mark.timeout(300)]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the account of the services may pass."""
    folder = Path("/tmp") / f"ledger-story-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_all_of_the_story_is_true_and_its_document_lies_where_it_says(home: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in (*NOT_PASSED_ON, "EMAIL_BACKEND")}
    told = subprocess.run(
        [sys.executable, "-m", "ledger_project.supervisor", "--demo", "--exit"],
        cwd=BASE_DIR,
        env=clean | {"LEDGER_HOME": str(home), "PORT": str(free_port()), "WORKER_PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-5000:]
    assert f"That was the whole story, {len(STORY)} steps" in told.stdout
    (document,) = (home / "demo").iterdir()
    assert document.read_bytes().startswith(b"%PDF")
    assert str(document) in told.stdout
    log = (home / "log" / "ledger.log").read_text()
    assert f"Subject: Invoice {document.stem} " in log
    assert f"[application/pdf {document.name}, " in log
