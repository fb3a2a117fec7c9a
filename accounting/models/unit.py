"""What is counted besides currencies."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.isolation import Audited, TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned, Timestamped

UNIT_CODE_UNIQUE = "unit_code_unique"


class Unit(TenantOwned, Timestamped):
    """A unit of a tenant's own, such as `CREDITS`: one of it is `10 ** exponent` of what accounts count.

    ISO 4217 currencies need no row, and no unit may have the code of one. A unit never changes.
    """

    code = models.CharField(max_length=16)
    exponent = models.SmallIntegerField()
    name = models.CharField(max_length=255, null=True)  # noqa: DJ001 - null is "not given" in the API

    class Meta:
        constraints = [
            TenantIsolation(name="unit_isolation"),
            TenantForeignKey(field="tenant", name="unit_tenant"),
            Audited(name="unit_audit", entity="unit"),
            models.UniqueConstraint(fields=["tenant", "code"], name=UNIT_CODE_UNIQUE),
            models.CheckConstraint(name="unit_code_shape", condition=Q(code__regex="^[A-Z][A-Z0-9_]{2,15}$")),
            models.CheckConstraint(name="unit_exponent_range", condition=Q(exponent__range=(0, 12))),
        ]

    def __str__(self) -> str:
        return self.code
