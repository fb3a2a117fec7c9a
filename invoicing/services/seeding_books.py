"""The entries of invented invoices: what the posting table says, thousands to a statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounting.chart import BAD_DEBTS, CASH, RECEIVABLES, REVENUE, TAX_PAYABLE
from accounting.posting import EntryDraft, Source, reversed_lines
from accounting.services.chart import books_accounts
from accounting.services.posting import post_entries
from invoicing import posting_rules as rules
from invoicing.content import Content
from invoicing.enums import InvoiceStatus
from invoicing.posting_rules import INVOICE, PAYMENT, legs_of, postings
from invoicing.seeding import Fate
from invoicing.services.posting import legs_of_invoice

ROLES: Final = (RECEIVABLES, REVENUE, TAX_PAYABLE, CASH, BAD_DEBTS)

Books = Mapping[str, Mapping[str, UUID]]
"""The accounts by currency and role."""


@dataclass(frozen=True, slots=True)
class Invented:
    """An invoice that costs something, with its link in the chain, and what became of it."""

    content: Content
    issued_at: dt.datetime
    chain_hash: bytes
    fate: Fate
    payment_id: UUID | None


def accounts_of(*, tenant_id: UUID, currencies: Iterable[str], at: dt.datetime) -> Books:
    """The accounts that invented invoices need. Ask before the series is locked."""
    return {
        currency: books_accounts(tenant_id=tenant_id, roles=ROLES, currency=currency, at=at)
        for currency in sorted(set(currencies))
    }


def post_invented(*, tenant_id: UUID, invented: Iterable[Invented], books: Books) -> None:
    """Post the invoices and what became of them."""
    drafts = [draft for one in invented for draft in _entries(one, books[one.content.currency])]
    post_entries(tenant_id=tenant_id, drafts=drafts)


def _entries(one: Invented, accounts: Mapping[str, UUID]) -> Iterator[EntryDraft]:
    content, fate = one.content, one.fate
    source = Source(INVOICE, content.id)
    legs = legs_of_invoice(total=content.total, tax=content.tax, months=[])
    issued = EntryDraft(
        kind=rules.FINALISED, source=source, lines=postings(legs, accounts), at=one.issued_at, evidence=one.chain_hash
    )
    yield issued
    if fate.paid:
        assert one.payment_id is not None
        assert fate.paid_at is not None
        lines = postings(legs_of(rules.PAID, {"amount": fate.paid}), accounts)
        yield EntryDraft(kind=rules.PAID, source=Source(PAYMENT, one.payment_id), lines=lines, at=fate.paid_at)
    if fate.status == InvoiceStatus.UNCOLLECTIBLE:
        assert content.due_date is not None
        lines = postings(legs_of(rules.UNCOLLECTIBLE, {"amount": content.total - fate.paid}), accounts)
        yield EntryDraft(kind=rules.UNCOLLECTIBLE, source=source, lines=lines, at=content.due_date)
    if fate.status == InvoiceStatus.VOID:
        assert fate.voided_at is not None
        lines = reversed_lines(issued.lines)
        yield EntryDraft(kind=rules.VOIDED, source=source, lines=lines, at=fate.voided_at, reverses=issued.id)
