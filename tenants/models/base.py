"""What every tenant-owned row shares."""

from __future__ import annotations

from django.db import models

from common.ids import new_id


class TenantOwned(models.Model):
    """A row of one tenant. Its table needs `TenantIsolation` and a reference to the tenant or to a parent that has one.

    `tenant` carries no constraint of its own here: `TenantForeignKey` makes it, never deferrable. The index on
    `(tenant, …)` is the table's own business.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


class Timestamped(models.Model):
    """Business times. Both are given by the caller's clock, never by the database."""

    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField()

    class Meta:
        abstract = True
