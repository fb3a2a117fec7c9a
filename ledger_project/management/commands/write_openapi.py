"""`write_openapi`: the committed document from the code."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from ledger_project.environment import BASE_DIR
from ledger_project.openapi import document_yaml, generate
from tenants.management.base import OperatorCommand

OPENAPI_FILE = BASE_DIR / "openapi.yaml"


class Command(OperatorCommand):
    """Writes `openapi.yaml`, or compares it."""

    help = "Write openapi.yaml, the API document that is committed with the code; with --check, only compare it."
    examples = """
        manage.py write_openapi
        manage.py write_openapi --check --json
    """
    requires_system_checks = []

    def add_options(self, parser: CommandParser) -> None:
        """`--check` and `--file`."""
        parser.add_argument("--check", action="store_true", help="Change nothing; fail when the file differs.")
        parser.add_argument("--file", type=Path, default=OPENAPI_FILE, help="Another file than openapi.yaml.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Validate the document, then write or compare it. Warnings of the generator are failures."""
        validate_schema(generate())  # type: ignore[no-untyped-call]
        if GENERATOR_STATS:
            GENERATOR_STATS.emit_summary()
            raise CommandError("The document has gaps; the warnings above name them.")
        path: Path = options["file"]
        wanted = document_yaml()
        written = path.read_text() if path.exists() else ""
        if written == wanted:
            return {"ok": True, "file": str(path), "written": False}
        if options["check"]:
            difference = difflib.unified_diff(
                written.splitlines(), wanted.splitlines(), path.name, "the code", lineterm="", n=2
            )
            self.progress("\n".join(difference))
            raise CommandError(f"{path.name} differs from the code. If the change is meant: manage.py write_openapi")
        path.write_text(wanted)
        return {"ok": True, "file": str(path), "written": True}

    def describe(self, result: Mapping[str, Any]) -> str:
        """What was done, in one sentence."""
        name = Path(result["file"]).name
        return f"Wrote {name}." if result["written"] else f"{name} says what the code does."
