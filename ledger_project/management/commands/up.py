"""`manage.py up`: see `ledger_project.supervisor.up`."""

import argparse
import sys
from dataclasses import fields
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ledger_project.supervisor.up import DESCRIPTION, Options, add_arguments, up


class Command(BaseCommand):
    """Runs everything on this machine; `bin/up` does the same after installing what it needs."""

    help = DESCRIPTION
    # The database does not run yet.
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the paragraphs of the description."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        """The options of `bin/up`."""
        add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until asked to stop."""
        sys.exit(up(Options(**{field.name: options[field.name] for field in fields(Options)})))
