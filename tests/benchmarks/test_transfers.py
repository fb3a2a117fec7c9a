"""The benchmark of transfers runs and checks what it wrote; how fast it is here proves nothing."""

import os
import subprocess
import sys

import pytest

from ledger_project.environment import BASE_DIR


@pytest.mark.serial
@pytest.mark.timeout(420)
def test_the_quick_run_loses_nothing_and_posts_nothing_twice():
    clean = {name: value for name, value in os.environ.items() if name not in ("LEDGER_HOME", "PORT")}
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "transfers", "--quick"],
        cwd=BASE_DIR,
        env=clean,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "nothing lost, nothing twice" in ended.stdout
    assert "errors: 0" in ended.stdout
