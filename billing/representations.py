"""Billing's objects as the API and its events show them: one function per object, every documented field present."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from billing.models import Customer, Payment, Product
from billing.selectors import customer_balance
from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import CUSTOMER, INVOICE, PAYMENT, PRODUCT


def customer_body(customer: Customer) -> dict[str, Any]:
    """The object `customer`."""
    return {
        "id": encode_id(CUSTOMER, customer.id),
        "object": "customer",
        "externalId": customer.external_id,
        "name": customer.name,
        "email": customer.email,
        "currency": customer.currency,
        "locale": customer.locale,
        "address": customer.address,
        "vatId": customer.vat_id,
        "vatStatus": customer.vat_status,
        "taxExempt": customer.tax_exempt,
        "balance": customer_balance(customer),
        "testClockId": None,
        "erasedAt": format_instant(customer.erased_at) if customer.erased_at else None,
        "metadata": customer.metadata,
        "createdAt": format_instant(customer.created_at),
        "updatedAt": format_instant(customer.updated_at),
    }


def product_body(product: Product) -> dict[str, Any]:
    """The object `product`."""
    return {
        "id": encode_id(PRODUCT, product.id),
        "object": "product",
        "name": product.name,
        "description": product.description,
        "type": product.type,
        "price": product.price,
        "currency": product.currency,
        "interval": product.interval,
        "prorateOnChange": product.prorate_on_change,
        "active": product.active,
        "providerRefs": product.provider_refs,
        "metadata": product.metadata,
        "createdAt": format_instant(product.created_at),
        "updatedAt": format_instant(product.updated_at),
    }


def payment_body(payment: Payment, *, invoice_id: UUID | None = None) -> dict[str, Any]:
    """The object `payment`. Only invoicing knows which invoice it pays, so the caller names it."""
    return {
        "id": encode_id(PAYMENT, payment.id),
        "object": "payment",
        "invoiceId": encode_id(INVOICE, invoice_id) if invoice_id else None,
        "customerId": encode_id(CUSTOMER, payment.customer_id),
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status,
        "outcomeUnknown": payment.outcome_unknown,
        "amountRefunded": payment.amount_refunded,
        "provider": payment.provider,
        "providerRef": payment.provider_ref,
        "method": payment.method,
        "failureCode": payment.failure_code,
        "failureMessage": payment.failure_message,
        "nextAction": None,
        "paidAt": format_instant(payment.paid_at) if payment.paid_at else None,
        "metadata": payment.metadata,
        "createdAt": format_instant(payment.created_at),
        "updatedAt": format_instant(payment.updated_at),
    }
