"""`manage.py first_start`: what `bin/up` runs after each migration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from ledger_project.books import post_missing_everywhere
from ledger_project.first_start import SLUG, create_first_tenant
from tenants.management.base import OperatorCommand


class Command(OperatorCommand):
    """Prints the credentials once."""

    help = (
        f"Create the tenant {SLUG}, an administrator and a service key (scope *) of a development instance, show them "
        "once and keep them in LEDGER_HOME/credentials.json. When the tenant exists, nothing happens."
    )
    examples = """
        manage.py first_start
        manage.py first_start --json
    """
    requires_system_checks = []

    def run(self, **options: Any) -> dict[str, Any]:
        """Create what is missing; the credentials, if they are new."""
        path = settings.LEDGER_HOME / "credentials.json"
        credentials = create_first_tenant(path)
        post_missing_everywhere()
        return {"tenant": SLUG, "created": credentials is not None, "file": str(path), "credentials": credentials}

    def describe(self, result: Mapping[str, Any]) -> str:
        """What was created, or where its credentials are."""
        path = result["file"]
        if result["created"]:
            lines = "".join(f"  {name:<14}{value}\n" for name, value in result["credentials"].items())
            return f"\nCreated the tenant {SLUG}. Its credentials, shown once and kept in {path}:\n{lines}"
        if Path(path).exists():
            return f"The tenant {SLUG} exists; its credentials are in {path}."
        return (
            f"The tenant {SLUG} exists, but not {path}. For a new key: "
            f"manage.py create_service_key --tenant {SLUG} --name local --scope '*'"
        )
