"""`manage.py prepare_database`: roles, database and migrations of an installation that is not run by `bin/up`."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from ledger_project.database import (
    DatabaseNotPrepared,
    PrivilegedConnection,
    prepare_database,
    refuse_privileged_connection,
)


class Command(BaseCommand):
    """Run it before each new version starts, as the role that owns the tables."""

    help = (
        "Create what is missing of the database and its roles, then migrate. DATABASE_OWNER_URL names the role that "
        "owns the tables and migrates; DATABASE_URL the application role, created with the password in its URL. "
        "Running it again changes nothing."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare and migrate."""
        if not settings.DATABASE_OWNER_URL:
            raise CommandError("Set DATABASE_OWNER_URL to the role that owns the tables.")
        try:
            prepare_database(settings.DATABASE_OWNER_URL, settings.DATABASE_URL, notice=self.stderr.write)
            refuse_privileged_connection(settings.DATABASE_URL)
        except (DatabaseNotPrepared, PrivilegedConnection) as problem:
            raise CommandError(str(problem)) from problem
        call_command("migrate", interactive=False)
