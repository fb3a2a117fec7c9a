"""Posting the facts of billing, in the transaction of the fact itself, as `posting_rules.TABLE` says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from accounting.enums import Side
from accounting.models import JournalEntry
from accounting.posting import EntryDraft, Posting, Source, reversed_lines
from accounting.services.chart import books_accounts
from accounting.services.posting import post_entries
from billing.models import Payment
from invoicing import posting_rules as rules
from invoicing.enums import InvoiceStatus, RecognitionCommand
from invoicing.models import Invoice, Recognition
from invoicing.posting_rules import (
    INVOICE,
    PAYMENT,
    RECOGNITION,
    REVERSALS,
    WALLET,
    Leg,
    invoice_amounts,
    legs_of,
    postings,
)
from invoicing.recognition import Month, deferred
from invoicing.transitions import apply_recognition_transition


def legs_of_invoice(*, total: int, tax: int, months: Sequence[Month]) -> list[Leg]:
    """The lines of an invoice that gets its number; none when it costs nothing."""
    return legs_of(rules.FINALISED, invoice_amounts(total=total, tax=tax, deferred=deferred(months)))


def accounts_for(legs: Iterable[Leg], *, tenant_id: UUID, currency: str, at: dt.datetime) -> Mapping[str, UUID]:
    """The accounts of the books that the lines name, made where they are missing."""
    return books_accounts(tenant_id=tenant_id, roles={leg.role for leg in legs}, currency=currency, at=at)


def finalised_entry(invoice: Invoice, legs: list[Leg], accounts: Mapping[str, UUID]) -> EntryDraft:
    """The entry of a numbered invoice. Its evidence is the invoice's link in the chain of its series."""
    assert invoice.issued_at is not None
    assert invoice.chain_hash is not None
    return EntryDraft(
        kind=rules.FINALISED, source=Source(INVOICE, invoice.id), lines=postings(legs, accounts),
        at=invoice.issued_at, evidence=bytes(invoice.chain_hash),
    )  # fmt: skip


def post_finalised(
    invoice: Invoice, legs: list[Leg], accounts: Mapping[str, UUID], months: Sequence[Month]
) -> None:  # fmt: skip
    """Post an invoice that has just got its number, and write down when the rest of it is earned."""
    Recognition.objects.bulk_create(recognitions(invoice, months))
    if legs:
        post_entries(tenant_id=invoice.tenant_id, drafts=[finalised_entry(invoice, legs, accounts)])


def recognitions(invoice: Invoice, months: Sequence[Month]) -> list[Recognition]:
    """The unsaved rows of an invoice's schedule."""
    return [
        Recognition(
            id=one.id, tenant_id=invoice.tenant_id, invoice_id=invoice.id, month=one.month, currency=invoice.currency,
            amount=one.amount, effective_at=one.effective_at,
        )
        for one in months
    ]  # fmt: skip


def payment_entry(payment: Payment, *, written_off: bool, accounts: Mapping[str, UUID] | None = None) -> EntryDraft:
    """The entry of money for an invoice, as of when it moved. `written_off`: the invoice is uncollectible."""
    event = rules.RECOVERED if written_off else rules.PAID
    assert payment.paid_at is not None
    return _entry(
        event, Source(PAYMENT, payment.id), payment.amount, tenant_id=payment.tenant_id, currency=payment.currency,
        at=payment.paid_at, accounts=accounts,
    )  # fmt: skip


def credit_used_entry(payment: Payment, *, wallet_id: UUID, document: str | None) -> EntryDraft:
    """The entry of a payment with credit. `document` is the invoice's number, which the customer's statement shows."""
    legs = legs_of(rules.CREDIT_USED, {"amount": payment.amount})
    assert payment.paid_at is not None
    books = accounts_for(
        [leg for leg in legs if leg.role != WALLET], tenant_id=payment.tenant_id, currency=payment.currency,
        at=payment.paid_at,
    )  # fmt: skip
    return EntryDraft(
        kind=rules.CREDIT_USED, source=Source(PAYMENT, payment.id), lines=postings(legs, {**books, WALLET: wallet_id}),
        at=payment.paid_at, description=document,
    )  # fmt: skip


def write_off_entry(
    invoice: Invoice, *, at: dt.datetime, accounts: Mapping[str, UUID] | None = None
) -> EntryDraft:  # fmt: skip
    """The entry of an invoice that is given up with an amount still due."""
    return _entry(
        rules.UNCOLLECTIBLE, Source(INVOICE, invoice.id), invoice.amount_due, tenant_id=invoice.tenant_id,
        currency=invoice.currency, at=at, accounts=accounts,
    )  # fmt: skip


def recognition_entry(row: Recognition, *, accounts: Mapping[str, UUID] | None = None) -> EntryDraft:
    """The entry of a month that has ended."""
    return _entry(
        rules.RECOGNISED, Source(RECOGNITION, row.id), row.amount, tenant_id=row.tenant_id, currency=row.currency,
        at=row.effective_at, accounts=accounts,
    )  # fmt: skip


def post_payment(payment: Payment, invoice: Invoice) -> None:
    """Post money that was recorded for an invoice, in the state which the invoice had before it."""
    written_off = invoice.status == InvoiceStatus.UNCOLLECTIBLE
    post_entries(tenant_id=payment.tenant_id, drafts=[payment_entry(payment, written_off=written_off)])


def post_credit_used(payment: Payment, *, wallet_id: UUID, document: str | None) -> None:
    """Post a payment with credit: the wallet loses it, by the order of its grants, and less is owed."""
    draft = credit_used_entry(payment, wallet_id=wallet_id, document=document)
    post_entries(tenant_id=payment.tenant_id, drafts=[draft])


def post_write_off(invoice: Invoice, *, at: dt.datetime) -> None:
    """Post that an invoice will not be paid. Nothing is due of one that has been credited in full."""
    if invoice.amount_due:
        post_entries(tenant_id=invoice.tenant_id, drafts=[write_off_entry(invoice, at=at)])


def post_void(invoice: Invoice, *, at: dt.datetime) -> None:
    """Reverse every entry that stands of an invoice, what was recognised of it included, and cancel the rest."""
    tenant_id = invoice.tenant_id
    rows = list(
        Recognition.objects.select_for_update().filter(tenant_id=tenant_id, invoice_id=invoice.id).order_by("id")
    )
    sources = [invoice.id, *(row.id for row in rows)]
    standing = JournalEntry.objects.filter(tenant_id=tenant_id, source_id__in=sources, kind__in=REVERSALS)
    post_entries(
        tenant_id=tenant_id,
        drafts=[reversal(entry, at=at) for entry in standing.prefetch_related("lines").order_by("created_at", "id")],
    )
    for row in rows:
        apply_recognition_transition(row, RecognitionCommand.VOID)
    Recognition.objects.bulk_update(rows, ["status"])


def post_credit_returned(
    entries: Iterable[JournalEntry], *, instead: Mapping[UUID, UUID], document: str | None, at: dt.datetime
) -> None:
    """Take payments with credit back; `instead` names the account for one that is closed by now."""
    for entry in entries:
        draft = reversal(entry, at=at, instead=instead, description=document)
        post_entries(tenant_id=entry.tenant_id, drafts=[draft])


def reversal(
    entry: JournalEntry, *, at: dt.datetime, instead: Mapping[UUID, UUID] | None = None, description: str | None = None
) -> EntryDraft:
    """The entry that takes another one back, line by line, as it was posted, but for accounts that have a successor."""
    assert entry.source_type is not None
    assert entry.source_id is not None
    accounts = instead or {}
    lines = sorted(entry.lines.all(), key=lambda line: line.position)
    return EntryDraft(
        kind=REVERSALS[entry.kind].event, source=Source(entry.source_type, entry.source_id), reverses=entry.id, at=at,
        lines=reversed_lines(
            Posting(accounts.get(line.account_id, line.account_id), Side(line.side), line.amount) for line in lines
        ),
        description=description,
    )  # fmt: skip


def _entry(
    event: str, source: Source, amount: int, *, tenant_id: UUID, currency: str, at: dt.datetime,
    accounts: Mapping[str, UUID] | None,
) -> EntryDraft:  # fmt: skip
    legs = legs_of(event, {"amount": amount})
    if accounts is None:
        accounts = accounts_for(legs, tenant_id=tenant_id, currency=currency, at=at)
    return EntryDraft(kind=event, source=source, lines=postings(legs, accounts), at=at)
