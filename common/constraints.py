"""Which named constraint of the database refused a statement."""

from __future__ import annotations

from django.db import IntegrityError


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that was violated, or None when the server named none."""
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return str(name) if name else None


def violated_table(error: IntegrityError) -> str | None:
    """The table that refused: for a foreign key, the one that refers to the row."""
    name = getattr(getattr(error.__cause__, "diag", None), "table_name", None)
    return str(name) if name else None
