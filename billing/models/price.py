"""What a product costs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KT

from billing.rating import prices as rating
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped


class Price(TenantOwned, Timestamped):
    """One way to charge for a product, in one currency.

    `definition` is what the engine calculates with, written by `billing.rating.prices.price_data` and read back as the
    same price. `used_at` is set once, by whoever first depends on the price (a version that is published); from then
    on a trigger lets only `active` and `metadata` change. A price that is not active enters nothing new.
    """

    product = models.ForeignKey(
        "billing.Product", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    feature = models.ForeignKey(
        "billing.Feature", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    currency = models.CharField(max_length=3)  # stands in the definition too; lists are filtered by it
    definition = models.JSONField()
    tax_code = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is "not given" in the API
    active = models.BooleanField(default=True)
    used_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="price_isolation"),
            TenantKey(name="price_tenant_key"),
            TenantForeignKey(field="tenant", name="price_tenant"),
            TenantForeignKey(field="product", name="price_product"),
            TenantForeignKey(field="feature", name="price_feature"),
            Audited(name="price_audit", entity="price"),
            models.CheckConstraint(name="price_currency_shape", condition=Q(currency__regex="^[A-Z]{3}$")),
            models.CheckConstraint(
                name="price_currency_is_that_of_its_definition",
                condition=Q(definition__has_keys=["currency", "model"], currency=KT("definition__currency")),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "product"], name="price_by_product"),
            models.Index(fields=["tenant", "feature"], name="price_by_feature", condition=Q(feature__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def rated(self) -> rating.Price:
        """The price as the engine calculates with it."""
        return rating.price_from(self.definition)
