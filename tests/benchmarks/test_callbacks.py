"""The benchmark of callbacks runs and checks what it delivered; how fast it is here proves nothing."""

import os
import subprocess
import sys

import pytest

from ledger_project.environment import BASE_DIR


@pytest.mark.serial
def test_the_quick_run_delivers_everything_at_the_first_attempt():
    clean = {name: value for name, value in os.environ.items() if name not in ("LEDGER_HOME", "PORT")}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "callbacks", "--quick"],
        cwd=BASE_DIR, env=clean, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "goal 9" in ended.stdout
    assert "PROBLEM" not in ended.stdout
