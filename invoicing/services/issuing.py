"""Creating and finalising invoices, step by step. `services.one_statement` does the same in one statement."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Sequence
from uuid import UUID

from billing.models import Customer
from billing.services.coupon_use import Applied, use_coupons
from billing.services.prices import mark_prices_used
from invoicing.announcements import CREATED, announce, announced_by_issuing
from invoicing.composition import compose, issue_year
from invoicing.content import Buyer, Content
from invoicing.enums import InvoiceCommand, InvoiceStatus
from invoicing.errors import InvoiceEmpty, InvoiceNotDraft
from invoicing.models import Invoice
from invoicing.numbering import INVOICE_SERIES
from invoicing.recognition import schedule
from invoicing.representations import invoice_body
from invoicing.requests import InvoiceRequest
from invoicing.selectors import buyer_of, items_of, lock_invoice, state_of
from invoicing.services.basis import Asked, read_basis
from invoicing.services.composing import (
    fill_buyer,
    insert_buyer,
    insert_derivation,
    new_row,
    recompute,
    request_of,
)
from invoicing.services.item_rows import insert_items
from invoicing.services.numbers import take_number
from invoicing.services.posting import accounts_for, legs_of_invoice, post_finalised
from invoicing.services.using_credit import lock_credit_for, use_credit
from invoicing.transitions import apply_transition
from tenants.models import TenantSettings


def create_invoice(
    *, tenant_id: UUID, customer: Customer, settings: TenantSettings, request: InvoiceRequest, at: dt.datetime,
    draft: bool, trace_id: str, application_id: UUID | None = None,
) -> Invoice:  # fmt: skip
    """A new invoice of a customer: a draft, or issued at once with the next number. `application_id`: the caller's.

    Raises what `read_basis` and `compose` raise, with the paths of the items.
    """
    currency = request.currency or customer.currency or settings.default_currency
    basis, applied = read_basis(
        tenant_id=tenant_id, customer=customer, settings=settings, request=request, currency=currency, at=at,
        asked=Asked(application_id=application_id, lock=not draft),
    )  # fmt: skip
    content = compose(
        request, customer_id=customer.id, currency=currency, basis=basis, issued_at=None if draft else at
    )  # fmt: skip
    buyer = buyer_of(customer, settings, notes=request.notes)
    invoice = new_row(tenant_id, content, metadata=dict(request.metadata), at=at)
    salt = os.urandom(16)
    post = None if draft else _number(invoice, content, buyer, salt, time_zone=basis.terms.time_zone)
    invoice.save(force_insert=True)
    insert_items(invoice, content)
    invoice.buyer = insert_buyer(invoice, buyer, salt)
    insert_derivation(invoice, content)
    if post is not None:
        post()
        _use_coupons(invoice, content, applied)
    body = invoice_body(content, buyer, state_of(invoice))
    invoice.composed = content, body["items"]
    types = [CREATED] if draft else announced_by_issuing(invoice.status, created=True)
    announce(types, tenant_id=tenant_id, invoice_id=invoice.id, body=body, at=at, trace_id=trace_id)
    return invoice


def finalise_invoice(
    *, tenant_id: UUID, invoice_id: UUID, settings: TenantSettings, at: dt.datetime, trace_id: str
) -> Invoice:
    """Give a draft its number and its issue date.

    Raises `InvoiceNotDraft`, `InvoiceEmpty`, and what `read_basis` and `compose` raise.
    """
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if invoice.status != InvoiceStatus.DRAFT:
        raise InvoiceNotDraft()
    rows = items_of(invoice)
    if not rows:
        raise InvoiceEmpty()
    invoice.issued_at = invoice.updated_at = at
    customer = Customer.objects.get(tenant_id=tenant_id, id=invoice.customer_id)
    # The addressee is the customer as of today, not as of the day the draft was begun.
    buyer = buyer_of(customer, settings, notes=invoice.buyer.notes)
    salt = os.urandom(16)
    fill_buyer(invoice.buyer, buyer, salt)
    invoice.buyer.save()
    # Amounts and tax are those of the issue date: a rate, a price or an exemption may have changed since the draft.
    content, applied = recompute(
        invoice, request_of(invoice, rows), customer=customer, settings=settings, at=at, issued_at=at,
        asked=Asked(trusted=True, lock=True),
    )  # fmt: skip
    post = _number(invoice, content, buyer, salt, time_zone=settings.time_zone)
    invoice.save()
    insert_derivation(invoice, content)
    post()
    _use_coupons(invoice, content, applied)
    body = invoice_body(content, buyer, state_of(invoice))
    invoice.composed = content, body["items"]
    types = announced_by_issuing(invoice.status, created=False)
    announce(types, tenant_id=tenant_id, invoice_id=invoice.id, body=body, at=at, trace_id=trace_id)
    return invoice


def _use_coupons(invoice: Invoice, content: Content, applied: Sequence[Applied]) -> None:
    assert invoice.issued_at is not None
    if applied:
        use_coupons(
            tenant_id=invoice.tenant_id, customer_id=invoice.customer_id, invoice_id=invoice.id, applied=applied,
            taken=content.taken, at=invoice.issued_at,
        )  # fmt: skip


def _number(
    invoice: Invoice, content: Content, buyer: Buyer, salt: bytes, *, time_zone: str
) -> Callable[[], None]:  # fmt: skip
    """Take the number and everything that comes with it. What costs nothing is paid at once.

    What it gives posts the invoice once its row is written, and pays it as far as the customer has credit.
    """
    assert invoice.issued_at is not None
    invoice.buyer_digest = buyer.digest(salt)
    invoice.content_digest = content.digest(invoice.buyer_digest)
    apply_transition(invoice, InvoiceCommand.FINALISE, at=invoice.issued_at, refusals={}, otherwise=InvoiceNotDraft)
    if invoice.total == 0:
        apply_transition(invoice, InvoiceCommand.SETTLE, at=invoice.issued_at, refusals={}, otherwise=InvoiceNotDraft)
        invoice.paid_at = invoice.issued_at
    months = schedule(content, issued_at=invoice.issued_at, time_zone=time_zone)
    legs = legs_of_invoice(total=invoice.total, tax=invoice.tax, months=months)
    # Before the number: who waits for a new account or for a wallet must not hold the series.
    mark_prices_used(
        tenant_id=invoice.tenant_id, at=invoice.issued_at,
        price_ids={item.price_id for item in content.items if item.price_id is not None},
    )  # fmt: skip
    accounts = accounts_for(legs, tenant_id=invoice.tenant_id, currency=invoice.currency, at=invoice.issued_at)
    credit = lock_credit_for(invoice)
    year = issue_year(invoice.issued_at, time_zone)
    taken = take_number(
        tenant_id=invoice.tenant_id, code=INVOICE_SERIES, year=year, content_digest=invoice.content_digest
    )
    invoice.series, invoice.year, invoice.number = INVOICE_SERIES, year, taken.number
    invoice.invoice_number, invoice.chain_hash = taken.text, taken.chain_hash

    def post() -> None:
        post_finalised(invoice, legs, accounts, months)
        if credit is not None:
            use_credit(invoice, credit)

    return post
