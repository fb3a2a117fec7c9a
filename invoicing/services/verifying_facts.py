"""Proving fact by fact that the books say what invoices, payments and months of service say, and the reverse.

Each check is a single statement, so that both sides are of one moment: a fact commits together with its entry. What
should be equal is compared per object, because two errors may cancel out in a sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounting.chart import CASH, DEFERRED_REVENUE, RECEIVABLES, TAX_PAYABLE
from billing.enums import PaymentMethodKind
from common.ids import encode_id
from common.prefixes import INVOICE, JOURNAL_ENTRY, PAYMENT
from invoicing import posting_rules as rules

Found = Iterator[tuple[str, str]]
"""Places and what is wrong there."""

_LINES: Final = """
FROM accounting_journalentry e
JOIN accounting_journalline l ON l.tenant_id = e.tenant_id AND l.entry_id = e.id
JOIN accounting_account a ON a.tenant_id = l.tenant_id AND a.id = l.account_id
WHERE e.tenant_id = {row}.tenant_id AND e.source_id = {row}.id AND e.kind IN ({kinds})
"""
# From the side of the debits; what the entry moved on an account of another currency is not what the object says.
_ON: Final = (
    "COALESCE(sum(CASE l.side WHEN 'debit' THEN l.amount ELSE -l.amount END)"
    " FILTER (WHERE a.code = '{role}:' || {row}.currency), 0)::bigint"
)
_POSTED: Final = """
EXISTS (
    SELECT FROM accounting_journalentry e
    WHERE e.tenant_id = {row}.tenant_id AND e.source_id = {row}.id AND e.kind = '{kind}'
)
"""
_VOIDED: Final = _POSTED.format(row="i", kind=rules.VOIDED)
_WRITTEN_OFF: Final = _POSTED.format(row="i", kind=rules.UNCOLLECTIBLE)
_REVERSED: Final = _POSTED.format(row="r", kind=rules.RECOGNITION_REVERSED)

_INVOICES: Final = f"""
SELECT id, invoice_number, problem FROM (
    SELECT i.id, i.invoice_number, CASE
        WHEN p.id IS NULL THEN 'is issued and has no entry'
        WHEN p.evidence IS DISTINCT FROM i.chain_hash THEN 'has an entry whose evidence is not its link in the chain'
        WHEN (p.total, p.tax) <> (i.total, i.tax) THEN format(
            'costs %%s %%s with %%s of tax, but has an entry over %%s with %%s',
            i.total, i.currency, i.tax, p.total, p.tax
        )
        WHEN COALESCE(months.amount, CASE i.status WHEN 'void' THEN p.deferred ELSE 0 END) <> p.deferred THEN format(
            'has %%s in months of service, but its entry deferred %%s', COALESCE(months.amount, 0), p.deferred
        )
        WHEN i.status = 'void' AND NOT {_VOIDED} THEN 'is void, and its entry is not reversed'
        WHEN i.status <> 'void' AND {_VOIDED} THEN 'is not void, and its entry is reversed'
        WHEN i.amount_paid <> used.amount THEN format(
            'says that %%s were paid, but %%s of payments are for it', i.amount_paid, used.amount
        )
        WHEN i.status = 'paid' AND due.amount > 0 THEN format('is paid, and %%s are due', due.amount)
        WHEN i.status IN ('pending', 'failed', 'past_due', 'uncollectible') AND due.amount = 0
            AND i.amount_credited = 0 THEN format('is %%s, and nothing is due', i.status)
        WHEN i.status = 'uncollectible' AND due.amount > 0 AND NOT {_WRITTEN_OFF}
            THEN 'is uncollectible, and no entry writes it off'
        WHEN i.status IN ('pending', 'failed', 'past_due') AND {_WRITTEN_OFF} THEN format(
            'is %%s, and an entry writes it off', i.status
        )
    END AS problem
    FROM invoicing_invoice i
    LEFT JOIN LATERAL (
        SELECT e.id, e.evidence, {_ON.format(role=RECEIVABLES, row="i")} AS total,
            -{_ON.format(role=TAX_PAYABLE, row="i")} AS tax, -{_ON.format(role=DEFERRED_REVENUE, row="i")} AS deferred
        {_LINES.format(row="i", kinds=f"'{rules.FINALISED}'")} GROUP BY e.id, e.evidence
    ) AS p ON true
    CROSS JOIN LATERAL (
        SELECT sum(r.amount)::bigint AS amount FROM invoicing_recognition r
        WHERE r.tenant_id = i.tenant_id AND r.invoice_id = i.id
    ) AS months
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(u.amount), 0)::bigint AS amount FROM invoicing_paymentallocation u
        WHERE u.tenant_id = i.tenant_id AND u.invoice_id = i.id
    ) AS used
    CROSS JOIN LATERAL (SELECT greatest(0, i.total - i.amount_paid - i.amount_credited) AS amount) AS due
    WHERE i.tenant_id = %(tenant)s AND i.status <> 'draft' AND i.total > 0
) AS checked WHERE problem IS NOT NULL ORDER BY id
"""  # noqa: S608 - constants of this module
_PAYMENTS: Final = f"""
SELECT id, problem FROM (
    SELECT p.id, CASE
        WHEN p.status = 'succeeded' AND e.count = 0 THEN 'succeeded and has no entry'
        WHEN p.status <> 'succeeded' AND e.count > 0 THEN format('is %%s and has an entry', p.status)
        WHEN p.status = 'succeeded' AND e.amount <> p.amount THEN format(
            'is over %%s %%s, but its entry is over %%s', p.amount, p.currency, e.amount
        )
        WHEN used.amount > p.amount THEN format('is over %%s, and %%s of it are used', p.amount, used.amount)
    END AS problem
    FROM billing_payment p
    CROSS JOIN LATERAL (
        SELECT count(*) AS count, CASE p.method
            WHEN '{PaymentMethodKind.CREDIT}' THEN -{_ON.format(role=RECEIVABLES, row="p")}
            ELSE {_ON.format(role=CASH, row="p")} END AS amount
        {_LINES.format(row="p", kinds=f"'{rules.PAID}', '{rules.RECOVERED}', '{rules.CREDIT_USED}'")}
    ) AS e
    CROSS JOIN LATERAL (
        SELECT COALESCE(sum(u.amount), 0)::bigint AS amount FROM invoicing_paymentallocation u
        WHERE u.tenant_id = p.tenant_id AND u.payment_id = p.id
    ) AS used
    WHERE p.tenant_id = %(tenant)s
) AS checked WHERE problem IS NOT NULL ORDER BY id
"""  # noqa: S608
_MONTHS: Final = f"""
SELECT invoice_id, month, problem FROM (
    SELECT r.invoice_id, to_char(r.month, 'YYYY-MM') AS month, r.id, CASE
        WHEN i.status = 'void' AND r.status NOT IN ('cancelled', 'reversed') THEN format(
            'is %%s, but the invoice is void', r.status
        )
        WHEN i.status <> 'void' AND r.status IN ('cancelled', 'reversed') THEN format(
            'is %%s, but the invoice is not void', r.status
        )
        WHEN r.status IN ('recognised', 'reversed') AND e.ids IS DISTINCT FROM ARRAY[r.entry_id] THEN format(
            'is %%s, but its entry is another one or none', r.status
        )
        WHEN r.status IN ('recognised', 'reversed') AND e.amount <> r.amount THEN format(
            'is over %%s, but its entry is over %%s', r.amount, e.amount
        )
        WHEN r.status IN ('scheduled', 'cancelled') AND e.ids IS NOT NULL
            THEN format('is %%s and has an entry', r.status)
        WHEN (r.status = 'reversed') <> {_REVERSED} THEN format('is %%s, but its entry says otherwise', r.status)
    END AS problem
    FROM invoicing_recognition r
    JOIN invoicing_invoice i ON i.tenant_id = r.tenant_id AND i.id = r.invoice_id
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT e.id) AS ids, {_ON.format(role=DEFERRED_REVENUE, row="r")} AS amount
        {_LINES.format(row="r", kinds=f"'{rules.RECOGNISED}'")}
    ) AS e
    WHERE r.tenant_id = %(tenant)s
) AS checked WHERE problem IS NOT NULL ORDER BY invoice_id, month, id
"""  # noqa: S608
_WITHOUT_FACT: Final = f"""
SELECT e.kind, e.id FROM accounting_journalentry e
WHERE e.tenant_id = %(tenant)s AND CASE e.source_type
    WHEN '{rules.INVOICE}' THEN NOT EXISTS (
        SELECT FROM invoicing_invoice i WHERE i.tenant_id = e.tenant_id AND i.id = e.source_id AND i.status <> 'draft'
    )
    WHEN '{rules.PAYMENT}' THEN NOT EXISTS (
        SELECT FROM billing_payment p WHERE p.tenant_id = e.tenant_id AND p.id = e.source_id
    )
    WHEN '{rules.RECOGNITION}' THEN NOT EXISTS (
        SELECT FROM invoicing_recognition r WHERE r.tenant_id = e.tenant_id AND r.id = e.source_id
    )
    ELSE false
END ORDER BY e.id
"""  # noqa: S608


def invoices_are_posted(*, tenant_id: UUID) -> Found:
    """Every issued invoice that costs something has its entry over its total, tax and months, with its link in the
    chain as evidence; it is reversed or written off as its status says, and what was paid on it payments explain.
    """
    for invoice_id, number, problem in _rows(_INVOICES, tenant_id):
        yield encode_id(INVOICE, invoice_id), f"invoice {number} {problem}"


def payments_are_posted(*, tenant_id: UUID) -> Found:
    """Every payment that succeeded, and no other, has its entry over its amount, and pays no more than that."""
    for payment_id, problem in _rows(_PAYMENTS, tenant_id):
        yield encode_id(PAYMENT, payment_id), f"the payment {problem}"


def months_are_posted(*, tenant_id: UUID) -> Found:
    """Every month of service that is recognised has its entry over its amount, and is reversed as its invoice is."""
    for invoice_id, month, problem in _rows(_MONTHS, tenant_id):
        yield encode_id(INVOICE, invoice_id), f"its part of {month} {problem}"


def entries_have_their_facts(*, tenant_id: UUID) -> Found:
    """Every entry that billing posted is about an invoice, a payment or a month that is there."""
    for kind, entry_id in _rows(_WITHOUT_FACT, tenant_id):
        yield encode_id(JOURNAL_ENTRY, entry_id), f"the entry ({kind}) is about something that does not exist"


def _rows(sql: str, tenant_id: UUID) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": tenant_id})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
