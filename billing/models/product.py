"""What a tenant sells."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from billing.enums import BillingInterval, ProductType
from common.money import MAX_AMOUNT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped


class Product(TenantOwned, Timestamped):
    """Something that appears on invoices. `price` is in minor units of `currency`; a price never lacks its currency.

    An inactive product is not sold any more: its prices enter no new invoice. What refers to it keeps working.
    """

    name = models.CharField(max_length=255)
    description = models.TextField(null=True)  # noqa: DJ001 - null is "not given" in the API
    type = models.CharField(max_length=16, choices=ProductType.choices)
    price = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, null=True)  # noqa: DJ001
    interval = models.CharField(max_length=16, choices=BillingInterval.choices, null=True)  # noqa: DJ001
    prorate_on_change = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    provider_refs = models.JSONField(default=dict)  # what providers call it, by provider id
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="product_isolation"),
            TenantKey(name="product_tenant_key"),
            TenantForeignKey(field="tenant", name="product_tenant"),
            Audited(name="product_audit", entity="product"),
            models.CheckConstraint(name="product_name_not_empty", condition=~Q(name="")),
            models.CheckConstraint(name="product_type_known", condition=Q(type__in=ProductType.values)),
            models.CheckConstraint(name="product_price_range", condition=Q(price__range=(0, MAX_AMOUNT))),
            models.CheckConstraint(name="product_currency_shape", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="product_price_has_currency", condition=Q(price__isnull=True) | Q(currency__isnull=False)
            ),
            models.CheckConstraint(name="product_interval_known", condition=Q(interval__in=BillingInterval.values)),
            models.CheckConstraint(
                name="product_recurring_price_has_interval",
                condition=Q(price__isnull=True) | Q(interval__isnull=False) | ~Q(type=ProductType.RECURRING),
            ),
        ]

    def __str__(self) -> str:
        return self.name
