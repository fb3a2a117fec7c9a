"""The invoice as the API and the events show it. One function, whatever the values come from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import CUSTOMER, INVOICE, INVOICE_ITEM, PLAN, PRICE, PRODUCT, PROVIDER, SUBSCRIPTION
from invoicing.content import Buyer, Content, Item, number_out, usage_total
from invoicing.enums import EmailStatus

TAX_ROW = ("label", "rate", "category", "taxable", "tax", "note")
COUPON_ROW = ("couponId", "code", "name", "amount")
EXCHANGE = ("currency", "amount", "rate", "date", "source")


@dataclass(frozen=True, slots=True)
class State:
    """What may still change after finalisation, and the number."""

    status: str
    invoice_number: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    amount_paid: int = 0
    amount_refunded: int = 0
    amount_credited: int = 0
    paid_at: dt.datetime | None = None
    voided_at: dt.datetime | None = None
    void_reason: str | None = None
    provider_id: UUID | None = None
    email_status: str = EmailStatus.NONE
    metadata: Mapping[str, str] = field(default_factory=dict)


def invoice_body(
    content: Content, buyer: Buyer, state: State, *, listed: bool = False, items: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """The invoice object of the contract. In lists (`listed`) items and tax rows are null.

    `items` are those of an earlier body of the same content, which need not be made again.
    """
    if items is None and not listed:
        items = [item_body(item) for item in content.items]
    due = max(0, content.total - state.amount_paid - state.amount_credited)
    return {
        "id": encode_id(INVOICE, content.id),
        "object": "invoice",
        "invoiceNumber": state.invoice_number,
        "status": str(state.status),
        "customerId": encode_id(CUSTOMER, content.customer_id),
        "userId": buyer.user_id,
        "currency": content.currency,
        "subtotal": content.subtotal,
        "discount": content.discount,
        "tax": content.tax,
        "total": content.total,
        "amountPaid": state.amount_paid,
        "amountRefunded": state.amount_refunded,
        "amountCredited": state.amount_credited,
        "amountDue": due,
        "dueDate": _instant(content.due_date),
        "issuedAt": _instant(content.issued_at),
        "paidAt": _instant(state.paid_at),
        "voidedAt": _instant(state.voided_at),
        "voidReason": state.void_reason,
        "periodStart": _instant(content.period_start),
        "periodEnd": _instant(content.period_end),
        "subscriptionId": _id(SUBSCRIPTION, content.subscription_id),
        "notes": buyer.notes,
        "paymentInstructions": buyer.payment_instructions,
        "skipTax": content.skip_tax,
        "items": items,
        "taxBreakdown": None if listed else [_in_order(row, TAX_ROW) for row in content.tax_breakdown],
        "coupons": [_in_order(row, COUPON_ROW) for row in content.coupons],
        "providerId": _id(PROVIDER, state.provider_id),
        "emailStatus": str(state.email_status),
        "metadata": dict(state.metadata),
        "createdAt": _instant(state.created_at),
        "updatedAt": _instant(state.updated_at),
    }


def item_body(item: Item) -> dict[str, Any]:
    """The item object of the contract."""
    return {
        "id": encode_id(INVOICE_ITEM, item.id),
        "object": "invoiceItem",
        "description": item.description,
        "quantity": number_out(item.quantity),
        "unitPrice": number_out(item.unit_price),
        "total": item.total,
        "discount": item.discount,
        "taxRate": number_out(item.tax_rate),
        "taxes": [_in_order(tax, TAX_ROW[:3]) for tax in item.taxes],
        "taxCode": item.tax_code,
        "productId": _id(PRODUCT, item.product_id),
        "priceId": _id(PRICE, item.price_id),
        "planId": _id(PLAN, item.plan_id),
        "type": str(item.type),
        "usage": None if item.usage is None else number_out(usage_total(item.usage)),
        "taxBehavior": "inclusive" if item.inclusive else "exclusive",
        "exchange": None if item.exchange is None else _in_order(item.exchange, EXCHANGE),
        "periodStart": _instant(item.period_start),
        "periodEnd": _instant(item.period_end),
        "metadata": dict(item.metadata),
    }


def _instant(value: dt.datetime | None) -> str | None:
    return None if value is None else format_instant(value)


def _id(prefix: str, value: UUID | None) -> str | None:
    return None if value is None else encode_id(prefix, value)


def _in_order(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """PostgreSQL keeps the keys of a jsonb value in an order of its own; an answer looks the same every time."""
    return {name: row[name] for name in names}
