"""Peers from PyPI that cannot live beside Ledger: an environment and a database of their own each.

An environment is installed once, into the system's temporary folder; `<NAME>_PYTHON` names one that exists already.
The programs run in it as workers of `benchmarks.workers`; called with `prepare` and a URL they prepare their database.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql


class NotInstallable(Exception):
    """The environment could not be made; the message says why."""


@dataclass(frozen=True)
class Peer:
    """A package, what it is installed with, and the module that drives it."""

    name: str
    requirements: Sequence[str]
    program: str

    def install(self) -> Path:
        """The Python of its environment. Raises `NotInstallable`."""
        if given := os.environ.get(f"{self.name.upper()}_PYTHON"):
            return Path(given)
        folder = Path(tempfile.gettempdir()) / f"ledger-benchmark-{self.name}-{os.getuid()}"
        python = folder / "bin" / "python"
        if not (folder / "complete").exists():
            install = [str(python), "-m", "pip", "install", "-q", *self.requirements]
            try:
                subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True, capture_output=True)
                subprocess.run(install, check=True, capture_output=True, text=True)
            except subprocess.CalledProcessError as problem:
                raise NotInstallable(f"pip could not install {' '.join(self.requirements)}: {problem.stderr}") from None
            (folder / "complete").touch()
        return python

    def prepare(self, python: Path, owner_url: str) -> str:
        """A database of its own in the same cluster, with what its program makes there; its URL."""
        url = urlsplit(owner_url)._replace(path=f"/{self.name}").geturl()
        with psycopg.connect(urlsplit(owner_url)._replace(path="/postgres").geturl(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        environment = os.environ | {"PYTHONPATH": os.getcwd(), "PYTHONWARNINGS": "ignore"}
        subprocess.run([str(python), "-m", self.program, "prepare", url], env=environment, check=True)
        return url


SILVER = Peer(
    "silver", ("django-silver==0.11.1", "psycopg2-binary==2.9.13", "typing_extensions"), "benchmarks.silver_project"
)
"""Needs Django 3.2."""

HORDAK = Peer("hordak", ("django-hordak==2.0.0", "psycopg2-binary==2.9.13"), "benchmarks.hordak_project")
"""Needs a table of currencies and triggers of its own."""
