"""What accounting answers when lower apps ask whether a customer may be deleted or erased."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db import connection

# An account without a bound keeps no balance: its lines are summed.
_IN_USE: Final = """
    SELECT count(*) FILTER (WHERE s.posted <> 0), count(*) FILTER (WHERE s.held <> 0), count(*) FILTER (WHERE EXISTS (
        SELECT FROM accounting_grant g
        WHERE g.tenant_id = a.tenant_id AND g.account_id = a.id AND g.status = 'scheduled'
    ))
    FROM accounting_account a
    LEFT JOIN accounting_balance b ON b.tenant_id = a.tenant_id AND b.id = a.id
    CROSS JOIN LATERAL (
        SELECT b.posted, b.held WHERE b.id IS NOT NULL
        UNION ALL
        SELECT u.posted, u.held FROM accounting_summed(a.tenant_id, a.id, a.type) AS u WHERE b.id IS NULL
    ) AS s
    WHERE a.tenant_id = %s AND a.owner_type = 'customer' AND a.owner_id = %s AND a.status <> 'closed'
"""


def customer_in_use(*, tenant_id: UUID, object_id: UUID) -> str | None:
    """A customer whose accounts hold something, or will, cannot be deleted."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_USE, [tenant_id, object_id])
        row = cursor.fetchone()
    assert row is not None
    nouns = {
        "account with a balance": row[0], "account with active holds": row[1], "account with grants to come": row[2],
    }  # fmt: skip
    counted = [f"{number} {_plural(noun) if number > 1 else noun}" for noun, number in nouns.items() if number]
    return ", ".join(counted) or None


def filled_accounts(*, tenant_id: UUID, customer_id: UUID) -> str | None:
    """Nor are their data erased: the money is still theirs, or still owed."""
    return customer_in_use(tenant_id=tenant_id, object_id=customer_id)


def _plural(noun: str) -> str:
    return noun.replace("account", "accounts", 1)
