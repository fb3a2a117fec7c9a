"""What the application's database role may do: granted after every migration, so that a new table is covered."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections

# Written by triggers or by their own statement, read by everyone, changed by nobody.
APPEND_ONLY = ("tenants_auditentry",)
# Written by functions of the owner only.
READ_ONLY = ("tenants_erasedobject",)


def grant_tables(sender: Any = None, using: str = "default", **_: Any) -> None:
    """Read and write on every table, never TRUNCATE; append-only tables only INSERT; read-only ones SELECT."""
    connection = connections[using]
    quote = connection.ops.quote_name
    app, backup = quote(settings.DATABASE_APP_ROLE), quote(settings.DATABASE_BACKUP_ROLE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('server_version_num')::int")
        row = cursor.fetchone()
        if row is None or row[0] == settings.DATABASE_APP_ROLE:
            return
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {app}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {app}")
        tables = set(connection.introspection.table_names(cursor))
        for table in APPEND_ONLY:
            if table in tables:
                cursor.execute(f"REVOKE UPDATE, DELETE ON {quote(table)} FROM {app}")
        for table in (*READ_ONLY, "django_migrations"):
            if table in tables:
                cursor.execute(f"REVOKE INSERT, UPDATE, DELETE ON {quote(table)} FROM {app}")
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [settings.DATABASE_BACKUP_ROLE])
        if cursor.fetchone():
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {backup}")
            cursor.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {backup}")
            cursor.execute(f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {backup}")
