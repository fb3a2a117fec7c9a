"""Rates of tax, each in force for a time."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce

from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped

TAX_RATE_WINDOWS_APART = "tax_rate_windows_apart"
MAX_REGION: Final = 64
RATE_PLACES: Final = 6
"""Of a percentage: as many as the rate of an item has, which is kept in basis points with four."""


def _same(value: models.expressions.Combinable, function: str) -> Func:
    """GiST knows ranges, not uuids and texts: a range from a value to itself overlaps exactly that value."""
    return Func(value, value, Value("[]"), function=function, output_field=models.Field())


_WINDOW = Func(F("valid_from"), F("valid_until"), Value("[)"), function="tstzrange", output_field=DateTimeRangeField())


class TaxRate(TenantOwned, Timestamped):
    """What is owed in a country, or in addition in one of its regions, on lines of a category, in a window of time.

    Only `label` and `valid_until` ever change (a trigger); windows of one place and category never overlap. A rate that
    ends where it begins was withdrawn. Each change raises the version of the tenant's settings (a trigger), so that
    what a process has cached is never used stale.
    """

    country = models.CharField(max_length=2)
    region = models.CharField(max_length=MAX_REGION, null=True)  # noqa: DJ001 - null is the whole country
    category = models.CharField(max_length=32, default="standard")
    rate = models.DecimalField(max_digits=3 + RATE_PLACES, decimal_places=RATE_PLACES)  # percent
    label = models.CharField(max_length=50)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="tax_rate_isolation"),
            TenantKey(name="tax_rate_tenant_key"),
            TenantForeignKey(field="tenant", name="tax_rate_tenant"),
            Audited(name="tax_rate_audit", entity="taxRate"),
            models.CheckConstraint(name="tax_rate_country_shape", condition=Q(country__regex="^[A-Z]{2}$")),
            models.CheckConstraint(name="tax_rate_region_not_empty", condition=~Q(region="")),
            models.CheckConstraint(
                name="tax_rate_category_shape", condition=Q(category__regex="^[a-z][a-z0-9_-]{0,31}$")
            ),
            models.CheckConstraint(name="tax_rate_range", condition=Q(rate__range=(0, 100))),
            models.CheckConstraint(name="tax_rate_label_not_empty", condition=~Q(label="")),
            models.CheckConstraint(
                name="tax_rate_window_is_one",
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
            ),
            ExclusionConstraint(
                name=TAX_RATE_WINDOWS_APART,
                expressions=[
                    (_same(F("tenant"), "ledger_uuid_range"), "&&"),
                    (_same(F("country"), "ledger_text_range"), "&&"),
                    (_same(Coalesce(F("region"), Value("")), "ledger_text_range"), "&&"),
                    (_same(F("category"), "ledger_text_range"), "&&"),
                    (_WINDOW, "&&"),
                ],
            ),
        ]
        indexes = [models.Index(fields=["tenant", "country"], name="tax_rate_by_country")]

    def __str__(self) -> str:
        place = f"{self.country}-{self.region}" if self.region else self.country
        return f"{self.label}, {place}, {self.category}"
