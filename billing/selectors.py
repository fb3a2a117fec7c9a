"""Reads of the billing app. Each needs the tenant's scope."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from billing.models import Customer, Payment, Product
from common.errors import NotFound


def customers(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Customer]:
    """The tenant's customers that meet `condition`, in no particular order."""
    return Customer.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_customer(*, tenant_id: UUID, customer_id: UUID, path: str | None = None) -> Customer:
    """One customer. Raises `NotFound`, which names `path` where a body named the customer."""
    customer = customers(tenant_id=tenant_id).filter(id=customer_id).first()
    if customer is None:
        raise NotFound(path=path)
    return customer


def lock_customer(*, tenant_id: UUID, customer_id: UUID) -> Customer:
    """One customer, held against other changes until the transaction ends. Raises `NotFound`.

    Rows that refer to the customer can still be written meanwhile.
    """
    customer = customers(tenant_id=tenant_id).filter(id=customer_id).select_for_update(no_key=True).first()
    if customer is None:
        raise NotFound()
    return customer


def hold_customer(*, tenant_id: UUID, customer_id: UUID) -> bool:
    """Keep a customer from being deleted until the transaction ends, as a row that refers to it does; False if gone."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM billing_customer WHERE tenant_id = %s AND id = %s FOR KEY SHARE", [tenant_id, customer_id]
        )
        return cursor.fetchone() is not None


def find_customer_by_external_id(*, tenant_id: UUID, external_id: str) -> Customer | None:
    """The customer that the calling service knows by this name, or None."""
    return customers(tenant_id=tenant_id).filter(external_id=external_id).first()


def customer_balance(customer: Customer) -> int:
    """What the customer owes, in minor units of their currency; negative when the tenant owes them.

    The customer accounts of the accounting app will answer this; until a customer has one it is 0.
    """
    return 0


def products(*, tenant_id: UUID, condition: Q | None = None) -> QuerySet[Product]:
    """The tenant's products that meet `condition`, in no particular order."""
    return Product.objects.filter(condition or Q(), tenant_id=tenant_id)


def get_product(*, tenant_id: UUID, product_id: UUID, path: str | None = None) -> Product:
    """One product. Raises `NotFound`, which names `path` where a body named the product."""
    product = products(tenant_id=tenant_id).filter(id=product_id).first()
    if product is None:
        raise NotFound(path=path)
    return product


def lock_product(*, tenant_id: UUID, product_id: UUID) -> Product:
    """One product, held against other changes until the transaction ends. Raises `NotFound`."""
    product = products(tenant_id=tenant_id).filter(id=product_id).select_for_update(no_key=True).first()
    if product is None:
        raise NotFound()
    return product


def get_payment(*, tenant_id: UUID, payment_id: UUID) -> Payment:
    """One payment. Raises `NotFound`."""
    payment = Payment.objects.filter(tenant_id=tenant_id, id=payment_id).first()
    if payment is None:
        raise NotFound()
    return payment
