"""`migrate`, as the owner of the tables: the application's role may not change them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections

from ledger_project.settings import database_settings


class Command(migrate.Command):
    """Connects with `DATABASE_OWNER_URL` where it is set; otherwise as `DATABASE_URL` says."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate as the owner."""
        if settings.DATABASE_OWNER_URL:
            connection = connections[options["database"]]
            connection.close()
            owner = database_settings(settings.DATABASE_OWNER_URL)
            connection.settings_dict.update(
                {name: owner[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
            )
        super().handle(*args, **options)
