"""The source files of the project, parsed once."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
APPS = (
    "common", "tenants", "events", "accounting", "billing", "metering", "invoicing", "subscriptions", "webhooks",
    "portal", "ledger_project",
)  # fmt: skip
"""The line of apps, from left to right."""


@cache
def sources() -> dict[str, ast.Module]:
    """Every Python file of the apps by its path from the root, parsed."""
    files = sorted(file for app in APPS for file in (ROOT / app).rglob("*.py"))
    return {str(file.relative_to(ROOT)): ast.parse(file.read_text(), str(file)) for file in files}


def text_files() -> list[Path]:
    """Every file that people write: sources, tests, scripts, documents."""
    folders = (*APPS, "tests", "benchmarks", "bin", "docs", "deploy", "templates")
    found = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.is_file()]
    found += [file for file in ROOT.glob("*") if file.is_file()]
    kinds = {".py", ".md", ".sh", ".html", ".toml", ".yaml", ".yml", ".js", ".css", ".sql", ".in", ".txt", ""}
    return sorted(file for file in found if file.suffix in kinds and "__pycache__" not in file.parts)


def pyproject() -> dict[str, Any]:
    """The project's configuration."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def called_name(node: ast.Call) -> str:
    """`a.b.c` of a call `a.b.c(…)`; parts that are not names are left out."""
    parts: list[str] = []
    target: ast.expr = node.func
    while isinstance(target, ast.Attribute):
        parts.append(target.attr)
        target = target.value
    if isinstance(target, ast.Name):
        parts.append(target.id)
    return ".".join(reversed(parts))
