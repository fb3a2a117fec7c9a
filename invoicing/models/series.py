"""Number series: one row per tenant, code and year, locked by whoever takes a number."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from tenants.isolation import Audited, TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned


class NumberSeries(TenantOwned):
    """The counter of a series and the head of its hash chain.

    `last_number` is `start - 1` until the first document. What is audited is its start: each other change is a
    document. A trigger lets it only rise, and `start` change only while no number has been given.
    """

    code = models.CharField(max_length=16)  # INV, CN
    year = models.SmallIntegerField()  # of the issue date in the tenant's zone
    start = models.BigIntegerField(default=1)
    last_number = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            TenantIsolation(name="series_isolation"),
            TenantForeignKey(field="tenant", name="series_tenant"),
            Audited(
                name="series_audit",
                entity="numberSeries",
                ignored=("last_number", "head"),
                events="INSERT OR UPDATE OF start OR DELETE",
            ),
            models.UniqueConstraint(fields=["tenant", "code", "year"], name="series_unique"),
            models.CheckConstraint(name="series_start_positive", condition=Q(start__gte=1)),
            models.CheckConstraint(name="series_not_before_start", condition=Q(last_number__gte=F("start") - 1)),
        ]

    def __str__(self) -> str:
        return f"{self.code}-{self.year}"
