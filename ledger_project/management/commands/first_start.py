"""`manage.py first_start`: what `bin/up` runs after each migration."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ledger_project.first_start import SLUG, create_first_tenant


class Command(BaseCommand):
    """Prints the credentials once."""

    help = (
        f"Create the tenant {SLUG}, an administrator and a service key (scope *) of a development instance, show them "
        "once and keep them in LEDGER_HOME/credentials.json. When the tenant exists, nothing happens."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is missing and say what was created."""
        path = settings.LEDGER_HOME / "credentials.json"
        credentials = create_first_tenant(path)
        if credentials is not None:
            lines = "".join(f"  {name:<14}{value}\n" for name, value in credentials.items())
            self.stdout.write(f"\nCreated the tenant {SLUG}. Its credentials, shown once and kept in {path}:\n{lines}")
        elif not path.exists():
            self.stdout.write(
                f"The tenant {SLUG} exists, but not {path}. For a new key: "
                f"manage.py create_service_key --tenant {SLUG} --name local --scope '*'"
            )
