"""Django's own checks, under the settings of production."""

from __future__ import annotations

import os
import subprocess
import sys

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
