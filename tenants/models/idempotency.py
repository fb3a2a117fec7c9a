"""The stored answers of mutating requests."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from tenants.isolation import TenantIsolation
from tenants.models.base import TenantOwned


class IdempotencyKey(TenantOwned):
    """A key whose effect has committed, with the answer to repeat. Written last, in the effect's transaction.

    `id` is derived from tenant and key (`tenants.idempotency.key_id`): the primary key itself is the guard, and the hot
    path pays for one index.
    """

    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)  # of method, path, query and body
    status = models.SmallIntegerField()
    body = models.TextField()
    location = models.TextField(null=True)  # noqa: DJ001
    expires_at = models.DateTimeField()  # real time; purged by a sweep

    class Meta:
        constraints = [
            TenantIsolation(name="idempotency_isolation"),
            models.CheckConstraint(
                name="idempotency_status_final", condition=Q(status__range=(200, 299)) | Q(status=402)
            ),
        ]
        # Rows stand in the order of their expiry: a block range index serves the purge and costs the hot path nothing.
        indexes = [BrinIndex(fields=["expires_at"], name="idempotency_by_expiry", autosummarize=True)]

    def __str__(self) -> str:
        return self.key
