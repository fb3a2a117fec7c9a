"""The benchmark of issuing runs and checks what it wrote; how fast it is here proves nothing."""

import os
import subprocess
import sys

import pytest

from ledger_project.environment import BASE_DIR


@pytest.mark.serial
def test_the_quick_run_finds_no_gap_no_error_and_a_replay():
    clean = {name: value for name, value in os.environ.items() if name not in ("LEDGER_HOME", "PORT")}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "issue", "--quick"],
        cwd=BASE_DIR,
        env=clean,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no gap, nothing missing" in ended.stdout
    assert "errors: 0" in ended.stdout
