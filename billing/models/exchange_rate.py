"""What one currency is in another, since when."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.db import models
from django.db.models import F, Q

from billing.rating.decimals import PLACES
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned

EXCHANGE_RATE_UNIQUE = "exchange_rate_unique"
MIN_RATE: Final = Decimal(1).scaleb(-PLACES)
MAX_RATE: Final = Decimal(10) ** 9
"""No two currencies are that far apart; beyond it somebody has mistyped."""


class ExchangeRate(TenantOwned):
    """One unit of `from_currency` is `rate` units of `to_currency`, in major units, from `valid_from` on.

    In force until the next one of the same two currencies begins. A row never changes and is never deleted (a
    trigger): documents show the rate they were made with, and it must be found again. What was mistaken is followed by
    a rate that begins later. The other direction has rates of its own: whoever sells in both pays for changing money.
    """

    from_currency = models.CharField(max_length=3)
    to_currency = models.CharField(max_length=3)
    rate = models.DecimalField(max_digits=22, decimal_places=PLACES)
    valid_from = models.DateTimeField()
    source = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null is "not given" in the API
    created_at = models.DateTimeField(editable=False)

    class Meta:
        constraints = [
            TenantIsolation(name="exchange_rate_isolation"),
            TenantKey(name="exchange_rate_tenant_key"),
            TenantForeignKey(field="tenant", name="exchange_rate_tenant"),
            Audited(name="exchange_rate_audit", entity="exchangeRate"),
            # Read backwards, its index answers which rate is in force.
            models.UniqueConstraint(
                fields=["tenant", "from_currency", "to_currency", "valid_from"], name=EXCHANGE_RATE_UNIQUE
            ),
            models.CheckConstraint(
                name="exchange_rate_currency_shape",
                condition=Q(from_currency__regex="^[A-Z]{3}$", to_currency__regex="^[A-Z]{3}$"),
            ),
            models.CheckConstraint(
                name="exchange_rate_of_two_currencies", condition=~Q(from_currency=F("to_currency"))
            ),
            models.CheckConstraint(name="exchange_rate_range", condition=Q(rate__range=(MIN_RATE, MAX_RATE))),
            models.CheckConstraint(name="exchange_rate_source_not_empty", condition=~Q(source="")),
        ]

    def __str__(self) -> str:
        return f"{self.from_currency} to {self.to_currency}"
