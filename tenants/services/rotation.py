"""Moving encrypted values to the current key, a few at a time, so that it can be killed and run again."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from common.crypto import DecryptionFailed
from tenants.keyring import EncryptedColumn, keyring


@dataclass(frozen=True, slots=True)
class RotatedBatch:
    """What one batch did: how many values were under a former key, and which rows could not be read."""

    rotated: int
    unreadable: tuple[UUID, ...]
    last: UUID | None
    """The last row seen, for `after` of the next batch; None when there was nothing left."""


def rotate_batch(
    *, tenant_id: UUID, column: EncryptedColumn, after: UUID | None, limit: int, dry_run: bool = False
) -> RotatedBatch:
    """Re-encrypt up to `limit` values of one column, in the tenant's scope, in the order of their ids.

    Values under the current key are skipped by the query, which is what makes a repetition cheap. Unreadable values
    stay as they are. Raises `tenants.keyring.EncryptionNotConfigured`.
    """
    ring = keyring()
    quote = connection.ops.quote_name
    table, name = quote(column.table), quote(column.column)
    unreadable: list[UUID] = []
    rotated = 0
    with connection.cursor() as cursor:
        # Both names come from the register of columns, never from outside.
        cursor.execute(
            f"SELECT id, {name} FROM {table} WHERE tenant_id = %s AND {name} IS NOT NULL "  # noqa: S608
            f"AND NOT starts_with({name}, %s) AND (%s::uuid IS NULL OR id > %s::uuid) "
            f"ORDER BY id LIMIT %s{'' if dry_run else ' FOR UPDATE'}",
            [tenant_id, f"v1:{ring.current_key_id}:", after, after, limit],
        )
        rows = cursor.fetchall()
        for row_id, token in rows:
            try:
                moved = ring.reencrypt(token, aad=column.place(tenant_id, row_id))
            except DecryptionFailed:
                unreadable.append(row_id)
                continue
            rotated += 1
            if not dry_run:
                cursor.execute(f"UPDATE {table} SET {name} = %s WHERE id = %s", [moved, row_id])  # noqa: S608
    return RotatedBatch(rotated=rotated, unreadable=tuple(unreadable), last=rows[-1][0] if rows else None)
