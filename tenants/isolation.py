"""Tenant isolation that a Django model cannot say by itself, said as constraints, so that migrations track it.

`TenantIsolation` puts a table under row-level security, `TenantKey` and `TenantForeignKey` make a foreign key that
cannot cross tenants, `Audited` records each change of a row. An architecture test demands them of every table.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table
from django.db.models.constraints import BaseConstraint

TENANT_SETTING = "ledger.tenant_id"
# After a transaction-local setting ends its value is '', not NULL: the policy must read both as "no tenant".
CURRENT_TENANT = f"NULLIF(current_setting('{TENANT_SETTING}', true), '')::uuid"


class _TableDdl(BaseConstraint):
    """A constraint that is plain DDL on its table. It is appended to the end of the migration, when parents exist."""

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = "default") -> None:
        """The database checks; there is nothing to say in Python."""

    def constraint_sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> None:  # type: ignore[override]
        """CREATE TABLE: deferred to the end of the migration."""
        self.create_sql(model, schema_editor)

    def create_sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> None:  # type: ignore[override]
        """ADD CONSTRAINT: deferred to the end of the migration."""
        schema_editor.deferred_sql.append(self._statement(self._create(model, schema_editor), model, schema_editor))

    def remove_sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:  # type: ignore[override]
        """DROP of what `create_sql` made."""
        return self._statement(self._remove(model, schema_editor), model, schema_editor)

    def _statement(self, sql: str, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:
        quote = schema_editor.quote_name
        return Statement(sql, table=Table(model._meta.db_table, quote), name=quote(self.name))

    def _create(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        raise NotImplementedError

    def _remove(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)


class TenantIsolation(_TableDdl):
    """ENABLE and FORCE row-level security with the policy of the house. `column` is `id` only for the tenant itself."""

    def __init__(self, *, name: str, column: str = "tenant_id") -> None:
        super().__init__(name=name)
        self.column = column

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        """For migrations."""
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, **({} if self.column == "tenant_id" else {"column": self.column})}

    def _create(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        return (
            "ALTER TABLE %(table)s ENABLE ROW LEVEL SECURITY; ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY; "
            f"CREATE POLICY %(name)s ON %(table)s USING ({self.column} = {CURRENT_TENANT})"
        )

    def _remove(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        return (
            "DROP POLICY IF EXISTS %(name)s ON %(table)s; ALTER TABLE %(table)s NO FORCE ROW LEVEL SECURITY; "
            "ALTER TABLE %(table)s DISABLE ROW LEVEL SECURITY"
        )


class TenantForeignKey(_TableDdl):
    """`(tenant_id, <field>_id)` references `(tenant_id, id)` of the parent. Use with `ForeignKey(db_constraint=False)`.

    To a parent that belongs to no tenant (the tenant itself, a user) it is the plain reference.
    Never deferrable: a deferred constraint that fails at the end of a pipeline would leave the connection out of step.
    With `cascade` the row goes with its parent, which it then does not keep from being deleted.
    """

    def __init__(self, *, field: str, name: str, cascade: bool = False) -> None:
        super().__init__(name=name)
        self.field, self.cascade = field, cascade

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        """For migrations."""
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field, **({"cascade": True} if self.cascade else {})}

    def _create(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        quote = schema_editor.quote_name
        key: Any = model._meta.get_field(self.field)
        parent = key.remote_field.model._meta
        own, theirs = [quote(key.column)], [quote(parent.pk.column)]
        if any(field.name == "tenant" for field in parent.fields):
            tenant_field: Any = model._meta.get_field("tenant")
            tenant = quote(tenant_field.column)
            own.insert(0, tenant)
            theirs.insert(0, tenant)
        return (
            f"ALTER TABLE %(table)s ADD CONSTRAINT %(name)s FOREIGN KEY ({', '.join(own)}) "
            f"REFERENCES {quote(parent.db_table)} ({', '.join(theirs)}) "
            f"{'ON DELETE CASCADE ' if self.cascade else ''}NOT DEFERRABLE"
        )

    def _remove(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        return "ALTER TABLE %(table)s DROP CONSTRAINT IF EXISTS %(name)s"


class TenantKey(models.UniqueConstraint):
    """UNIQUE `(tenant_id, id)`: what a `TenantForeignKey` points at. Dropped with what points at it."""

    def __init__(self, *, name: str, fields: Any = ("tenant", "id"), **kwargs: Any) -> None:
        super().__init__(fields=fields, name=name, **kwargs)

    def remove_sql(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> Statement:  # type: ignore[override]
        """CASCADE, so that migrations reverse in any order."""
        quote = schema_editor.quote_name
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT IF EXISTS %(name)s CASCADE",
            table=Table(model._meta.db_table, quote),
            name=quote(self.name),
        )


class Audited(_TableDdl):
    """Each INSERT, UPDATE and DELETE of the table writes one audit entry with the difference, whoever does it.

    `entity` is the type's name in the API. `hidden` columns show only that they changed (secrets); `ignored` columns do
    not count as a change (counters, `updated_at`). A change of `status` is named after the new status, or after `verbs`
    (`{"pending": "finalised"}`). `events` narrows what is recorded, as a trigger's clause says it. The function
    `ledger_audit` is made by the first tenants migration.
    """

    def __init__(
        self, *, name: str, entity: str, hidden: Any = (), ignored: Any = ("updated_at",), verbs: Any = None,
        events: str = "INSERT OR UPDATE OR DELETE",
    ) -> None:  # fmt: skip
        super().__init__(name=name)
        self.events = events
        self.entity, self.hidden, self.ignored = entity, tuple(hidden), tuple(ignored)
        self.verbs = dict(verbs or {})

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        """For migrations."""
        path, args, kwargs = super().deconstruct()
        if self.events != "INSERT OR UPDATE OR DELETE":
            kwargs = {**kwargs, "events": self.events}
        own = {"entity": self.entity, "hidden": self.hidden, "ignored": self.ignored, "verbs": self.verbs}
        return path, args, {**kwargs, **own}

    def _create(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        hidden, ignored = "{" + ",".join(self.hidden) + "}", "{" + ",".join(self.ignored) + "}"
        return (
            f"CREATE TRIGGER %(name)s AFTER {self.events} ON %(table)s FOR EACH ROW "
            f"EXECUTE FUNCTION ledger_audit('{self.entity}', '{hidden}', '{ignored}', '{json.dumps(self.verbs)}')"
        )

    def _remove(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        return "DROP TRIGGER IF EXISTS %(name)s ON %(table)s"


class Versioned(_TableDdl):
    """`version` rises by one with each UPDATE, whoever makes it: a cached copy is checked against it, never trusted."""

    def _create(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        return "CREATE TRIGGER %(name)s BEFORE UPDATE ON %(table)s FOR EACH ROW EXECUTE FUNCTION ledger_bump_version()"

    def _remove(self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor) -> str:
        return "DROP TRIGGER IF EXISTS %(name)s ON %(table)s"
