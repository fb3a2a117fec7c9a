"""Reads of the invoicing app. Rows become the pure `Content`, `Buyer` and `State` here."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from billing.enums import PaymentMethodKind
from billing.models import Customer
from billing.rating.prices import OF_TRANSACTIONS
from billing.selectors import prices
from common.errors import NotFound
from invoicing.basis import Terms
from invoicing.content import Buyer, Content, Item
from invoicing.enums import ItemType
from invoicing.models import Invoice, InvoiceBuyer, InvoiceItem, PaymentAllocation
from invoicing.representations import State, invoice_body
from tenants.models import TenantSettings


def invoices(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Invoice]:
    """Invoices with their buyers, in no order."""
    return Invoice.objects.select_related("buyer").filter(condition or Q(), tenant_id=tenant_id)


def get_invoice(*, tenant_id: UUID, invoice_id: UUID) -> Invoice:
    """One invoice with its buyer, or `NotFound`."""
    invoice = invoices(tenant_id=tenant_id).filter(id=invoice_id).first()
    if invoice is None:
        raise NotFound()
    return invoice


def lock_invoice(*, tenant_id: UUID, invoice_id: UUID) -> Invoice:
    """One invoice for changing; whoever comes second waits. `NotFound` otherwise."""
    locked = Invoice.objects.select_for_update(of=("self",)).select_related("buyer")
    invoice = locked.filter(tenant_id=tenant_id, id=invoice_id).first()
    if invoice is None:
        raise NotFound()
    return invoice


def items_of(invoice: Invoice) -> list[InvoiceItem]:
    """The items in the order of the document."""
    return list(InvoiceItem.objects.filter(tenant_id=invoice.tenant_id, invoice_id=invoice.id).order_by("position"))


def counting_prices(*, tenant_id: UUID, items: Iterable[Item] | Iterable[InvoiceItem]) -> frozenset[UUID]:
    """Those of the prices on these lines whose usage is a list of transactions, amounts in minor units.

    A price that an issued invoice names never changes.
    """
    wanted = {item.price_id for item in items if item.usage and item.price_id is not None}
    if not wanted:
        return frozenset()
    condition = Q(id__in=wanted, definition__model__in=OF_TRANSACTIONS)
    return frozenset(prices(tenant_id=tenant_id, condition=condition).values_list("id", flat=True))


def credit_used_on(invoice: Invoice) -> int:
    """What the customer's credit has paid of an invoice, in minor units: the same since finalisation, void or not."""
    if not invoice.amount_paid:
        return 0
    used = PaymentAllocation.objects.filter(
        tenant_id=invoice.tenant_id, invoice_id=invoice.id, payment__method=PaymentMethodKind.CREDIT
    )
    return used.aggregate(sum=Sum("amount"))["sum"] or 0


def terms_of(settings: TenantSettings) -> Terms:
    """What the settings contribute to an invoice."""
    return Terms(
        default_currency=settings.default_currency, tax_rate=settings.tax_rate, tax_label=settings.tax_label,
        payment_terms_days=settings.payment_terms_days, time_zone=settings.time_zone, version=settings.version,
    )  # fmt: skip


def buyer_of(customer: Customer, settings: TenantSettings, *, notes: str | None) -> Buyer:
    """The customer as addressee of a document issued now."""
    locale = customer.locale or settings.locale
    return Buyer(
        user_id=customer.external_id, name=customer.name, email=customer.email, address=customer.address,
        vat_id=customer.vat_id, locale=locale, notes=notes, payment_instructions=payment_instructions(settings, locale),
    )  # fmt: skip


def payment_instructions(settings: TenantSettings, locale: str) -> str | None:
    """How to pay, in the language of the addressee where the tenant has said it in that language."""
    own = settings.invoice_texts.get(locale.partition("-")[0]) or {}
    return own.get("paymentInstructions") or settings.payment_instructions


def buyer_from(row: InvoiceBuyer) -> Buyer:
    """The stored addressee."""
    return Buyer(
        user_id=row.user_id, name=row.name, email=row.email, address=row.address, vat_id=row.vat_id, locale=row.locale,
        notes=row.notes, payment_instructions=row.payment_instructions,
    )  # fmt: skip


def item_from(row: InvoiceItem) -> Item:
    """A stored item."""
    return Item(
        id=row.id, type=ItemType(row.type), description=row.description, quantity=row.quantity,
        unit_price=row.unit_price, total=row.total, discount=row.discount, tax_rate=Decimal(row.tax_rate),
        taxes=row.taxes, tax_code=row.tax_code, product_id=row.product_id, price_id=row.price_id,
        period_start=row.period_start, period_end=row.period_end, metadata=row.metadata,
        usage=row.usage, inclusive=row.inclusive, exchange=row.exchange, plan_id=row.plan_id,
    )  # fmt: skip


def content_of(invoice: Invoice, items: Iterable[InvoiceItem]) -> Content:
    """The stored document's content."""
    return Content(
        id=invoice.id, customer_id=invoice.customer_id, currency=invoice.currency,
        items=[item_from(row) for row in items], subtotal=invoice.subtotal, discount=invoice.discount, tax=invoice.tax,
        total=invoice.total, tax_breakdown=invoice.tax_breakdown, due_date=invoice.due_date,
        issued_at=invoice.issued_at, period_start=invoice.period_start, period_end=invoice.period_end,
        subscription_id=invoice.subscription_id, skip_tax=invoice.skip_tax, settings_version=invoice.settings_version,
        coupons=invoice.coupons,
        derivation_digest=None if invoice.derivation_digest is None else bytes(invoice.derivation_digest),
    )  # fmt: skip


def state_of(invoice: Invoice) -> State:
    """What may still change of the stored document."""
    return State(
        status=invoice.status, invoice_number=invoice.invoice_number, created_at=invoice.created_at,
        updated_at=invoice.updated_at, amount_paid=invoice.amount_paid, amount_refunded=invoice.amount_refunded,
        amount_credited=invoice.amount_credited, paid_at=invoice.paid_at, voided_at=invoice.voided_at,
        void_reason=invoice.void_reason, provider_id=invoice.provider_id, email_status=invoice.email_status,
        metadata=invoice.metadata,
    )  # fmt: skip


def body_of(invoice: Invoice, items: Iterable[InvoiceItem] | None = None, *, listed: bool = False) -> dict[str, object]:
    """The invoice object of the API; reads the items unless they are given or not wanted."""
    if invoice.composed is not None and items is None and not listed:
        content, bodies = invoice.composed
        return invoice_body(content, buyer_from(invoice.buyer), state_of(invoice), items=bodies)
    rows = [] if listed else items_of(invoice) if items is None else list(items)
    return invoice_body(content_of(invoice, rows), buyer_from(invoice.buyer), state_of(invoice), listed=listed)
