"""`manage.py prepare_database`: roles, database and migrations of an installation that is not run by `bin/up`."""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from ledger_project.books import post_missing_everywhere
from ledger_project.database import (
    DatabaseNotPrepared,
    PrivilegedConnection,
    prepare_database,
    refuse_privileged_connection,
)
from ledger_project.settings import database_settings
from tenants.management.base import OperatorCommand


class Command(OperatorCommand):
    """Run it before each new version starts, as the role that owns the tables."""

    help = (
        "Create what is missing of the database and its roles, then migrate. DATABASE_OWNER_URL names the role that "
        "owns the tables and migrates; DATABASE_URL the application role, created with the password in its URL. "
        "Running it again changes nothing."
    )
    examples = """
        manage.py prepare_database
        manage.py prepare_database --json
    """
    requires_system_checks = []

    def run(self, **options: Any) -> dict[str, Any]:
        """Prepare and migrate."""
        notices: list[str] = []

        def notice(text: str) -> None:
            notices.append(text)
            self.progress(text)

        if not settings.DATABASE_OWNER_URL:
            raise CommandError("Set DATABASE_OWNER_URL to the role that owns the tables.")
        try:
            prepare_database(settings.DATABASE_OWNER_URL, settings.DATABASE_URL, notice=notice)
            refuse_privileged_connection(settings.DATABASE_URL)
        except (DatabaseNotPrepared, PrivilegedConnection, psycopg.OperationalError) as problem:
            raise CommandError(str(problem)) from problem
        call_command("migrate", interactive=False, stdout=self.stderr)
        # From here on as the application, which knows its tenants.
        connection.close()
        connection.settings_dict.update(database_settings(settings.DATABASE_URL))
        posted = post_missing_everywhere()
        if posted:
            notice(f"Posted {posted:,} entries of facts that are older than the books.")
        return {"ok": True, "notices": notices}

    def describe(self, result: Mapping[str, Any]) -> str:
        """In one sentence."""
        return "The database is prepared and migrated."
