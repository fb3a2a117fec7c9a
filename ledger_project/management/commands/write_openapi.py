"""`write_openapi`: the committed document from the code."""

from __future__ import annotations

import difflib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from ledger_project.environment import BASE_DIR
from ledger_project.openapi import document_yaml, generate

OPENAPI_FILE = BASE_DIR / "openapi.yaml"


class Command(BaseCommand):
    """Writes `openapi.yaml`, or compares it."""

    help = "Write openapi.yaml, the API document that is committed with the code; with --check, only compare it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--check` and `--file`."""
        parser.add_argument("--check", action="store_true", help="Change nothing; fail when the file differs.")
        parser.add_argument("--file", type=Path, default=OPENAPI_FILE, help="Another file than openapi.yaml.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Validate the document, then write or compare it. Warnings of the generator are failures."""
        validate_schema(generate())  # type: ignore[no-untyped-call]
        if GENERATOR_STATS:
            GENERATOR_STATS.emit_summary()
            raise CommandError("The document has gaps; the warnings above name them.")
        path: Path = options["file"]
        wanted = document_yaml()
        written = path.read_text() if path.exists() else ""
        if written == wanted:
            self.stdout.write(f"{path.name} says what the code does.")
            return
        if options["check"]:
            difference = difflib.unified_diff(
                written.splitlines(), wanted.splitlines(), path.name, "the code", lineterm="", n=2
            )
            self.stdout.write("\n".join(difference))
            raise CommandError(f"{path.name} differs from the code. If the change is meant: manage.py write_openapi")
        path.write_text(wanted)
        self.stdout.write(f"Wrote {path.name}.")
