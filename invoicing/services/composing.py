"""From content to rows: the pieces that creating, changing and finalising an invoice share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from billing.models import Customer
from billing.services.coupon_use import Applied
from common.ids import new_id
from invoicing.composition import compose
from invoicing.content import Buyer, Content, Item
from invoicing.enums import ItemType
from invoicing.models import Invoice, InvoiceBuyer, InvoiceDerivation, InvoiceItem
from invoicing.requests import InvoiceRequest, ItemRequest
from invoicing.selectors import item_from, items_of
from invoicing.services.basis import ANYBODY, Asked, read_basis
from invoicing.services.item_rows import insert_items
from tenants.models import TenantSettings


def new_row(tenant_id: UUID, content: Content, *, metadata: dict[str, str], at: dt.datetime) -> Invoice:
    """The unsaved draft row of a content."""
    return Invoice(
        id=content.id, tenant_id=tenant_id, customer_id=content.customer_id, currency=content.currency,
        subtotal=content.subtotal, discount=content.discount, tax=content.tax, total=content.total,
        tax_breakdown=list(content.tax_breakdown), item_count=len(content.items), skip_tax=content.skip_tax,
        period_start=content.period_start, period_end=content.period_end, due_date=content.due_date,
        issued_at=content.issued_at, subscription_id=content.subscription_id, metadata=metadata, created_at=at,
        updated_at=at, settings_version=content.settings_version, coupons=list(content.coupons),
        derivation_digest=content.derivation_digest,
    )  # fmt: skip


def insert_buyer(invoice: Invoice, buyer: Buyer, salt: bytes) -> InvoiceBuyer:
    """Write the addressee."""
    row = InvoiceBuyer(invoice_id=invoice.id, tenant_id=invoice.tenant_id)
    fill_buyer(row, buyer, salt)
    row.save(force_insert=True)
    return row


def recompute(
    invoice: Invoice, request: InvoiceRequest, *, customer: Customer, settings: TenantSettings, at: dt.datetime,
    issued_at: dt.datetime | None = None, asked: Asked = ANYBODY,
) -> tuple[Content, list[Applied]]:  # fmt: skip
    """Replace a draft's items and amounts by what `request` comes to at `at`. The row itself is saved by the caller.

    With `issued_at` they are those of the document that is about to be issued. Raises what `read_basis` and `compose`
    raise.
    """
    currency = request.currency or invoice.currency
    basis, applied = read_basis(
        tenant_id=invoice.tenant_id, customer=customer, settings=settings, request=request, currency=currency, at=at,
        asked=asked,
    )  # fmt: skip
    content = compose(
        request, customer_id=customer.id, currency=currency, basis=basis, issued_at=issued_at, invoice_id=invoice.id,
        subscription_id=invoice.subscription_id,
    )  # fmt: skip
    content = replace(content, items=_ids_rising(content.items))
    invoice.currency, invoice.subtotal, invoice.discount = content.currency, content.subtotal, content.discount
    invoice.tax, invoice.total, invoice.item_count = content.tax, content.total, len(content.items)
    invoice.tax_breakdown, invoice.skip_tax = list(content.tax_breakdown), content.skip_tax
    invoice.coupons, invoice.derivation_digest = list(content.coupons), content.derivation_digest
    invoice.due_date, invoice.settings_version = content.due_date, content.settings_version
    if [item_from(row) for row in items_of(invoice)] != list(content.items):
        InvoiceItem.objects.filter(tenant_id=invoice.tenant_id, invoice_id=invoice.id).delete()
        insert_items(invoice, content)
    return content, applied


def _ids_rising(items: Sequence[Item]) -> list[Item]:
    """Lists of items go by their ids. What follows an item that has only now come in (a minimum, for a price that has
    changed) gets another one."""
    found: list[Item] = []
    for item in items:
        found.append(item if not found or found[-1].id < item.id else replace(item, id=new_id()))
    return found


def request_of(invoice: Invoice, rows: Sequence[InvoiceItem]) -> InvoiceRequest:
    """A stored draft as a request for the same draft."""
    return InvoiceRequest(
        items=asked_again(rows), currency=invoice.currency, due_date=invoice.due_date,
        period_start=invoice.period_start, period_end=invoice.period_end, skip_tax=invoice.skip_tax,
        coupons=[one["couponId"] for one in invoice.coupons],
    )  # fmt: skip


def asked_again(rows: Sequence[InvoiceItem]) -> list[ItemRequest]:
    """Stored items as requests for the same items, which keep their ids.

    What a minimum adds was not asked for: it follows from the item before it.
    """
    found: list[ItemRequest] = []
    for row in rows:
        if row.type == ItemType.MINIMUM:
            found[-1] = replace(found[-1], minimum_id=row.id)
        else:
            found.append(_asked(item_from(row)))
    return found


def _asked(item: Item) -> ItemRequest:
    plain = ItemRequest(
        description=item.description, tax_code=item.tax_code, period_start=item.period_start,
        period_end=item.period_end, metadata=item.metadata, id=item.id,
    )  # fmt: skip
    if item.price_id is None:
        return replace(
            plain, unit_price=int(item.unit_price), quantity=int(item.quantity), product_id=item.product_id,
            type=item.type,
        )  # fmt: skip
    # Parts of a usage: a quantity is the only one, and a price that counts transactions may have but one, too.
    return replace(
        plain, price_id=item.price_id, plan_id=item.plan_id, transactions=[Decimal(part) for part in item.usage or ()]
    )  # fmt: skip


def insert_derivation(invoice: Invoice, content: Content) -> None:
    """Keep how a document with prices or coupons was computed; the others say it themselves."""
    if content.derivation is None:
        return
    InvoiceDerivation.objects.create(
        invoice_id=invoice.id, tenant_id=invoice.tenant_id, body=content.derivation,
        digest=content.derivation_digest,
    )  # fmt: skip


def fill_buyer(row: InvoiceBuyer, buyer: Buyer, salt: bytes) -> None:
    """Set the addressee's columns; saving is the caller's."""
    row.user_id, row.name, row.email, row.vat_id, row.locale = (
        buyer.user_id, buyer.name, buyer.email, buyer.vat_id, buyer.locale,
    )  # fmt: skip
    row.address = dict(buyer.address) if buyer.address is not None else None
    row.notes, row.payment_instructions, row.salt = buyer.notes, buyer.payment_instructions, salt
