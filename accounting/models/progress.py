"""How far the sealer has come."""

from __future__ import annotations

from django.db import models

from tenants.isolation import TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned


class SealProgress(TenantOwned):
    """One row of a tenant: every entry of a transaction below `horizon` is sealed, and of that one all up to `through`.

    Transaction ids mean something only inside the PostgreSQL installation that gave them, which `cluster` names (its
    system identifier). Read in another one, after a restore, the row says nothing, and the sealer looks at everything
    once more; entries whose transactions seem to lie in the future may wait until it is through (`swept`). Seals are
    made only of entries; this row also moves on while a tenant rests.
    """

    horizon = models.BigIntegerField()
    through = models.UUIDField()  # an entry's id, or zero
    cluster = models.BigIntegerField()
    swept = models.BooleanField()

    class Meta:
        constraints = [
            TenantIsolation(name="seal_progress_isolation"),
            TenantForeignKey(field="tenant", name="seal_progress_tenant"),
            models.UniqueConstraint(fields=["tenant"], name="seal_progress_unique"),
        ]
        verbose_name_plural = "seal progress"

    def __str__(self) -> str:
        return f"Sealed below {self.horizon}"
