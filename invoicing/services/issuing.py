"""Creating and finalising invoices, step by step. `services.one_statement` does the same in one statement."""

from __future__ import annotations

import datetime as dt
import os
from uuid import UUID

from billing.models import Customer, Product
from common.errors import NotFound, Problem
from invoicing.announcements import CREATED, announce, announced_by_issuing
from invoicing.content import Buyer, Content, InvoiceRequest, compose, due_date, issue_year
from invoicing.enums import InvoiceCommand, InvoiceStatus
from invoicing.errors import InvoiceEmpty, InvoiceNotDraft
from invoicing.models import Invoice, InvoiceBuyer, InvoiceItem
from invoicing.numbering import INVOICE_SERIES
from invoicing.selectors import body_of, buyer_from, buyer_of, content_of, items_of, lock_invoice, terms_of
from invoicing.services.numbers import take_number
from invoicing.transitions import apply_transition
from tenants.models import TenantSettings


def create_invoice(
    *, tenant_id: UUID, customer: Customer, settings: TenantSettings, request: InvoiceRequest, at: dt.datetime,
    draft: bool, trace_id: str,
) -> Invoice:  # fmt: skip
    """A new invoice of a customer: a draft, or issued at once with the next number.

    Raises `NotFound` for products that do not exist (with their paths), `AmountTooLarge`.
    """
    terms = terms_of(settings)
    require_products(tenant_id=tenant_id, request=request)
    content = compose(
        request, customer_id=customer.id, currency=request.currency or customer.currency or terms.default_currency,
        exempt=customer.tax_exempt, terms=terms, issued_at=None if draft else at,
    )  # fmt: skip
    buyer = buyer_of(customer, settings, notes=request.notes)
    invoice = new_row(tenant_id, content, metadata=dict(request.metadata), at=at)
    salt = os.urandom(16)
    if not draft:
        _number(invoice, content, buyer, salt, time_zone=terms.time_zone)
    invoice.save(force_insert=True)
    rows = insert_items(invoice, content)
    invoice.buyer = insert_buyer(invoice, buyer, salt)
    body = body_of(invoice, rows)
    types = [CREATED] if draft else announced_by_issuing(invoice.status, created=True)
    announce(types, tenant_id=tenant_id, invoice_id=invoice.id, body=body, at=at, trace_id=trace_id)
    return invoice


def finalise_invoice(
    *, tenant_id: UUID, invoice_id: UUID, settings: TenantSettings, at: dt.datetime, trace_id: str
) -> Invoice:
    """Give a draft its number and its issue date. Raises `InvoiceNotDraft`, `InvoiceEmpty`."""
    invoice = lock_invoice(tenant_id=tenant_id, invoice_id=invoice_id)
    if invoice.status != InvoiceStatus.DRAFT:
        raise InvoiceNotDraft()
    rows = items_of(invoice)
    if not rows:
        raise InvoiceEmpty()
    terms = terms_of(settings)
    invoice.issued_at = at
    invoice.due_date = invoice.due_date or due_date(at, terms)
    invoice.updated_at = at
    customer = Customer.objects.get(tenant_id=tenant_id, id=invoice.customer_id)
    # The addressee is the customer as of today, not as of the day the draft was begun.
    buyer = buyer_of(customer, settings, notes=invoice.buyer.notes)
    salt = os.urandom(16)
    _store_buyer(invoice.buyer, buyer, salt)
    _number(invoice, content_of(invoice, rows), buyer, salt, time_zone=terms.time_zone)
    invoice.save()
    types = announced_by_issuing(invoice.status, created=False)
    announce(
        types, tenant_id=tenant_id, invoice_id=invoice.id, body=body_of(invoice, rows), at=at, trace_id=trace_id
    )  # fmt: skip
    return invoice


def require_products(*, tenant_id: UUID, request: InvoiceRequest) -> None:
    """`NotFound`, with the path of each item, for products that this tenant does not have."""
    wanted = {item.product_id for item in request.items if item.product_id is not None}
    if not wanted:
        return
    known = set(Product.objects.filter(tenant_id=tenant_id, id__in=wanted).values_list("id", flat=True))
    problems = [
        Problem(f"items[{index}].productId", "not_found", "This product does not exist.")
        for index, item in enumerate(request.items)
        if item.product_id is not None and item.product_id not in known
    ]
    if problems:
        error = NotFound(path=problems[0].path)
        error.details = problems[:100]
        raise error


def new_row(tenant_id: UUID, content: Content, *, metadata: dict[str, str], at: dt.datetime) -> Invoice:
    """The unsaved draft row of a content."""
    return Invoice(
        id=content.id, tenant_id=tenant_id, customer_id=content.customer_id, currency=content.currency,
        subtotal=content.subtotal, discount=content.discount, tax=content.tax, total=content.total,
        tax_breakdown=list(content.tax_breakdown), item_count=len(content.items), skip_tax=content.skip_tax,
        period_start=content.period_start, period_end=content.period_end, due_date=content.due_date,
        issued_at=content.issued_at, subscription_id=content.subscription_id, metadata=metadata, created_at=at,
        updated_at=at,
    )  # fmt: skip


def insert_items(invoice: Invoice, content: Content) -> list[InvoiceItem]:
    """Write the items in the order of the document."""
    return InvoiceItem.objects.bulk_create(
        InvoiceItem(
            id=item.id,
            tenant_id=invoice.tenant_id,
            invoice_id=invoice.id,
            position=position,
            type=item.type,
            description=item.description,
            quantity=item.quantity,
            unit_price=item.unit_price,
            total=item.total,
            discount=item.discount,
            tax_rate=item.tax_rate,
            taxes=list(item.taxes),
            tax_code=item.tax_code,
            product_id=item.product_id,
            price_id=item.price_id,
            period_start=item.period_start,
            period_end=item.period_end,
            metadata=dict(item.metadata),
        )
        for position, item in enumerate(content.items)
    )


def insert_buyer(invoice: Invoice, buyer: Buyer, salt: bytes) -> InvoiceBuyer:
    """Write the addressee."""
    row = InvoiceBuyer(invoice_id=invoice.id, tenant_id=invoice.tenant_id)
    _fill_buyer(row, buyer, salt)
    row.save(force_insert=True)
    return row


def _number(invoice: Invoice, content: Content, buyer: Buyer, salt: bytes, *, time_zone: str) -> None:
    """Take the number and everything that comes with it. What costs nothing is paid at once."""
    assert invoice.issued_at is not None
    invoice.buyer_digest = buyer.digest(salt)
    invoice.content_digest = content.digest(invoice.buyer_digest)
    apply_transition(invoice, InvoiceCommand.FINALISE, at=invoice.issued_at, refusals={}, otherwise=InvoiceNotDraft)
    if invoice.total == 0:
        apply_transition(invoice, InvoiceCommand.SETTLE, at=invoice.issued_at, refusals={}, otherwise=InvoiceNotDraft)
        invoice.paid_at = invoice.issued_at
    year = issue_year(invoice.issued_at, time_zone)
    taken = take_number(
        tenant_id=invoice.tenant_id, code=INVOICE_SERIES, year=year, content_digest=invoice.content_digest
    )
    invoice.series, invoice.year, invoice.number = INVOICE_SERIES, year, taken.number
    invoice.invoice_number, invoice.chain_hash = taken.text, taken.chain_hash


def _store_buyer(row: InvoiceBuyer, buyer: Buyer, salt: bytes) -> None:
    if buyer_from(row) != buyer or bytes(row.salt or b"") != salt:
        _fill_buyer(row, buyer, salt)
        row.save()


def _fill_buyer(row: InvoiceBuyer, buyer: Buyer, salt: bytes) -> None:
    row.user_id, row.name, row.email, row.vat_id, row.locale = (
        buyer.user_id, buyer.name, buyer.email, buyer.vat_id, buyer.locale,
    )  # fmt: skip
    row.address = dict(buyer.address) if buyer.address is not None else None
    row.notes, row.payment_instructions, row.salt = buyer.notes, buyer.payment_instructions, salt
