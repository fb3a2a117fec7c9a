"""Proving that each account of the books holds what the objects of billing come to; `verifying_facts` is about each.

A comparison is a single statement, so that both sides are of one moment: a fact commits together with its entry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.chart import BAD_DEBTS, CASH, DEFERRED_REVENUE, RECEIVABLES, TAX_PAYABLE
from accounting.checks import Notes
from accounting.sql import NATURAL
from invoicing.services.verifying_credit import credit_is_taken_from_wallets
from invoicing.services.verifying_facts import (
    Found,
    entries_have_their_facts,
    invoices_are_posted,
    months_are_posted,
    payments_are_posted,
)

_BOOKED: Final = f"""
SELECT a.currency, sum({NATURAL.format(type="a.type", side="l.side", amount="l.amount")}) AS amount
FROM accounting_account a JOIN accounting_journalline l ON l.tenant_id = a.tenant_id AND l.account_id = a.id
WHERE a.tenant_id = %(tenant)s AND a.code = %(role)s::text || ':' || a.currency
GROUP BY a.currency
"""  # noqa: S608 - constants of this module
_COMPARED: Final = f"""
WITH booked AS ({_BOOKED}), told AS ({{told}})
SELECT currency, COALESCE(b.amount, 0), COALESCE(t.amount, 0)
FROM booked b FULL JOIN told t USING (currency)
WHERE COALESCE(b.amount, 0) <> COALESCE(t.amount, 0) ORDER BY currency
"""  # noqa: S608
_DUE: Final = "greatest(0, total - amount_paid - amount_credited)"
_OF_INVOICES: Final = (
    "SELECT currency, sum({amount}) AS amount FROM invoicing_invoice WHERE tenant_id = %(tenant)s AND {which} "
    "GROUP BY currency"
)

_TOLD: Final = {
    RECEIVABLES: (
        "what is due of open invoices",
        _OF_INVOICES.format(amount=_DUE, which="status IN ('pending', 'failed', 'past_due')"),
    ),
    CASH: (
        "payments of money minus refunds",
        "SELECT currency, sum(amount - amount_refunded) AS amount FROM billing_payment "
        "WHERE tenant_id = %(tenant)s AND status = 'succeeded' AND method <> 'credit' GROUP BY currency",
    ),
    TAX_PAYABLE: (
        "the tax of issued invoices that are not void",
        _OF_INVOICES.format(amount="tax", which="status NOT IN ('draft', 'void')"),
    ),
    BAD_DEBTS: (
        "what is due of uncollectible invoices",
        _OF_INVOICES.format(amount=_DUE, which="status = 'uncollectible'"),
    ),
    DEFERRED_REVENUE: (
        "the months that are still to be recognised",
        "SELECT currency, sum(amount) AS amount FROM invoicing_recognition "
        "WHERE tenant_id = %(tenant)s AND status = 'scheduled' GROUP BY currency",
    ),
}  # fmt: skip

Check = Callable[..., Found]


def balances_agree(*, tenant_id: UUID) -> Found:
    """Per account of the books and currency: what it holds is what the objects of billing say."""
    for role, (meaning, told) in _TOLD.items():
        for currency, booked, expected in _rows(_COMPARED.format(told=told), tenant_id, role=role):
            difference = f"(difference {booked - expected})"
            yield f"{role}:{currency}", f"the account holds {booked}, but {meaning} come to {expected} {difference}"


CHECKS: Final[tuple[Check, ...]] = (
    balances_agree, invoices_are_posted, payments_are_posted, credit_is_taken_from_wallets, months_are_posted,
    entries_have_their_facts,
)  # fmt: skip
"""What invoicing knows about the books. Each takes `tenant_id` and needs the tenant's scope."""


def check_billing(*, tenant_id: UUID, notes: Notes) -> None:
    """The part of `verify_books` that billing proves. Each comparison counts as one thing that was checked."""
    for check in CHECKS:
        for place, problem in check(tenant_id=tenant_id):
            notes.wrong(place, problem)
        notes.checked(1)


def _rows(sql: str, tenant_id: UUID, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant_id, **values})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
