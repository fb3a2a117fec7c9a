"""What the tenants app keeps about an object: the audit trail. Entries stay, values that name somebody go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

_HOLDS_VALUES: Final = (
    "(a.before IS DISTINCT FROM ledger_audit_erased(a.before) OR a.after IS DISTINCT FROM ledger_audit_erased(a.after) "
    "OR a.reason IS DISTINCT FROM ledger_reason_erased(a.reason))"
)

_ABOUT: Final = f"""
    SELECT count(*) FROM tenants_auditentry a
    WHERE a.tenant_id = %s AND a.entity_id = ANY(%s::uuid[]) AND {_HOLDS_VALUES}
"""  # noqa: S608 - constants of this module
_LEFT: Final = f"""
    SELECT count(*) FROM tenants_erasedobject o
    JOIN tenants_auditentry a ON a.tenant_id = o.tenant_id AND a.entity_id = o.id
    WHERE o.tenant_id = %s AND {_HOLDS_VALUES}
"""  # noqa: S608


def number(sql: str, parameters: Sequence[Any]) -> int:
    """The one number that a statement returns."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return int(row[0]) if row and row[0] is not None else 0


class AuditTraces:
    """Differences and reasons in the audit trail. Who acted, when, from where and on what stays."""

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Entries about the objects that tell more than numbers, states and times."""
        return {"auditEntries": number(_ABOUT, [tenant_id, list(ids)])}

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Replace the values; the entries that erasing itself has just made are among them."""
        return {"auditEntries": number("SELECT tenants_erase_audit(%s::uuid[])", [list(ids)])}

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """Entries about erased objects that still tell something."""
        return {"auditEntries": number(_LEFT, [tenant_id])}
