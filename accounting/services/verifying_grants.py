"""Proving grants: what is left of them is in the balance, and what is not left is explained line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection

from accounting.checks import Notes
from accounting.models import Grant
from common.ids import encode_id
from common.prefixes import ACCOUNT, GRANT


@dataclass(frozen=True, slots=True)
class GrantFinding:
    """What does not agree: the rule, the object (an account, or a grant), and both amounts in minor units."""

    rule: str
    object_id: UUID
    expected: int
    found: int


# By the lines of the account, not by its balance row, which may be what is wrong.
_COVERED: Final = """
    SELECT g.account_id, sum(g.remaining)::bigint, (
        SELECT s.posted FROM accounting_summed(%s, g.account_id, 'liability') AS s
    ) FROM accounting_grant g WHERE g.tenant_id = %s AND g.status = 'active'
    GROUP BY g.account_id
    HAVING sum(g.remaining) > (SELECT s.posted FROM accounting_summed(%s, g.account_id, 'liability') AS s)
"""
_EXPLAINED: Final = """
    SELECT g.id, g.amount - g.remaining, COALESCE(sum(u.amount), 0)::bigint
    FROM accounting_grant g LEFT JOIN accounting_grantuse u ON u.tenant_id = g.tenant_id AND u.grant_id = g.id
    WHERE g.tenant_id = %s
    GROUP BY g.id, g.amount, g.remaining, g.status
    HAVING g.amount - g.remaining <> COALESCE(sum(u.amount), 0)
        -- Revoked before its time: it was never posted, and nothing is left to explain.
        AND NOT (g.status = 'revoked' AND count(u.id) = 0 AND NOT EXISTS (
            SELECT FROM accounting_journalentry e
            WHERE e.tenant_id = %s AND e.source_id = g.id AND e.kind IN ('grant.activated', 'grant.rolled_over')
        ))
"""
_BEGUN: Final = """
    SELECT g.id, g.amount, COALESCE(sum(l.amount), 0)::bigint
    FROM accounting_grant g
    LEFT JOIN accounting_journalentry e ON e.tenant_id = g.tenant_id AND e.source_id = g.id AND e.source_type = 'grant'
        AND e.kind IN ('grant.activated', 'grant.rolled_over')
    LEFT JOIN accounting_journalline l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id AND l.side = 'credit'
        AND l.account_id = g.account_id
    WHERE g.tenant_id = %s
    GROUP BY g.id, g.amount, g.status
    HAVING COALESCE(sum(l.amount), 0) <> CASE
        WHEN g.status = 'scheduled' OR (g.status = 'revoked' AND count(e.id) = 0) THEN 0 ELSE g.amount END
"""
# What is taken is a debit of the account, what is given back a credit, and a line moves no more than its amount.
_TRACED: Final = """
    SELECT u.grant_id, COALESCE(max(l.amount), 0), sum(abs(u.amount))::bigint
    FROM accounting_grantuse u
    JOIN accounting_grant g ON g.tenant_id = u.tenant_id AND g.id = u.grant_id
    LEFT JOIN accounting_journalline l ON l.tenant_id = u.tenant_id AND l.entry_id = u.entry_id
        AND l.position = u.position AND l.account_id = g.account_id
        AND l.side = CASE WHEN u.amount > 0 THEN 'debit' ELSE 'credit' END
    WHERE u.tenant_id = %s
    GROUP BY u.grant_id, u.entry_id, u.position
    HAVING sum(abs(u.amount)) > COALESCE(max(l.amount), 0)
"""
_LINES: Final = """
    SELECT g.account_id, l.amount, sum(abs(u.amount))::bigint
    FROM accounting_grantuse u
    JOIN accounting_grant g ON g.tenant_id = u.tenant_id AND g.id = u.grant_id
    JOIN accounting_journalline l ON l.tenant_id = u.tenant_id AND l.entry_id = u.entry_id AND l.position = u.position
    WHERE u.tenant_id = %s
    GROUP BY g.account_id, u.entry_id, u.position, l.amount
    HAVING sum(abs(u.amount)) > l.amount
"""
# What entries and uses are about is there.
_LOST: Final = """
    SELECT lost.id, 1, 0 FROM (
        SELECT e.source_id FROM accounting_journalentry e WHERE e.tenant_id = %s AND e.source_type = 'grant'
        UNION SELECT u.grant_id FROM accounting_grantuse u WHERE u.tenant_id = %s
    ) AS lost (id)
    WHERE NOT EXISTS (SELECT FROM accounting_grant g WHERE g.tenant_id = %s AND g.id = lost.id)
"""
_CHECKS: Final = (
    ("rows_of_the_grant", _LOST),
    ("grants_within_balance", _COVERED),
    ("grant_explained_by_uses", _EXPLAINED),
    ("grant_posted_once", _BEGUN),
    ("grant_use_has_its_line", _TRACED),
    ("grant_uses_within_line", _LINES),
)
# The other rules are about a grant.
_ABOUT_ACCOUNTS: Final = {"grants_within_balance", "grant_uses_within_line"}


def grant_findings(*, tenant_id: UUID) -> Iterator[GrantFinding]:
    """Everything about the tenant's grants that does not agree. Needs the tenant's scope.

    Per account, what is left of active grants is at most what is posted; a grant's amount is what is left and what its
    uses took; what has begun was posted once, in full, and is there; each use points to a line of that account on the
    right side.
    """
    for rule, sql in _CHECKS:
        with connection.cursor() as cursor:
            cursor.execute(sql, [tenant_id] * sql.count("%s"))
            for object_id, expected, found in cursor.fetchall():
                yield GrantFinding(rule, object_id, int(expected), int(found))


def check_grants(*, tenant_id: UUID, notes: Notes) -> None:
    """The part of `verify_books` about grants: they explain each other, their uses and the balances."""
    for finding in grant_findings(tenant_id=tenant_id):
        prefix = ACCOUNT if finding.rule in _ABOUT_ACCOUNTS else GRANT
        place = encode_id(prefix, finding.object_id)
        notes.differs(place, finding.rule.replace("_", " "), finding.found, finding.expected)
    notes.checked(Grant.objects.filter(tenant_id=tenant_id).count())
