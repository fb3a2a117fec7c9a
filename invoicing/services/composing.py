"""From content to rows: the pieces that creating, changing and finalising an invoice share."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from billing.models import Customer, Product
from common.errors import NotFound, Problem
from invoicing.content import Buyer, Content, InvoiceRequest, ItemRequest, compose
from invoicing.models import Invoice, InvoiceBuyer, InvoiceItem
from invoicing.selectors import item_from, terms_of
from tenants.models import TenantSettings


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
        updated_at=at, settings_version=content.settings_version,
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
    fill_buyer(row, buyer, salt)
    row.save(force_insert=True)
    return row


def recompute(
    invoice: Invoice, asked: list[ItemRequest], *, customer: Customer, settings: TenantSettings, currency: str,
    skip_tax: bool,
) -> list[InvoiceItem]:  # fmt: skip
    """Replace a draft's items and amounts by what `asked` comes to today. The row itself is saved by the caller.

    Raises `NotFound` for products that do not exist, and `AmountTooLarge`.
    """
    request = InvoiceRequest(items=asked, currency=currency, skip_tax=skip_tax)
    require_products(tenant_id=invoice.tenant_id, request=request)
    content = compose(
        request, customer_id=customer.id, currency=currency, exempt=customer.tax_exempt, terms=terms_of(settings),
        issued_at=None, invoice_id=invoice.id,
    )  # fmt: skip
    InvoiceItem.objects.filter(tenant_id=invoice.tenant_id, invoice_id=invoice.id).delete()
    invoice.currency, invoice.subtotal, invoice.discount = content.currency, content.subtotal, content.discount
    invoice.tax, invoice.total, invoice.item_count = content.tax, content.total, len(content.items)
    invoice.tax_breakdown, invoice.skip_tax = list(content.tax_breakdown), content.skip_tax
    return insert_items(invoice, content)


def asked_again(row: InvoiceItem) -> ItemRequest:
    """A stored item as a request for the same item, which keeps its id."""
    item = item_from(row)
    return ItemRequest(
        description=item.description, unit_price=int(item.unit_price), quantity=int(item.quantity),
        product_id=item.product_id, tax_code=item.tax_code, period_start=item.period_start,
        period_end=item.period_end, metadata=item.metadata, id=item.id,
    )  # fmt: skip


def fill_buyer(row: InvoiceBuyer, buyer: Buyer, salt: bytes) -> None:
    """Set the addressee's columns; saving is the caller's."""
    row.user_id, row.name, row.email, row.vat_id, row.locale = (
        buyer.user_id, buyer.name, buyer.email, buyer.vat_id, buyer.locale,
    )  # fmt: skip
    row.address = dict(buyer.address) if buyer.address is not None else None
    row.notes, row.payment_instructions, row.salt = buyer.notes, buyer.payment_instructions, salt
