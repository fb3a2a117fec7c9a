"""Posting what happened before there were books: every fact without its entry gets the one it would have had.

What is kept of the past is its outcome. Whether money came before or after a write-off, and whether a void invoice had
been written off before, is not told apart: the balances are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from accounting.models import JournalEntry
from accounting.posting import EntryDraft
from accounting.services.posting import post_entries
from billing.enums import PaymentMethodKind
from billing.models import Payment
from invoicing import posting_rules as rules
from invoicing.enums import InvoiceStatus
from invoicing.models import Invoice, Recognition
from invoicing.recognition import schedule
from invoicing.selectors import content_of
from invoicing.services.posting import (
    accounts_for,
    finalised_entry,
    legs_of_invoice,
    payment_entry,
    recognitions,
    reversal,
    write_off_entry,
)
from tenants.context import Context
from tenants.scope import tenant_scope
from tenants.selectors import get_settings

BATCH: Final = 1_000

# One run at a time for each tenant: a second one waits and then finds nothing. It reads everything there is, for which
# the bound of a request is not meant; both end with the transaction.
_ALONE: Final = (
    "SELECT pg_advisory_xact_lock(7412, hashtext(%(tenant)s::text)), set_config('statement_timeout', '0', true)"
)
_WITHOUT: Final = """
SELECT f.id FROM {table} f
WHERE f.tenant_id = %(tenant)s AND f.id > %(after)s AND {fact} AND NOT EXISTS (
    SELECT FROM accounting_journalentry e
    WHERE e.tenant_id = f.tenant_id AND e.source_id = f.id AND e.kind = ANY (%(kinds)s::varchar[])
)
ORDER BY f.id LIMIT %(limit)s
"""
_FIRST: Final = UUID(int=0)

_Batch = Callable[[UUID, list[UUID]], None]


def post_missing_entries(*, context: Context, progress: Callable[[int], None] = lambda _: None) -> int:
    """Post every fact of the tenant that has no entry; how many there were. Run again, it finds none.

    Works in transactions of a thousand facts. `progress` is told the facts posted so far. Each kind of fact is read
    anew after the one before it, because the entry of a void invoice reverses that of its issuing.
    """
    done = 0
    for table, fact, kinds, post in _FACTS:
        after = _FIRST
        while True:
            with tenant_scope(context):
                ids = _missing(context.tenant_id, table, fact, kinds, after)
                if ids:
                    post(context.tenant_id, ids)
            done += len(ids)
            progress(done)
            if len(ids) < BATCH:
                break
            after = ids[-1]
    return done


def _missing(tenant_id: UUID, table: str, fact: str, kinds: Sequence[str], after: UUID) -> list[UUID]:
    sql = _WITHOUT.format(table=table, fact=fact)
    with connection.cursor() as cursor:
        cursor.execute(_ALONE, {"tenant": tenant_id})
        cursor.execute(sql, {"tenant": tenant_id, "after": after, "kinds": list(kinds), "limit": BATCH})
        return [row[0] for row in cursor.fetchall()]


def _post_issued(tenant_id: UUID, ids: list[UUID]) -> None:
    zone = get_settings(tenant_id=tenant_id).time_zone
    drafts: list[EntryDraft] = []
    rows: list[Recognition] = []
    for invoice in _locked_invoices(tenant_id, ids):
        assert invoice.issued_at is not None
        items = sorted(invoice.items.all(), key=lambda item: item.position)
        months = schedule(content_of(invoice, items), issued_at=invoice.issued_at, time_zone=zone)
        legs = legs_of_invoice(total=invoice.total, tax=invoice.tax, months=months)
        accounts = accounts_for(legs, tenant_id=tenant_id, currency=invoice.currency, at=invoice.issued_at)
        drafts.append(finalised_entry(invoice, legs, accounts))
        # Of a void invoice nothing will ever be recognised.
        rows += [] if invoice.status == InvoiceStatus.VOID else recognitions(invoice, months)
    post_entries(tenant_id=tenant_id, drafts=drafts)
    Recognition.objects.bulk_create(rows)


def _post_payments(tenant_id: UUID, ids: list[UUID]) -> None:
    rows = Payment.objects.select_for_update().filter(tenant_id=tenant_id, id__in=ids).order_by("id")
    post_entries(tenant_id=tenant_id, drafts=[payment_entry(row, written_off=False) for row in rows])


def _post_write_offs(tenant_id: UUID, ids: list[UUID]) -> None:
    rows = _locked_invoices(tenant_id, ids)
    drafts = [write_off_entry(row, at=row.updated_at) for row in rows if row.amount_due]
    post_entries(tenant_id=tenant_id, drafts=drafts)


def _post_voids(tenant_id: UUID, ids: list[UUID]) -> None:
    voided_at = {row.id: row.voided_at or row.updated_at for row in _locked_invoices(tenant_id, ids)}
    issued = JournalEntry.objects.filter(tenant_id=tenant_id, source_id__in=ids, kind=rules.FINALISED)
    drafts = [
        reversal(entry, at=voided_at[entry.source_id])
        for entry in issued.prefetch_related("lines")
        if entry.source_id is not None
    ]
    post_entries(tenant_id=tenant_id, drafts=drafts)


def _locked_invoices(tenant_id: UUID, ids: list[UUID]) -> list[Invoice]:
    """The invoices, so that nobody changes them meanwhile."""
    rows = Invoice.objects.select_for_update(of=("self",)).filter(tenant_id=tenant_id, id__in=ids)
    return list(rows.order_by("id").prefetch_related("items"))


_FACTS: Final[tuple[tuple[str, str, Sequence[str], _Batch], ...]] = (
    ("invoicing_invoice", "f.status <> 'draft' AND f.total > 0", [rules.FINALISED], _post_issued),
    # Payments with credit are younger than the books: none was ever recorded without its entry.
    (
        "billing_payment",
        f"f.status = 'succeeded' AND f.method <> '{PaymentMethodKind.CREDIT}'",
        [rules.PAID, rules.RECOVERED],
        _post_payments,
    ),
    (
        "invoicing_invoice",
        "f.status = 'uncollectible' AND f.total > f.amount_paid + f.amount_credited",
        [rules.UNCOLLECTIBLE],
        _post_write_offs,
    ),
    ("invoicing_invoice", "f.status = 'void' AND f.total > 0", [rules.VOIDED], _post_voids),
)
"""What may lack an entry: the table, which rows are facts, the kinds of entries that are theirs, and who posts them."""
