"""What people wrote about accounts of customers: on them, their grants, holds, transfers, entries. Amounts stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from accounting.sql_erasure import ERASED_TEXT
from tenants.erasing import number

_ACCOUNT: Final = "(x.metadata <> '{}' OR x.code IS NOT NULL)"
_TRANSFER: Final = f"(x.idempotency_key IS NOT NULL OR x.void_reason <> '{ERASED_TEXT}')"
_WRITTEN: Final = {
    "accounts": ("accounting_account", _ACCOUNT),
    "holds": ("accounting_hold", "x.metadata <> '{}'"),
    "grants": ("accounting_grant", "x.metadata <> '{}'"),
    "transfers": ("accounting_transfer", _TRANSFER),
    "entries": ("accounting_journalentry", "num_nonnulls(x.description, x.metadata, x.salt) > 0"),
}
# Accounts of customers who are no more, which somebody forgot to mark.
_UNMARKED: Final = """
    SELECT count(*) FROM tenants_erasedobject o
    JOIN accounting_account a ON a.tenant_id = o.tenant_id AND a.owner_type = 'customer' AND a.owner_id = o.id
    WHERE o.tenant_id = %s AND o.kind = 'customer' AND NOT EXISTS (
        SELECT FROM tenants_erasedobject m WHERE m.tenant_id = a.tenant_id AND m.id = a.id
    )
"""
_OWNED: Final = f"""
    SELECT count(*) FROM accounting_account x
    WHERE x.tenant_id = %s AND x.owner_type = 'customer' AND x.owner_id = ANY(%s::uuid[]) AND {_ACCOUNT}
"""  # noqa: S608 - constants of this module


class BookTexts:
    """Words go: of accounts also the code, of transfers the key and the reason. Empty accounts are closed."""

    def count(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Rows among the objects that hold words, and accounts of the customers among them that do."""
        found = {
            kind: number(
                f"SELECT count(*) FROM {table} x WHERE x.tenant_id = %s AND x.id = ANY(%s::uuid[]) AND {written}",  # noqa: S608
                [tenant_id, list(ids)],
            )
            for kind, (table, written) in _WRITTEN.items()
        }
        return {**found, "accounts": found["accounts"] + number(_OWNED, [tenant_id, list(ids)])}

    def erase(self, *, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[str, int]:
        """Empty them."""
        return {"bookTexts": number("SELECT accounting_erase_books(%s::uuid[])", [list(ids)])}

    def remaining(self, *, tenant_id: UUID) -> Mapping[str, int]:
        """Rows that are marked and still hold words; accounts of erased customers that nobody marked."""
        found = {
            f"book{kind.capitalize()}": number(
                f"SELECT count(*) FROM tenants_erasedobject o JOIN {table} x ON x.tenant_id = o.tenant_id "  # noqa: S608
                f"AND x.id = o.id WHERE o.tenant_id = %s AND {written}",
                [tenant_id],
            )
            for kind, (table, written) in _WRITTEN.items()
        }
        return {**found, "accountsErasedUnmarked": number(_UNMARKED, [tenant_id])}
