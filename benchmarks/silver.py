"""django-silver from PyPI in an environment of its own: installed once into the system's temporary folder.

It needs Django 3.2, so it cannot live beside Ledger. Its invoices are created and issued through its models, in
process, without HTTP, keys or validation of input; what is measured is `silver_project.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

REQUIREMENTS = ("django-silver==0.11.1", "psycopg2-binary==2.9.13", "typing_extensions")
DATABASE = "silver"
PROGRAM = "benchmarks.silver_project"


class NotInstallable(Exception):
    """The environment could not be made; the message says why."""


def install() -> Path:
    """The Python of silver's environment (`SILVER_PYTHON`, or one in the temporary folder). Raises `NotInstallable`."""
    if given := os.environ.get("SILVER_PYTHON"):
        return Path(given)
    folder = Path(tempfile.gettempdir()) / f"ledger-benchmark-silver-{os.getuid()}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
            subprocess.run(
                [str(python), "-m", "pip", "install", "-q", *REQUIREMENTS], check=True, capture_output=True, text=True
            )
        except subprocess.CalledProcessError as problem:
            raise NotInstallable(f"pip could not install {' '.join(REQUIREMENTS)}: {problem.stderr}") from problem
        (folder / "complete").touch()
    return python


def prepare(python: Path, owner_url: str) -> str:
    """A migrated database for silver in the same cluster, with providers and customers; its URL."""
    url = urlsplit(owner_url)._replace(path=f"/{DATABASE}").geturl()
    with psycopg.connect(urlsplit(owner_url)._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "PYTHONWARNINGS": "ignore"}
    subprocess.run([str(python), "-m", PROGRAM, "prepare", url], env=environment, check=True)
    return url
