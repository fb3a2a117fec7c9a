"""Migration operations for functions that may more than who calls them, each as narrow as its purpose.

`DefinerFunction` looks across tenants and changes nothing; `EraserFunction` erases inside the tenant of the scope.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.migrations.operations.base import Operation

from tenants.isolation import TENANT_SETTING


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
        return _signature(self.name, self.arguments)


class EraserFunction(Operation):
    """A SECURITY DEFINER function of the owner that takes personal data out of rows which nobody else may change.

    Guards of the tables let the owner leave nothing but what erasing makes of a row, so the function cannot write a
    value of its own; `body` (a block of plpgsql) has to see to it that the object is due. Row-level security holds the
    owner too: it works in the tenant of the scope. The application may execute it; PUBLIC may not.
    """

    reversible = True

    def __init__(self, *, name: str, arguments: str, returns: str, body: str) -> None:
        self.name, self.arguments, self.returns, self.body = name, arguments, returns, body

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """For migrations."""
        return type(self).__qualname__, [], {
            "name": self.name, "arguments": self.arguments, "returns": self.returns, "body": self.body,
        }  # fmt: skip

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Models do not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Create the function and open it to the application alone."""
        app = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
        signature = _signature(self.name, self.arguments)
        schema_editor.execute(
            f"CREATE OR REPLACE FUNCTION {self.name}({self.arguments}) RETURNS {self.returns} LANGUAGE plpgsql "
            f"VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $ledger${self.body}$ledger$"
        )
        schema_editor.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        schema_editor.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {app}")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop it."""
        schema_editor.execute(f"DROP FUNCTION IF EXISTS {_signature(self.name, self.arguments)}")

    def describe(self) -> str:
        """For `migrate --plan`."""
        return f"Eraser function {self.name}"


def _signature(name: str, arguments: str) -> str:
    types = ", ".join(argument.strip().split(" ", 1)[1] for argument in arguments.split(",") if argument.strip())
    return f"{name}({types})"


def each_tenant(schema_editor: Any) -> Iterator[UUID]:
    """For data migrations: every tenant's id in turn, while the connection works in that tenant's scope.

    The owner sees no rows without a tenant either, and asks who there is as the scan role.
    """
    scan = schema_editor.quote_name(settings.DATABASE_SCAN_ROLE)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL ROLE {scan}")
        cursor.execute("SELECT id FROM tenants_all()")
        found = [row[0] for row in cursor.fetchall()]
        cursor.execute("RESET ROLE")
        for tenant_id in found:
            cursor.execute("SELECT set_config(%s, %s, true)", [TENANT_SETTING, str(tenant_id)])
            yield tenant_id
        cursor.execute("SELECT set_config(%s, '', true)", [TENANT_SETTING])


class DropDefinerFunction(DefinerFunction):
    """Drop a definer function that nothing asks any more; takes what made it, so that it can come back."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Drop the function and its policies. Columns stay granted: other functions may read them."""
        super().database_backwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Make it again."""
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """For `migrate --plan`."""
        return f"Drop definer function {self.name}"
