"""Migration operations for what crosses tenants on purpose: definer functions, each as narrow as its question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.migrations.operations.base import Operation


class DefinerFunction(Operation):
    """A SECURITY DEFINER function of the scan role, which reads only `reads` (table → columns) of the rows it is shown.

    `where` limits the rows per table (SQL, default all). The application may execute it; PUBLIC may not. A function of
    the owner would see nothing, because row-level security is forced on owners too.
    """

    reversible = True

    def __init__(
        self, *, name: str, arguments: str, returns: str, body: str,
        reads: Mapping[str, Sequence[str]], where: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.name, self.arguments, self.returns, self.body = name, arguments, returns, body
        self.reads, self.where = dict(reads), dict(where or {})

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """For migrations."""
        return type(self).__qualname__, [], {
            "name": self.name, "arguments": self.arguments, "returns": self.returns, "body": self.body,
            "reads": self.reads, "where": self.where,
        }  # fmt: skip

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Models do not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Grant the columns, make the policies, create the function and hand it to the scan role."""
        scan, app = (
            schema_editor.quote_name(role) for role in (settings.DATABASE_SCAN_ROLE, settings.DATABASE_APP_ROLE)
        )
        for table, columns in self.reads.items():
            schema_editor.execute(f"GRANT SELECT ({', '.join(columns)}) ON {table} TO {scan}")
            rows = self.where.get(table, "true")
            schema_editor.execute(f"CREATE POLICY {self._policy(table)} ON {table} FOR SELECT TO {scan} USING ({rows})")
        schema_editor.execute(
            f"CREATE FUNCTION {self.name}({self.arguments}) RETURNS {self.returns} "
            f"LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $ledger${self.body}$ledger$"
        )
        signature = self._signature()
        schema_editor.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {scan}")
        schema_editor.execute(f"ALTER FUNCTION {signature} OWNER TO {scan}")
        schema_editor.execute(f"REVOKE CREATE ON SCHEMA public FROM {scan}")
        schema_editor.execute(f"SET LOCAL ROLE {scan}")
        schema_editor.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        schema_editor.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {app}")
        schema_editor.execute("RESET ROLE")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop the function and its policies; the column grants go with the tables."""
        scan = schema_editor.quote_name(settings.DATABASE_SCAN_ROLE)
        schema_editor.execute(f"SET LOCAL ROLE {scan}")
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {self._signature()}")
        schema_editor.execute("RESET ROLE")
        for table in self.reads:
            schema_editor.execute(f"DROP POLICY IF EXISTS {self._policy(table)} ON {table}")

    def describe(self) -> str:
        """For `migrate --plan`."""
        return f"Definer function {self.name}"

    def _policy(self, table: str) -> str:
        return f"{self.name}_reads_{table}"[:63]

    def _signature(self) -> str:
        types = ", ".join(
            argument.strip().split(" ", 1)[1] for argument in self.arguments.split(",") if argument.strip()
        )
        return f"{self.name}({types})"
