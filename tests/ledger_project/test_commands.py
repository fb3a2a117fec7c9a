"""What commands say when nothing is there to work with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ledger_project.environment import BASE_DIR


def test_a_home_without_services_is_named_instead_of_a_refused_connection(tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "LEDGER_HOME": str(tmp_path / "nowhere"), "SECRET_KEY": "x"}
    ended = subprocess.run(
        [sys.executable, "manage.py", "verify_numbering"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert f"LEDGER_HOME {tmp_path}/nowhere has no running services; start bin/up or set DATABASE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
