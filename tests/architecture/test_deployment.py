"""Django's own checks, under the settings of production."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT


def run_check(**variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py check --deploy` in an environment of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LEDGER_HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        cwd=ROOT, env=kept | variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_production_settings_pass_every_check():
    done = run_check(
        BASE_URL="https://ledger.example",
        SECRET_KEY="".join(chr(65 + number % 50) for number in range(60)),
        ENCRYPTION_KEY="a1" * 32,
        ALLOWED_HOSTS="ledger.example",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [
        ("JOB_HEARTBEAT_SECONDS", "30", "ledger.E010"),
        ("WORKER_POLL_INTERVAL_MS", "10", "ledger.E011"),
        ("WORKER_PORT", "70000", "ledger.E012"),
        ("WORKER_LANES", "mail=1", "ledger.E013"),
    ],
)
def test_settings_of_jobs_that_cannot_work_are_named(variable: str, value: str, code: str):
    done = run_check(SECRET_KEY="k" * 60, ENCRYPTION_KEY="a1" * 32, **{variable: value})
    assert done.returncode == 1
    assert code in done.stderr
    assert variable in done.stderr
