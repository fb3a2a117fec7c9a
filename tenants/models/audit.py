"""The audit trail."""

from __future__ import annotations

from django.db import models

from tenants.enums import AuditOutcome
from tenants.isolation import TenantIsolation
from tenants.models.base import TenantOwned


class AuditEntry(TenantOwned):
    """Who did what to which object, when, from where and why. Append-only: written by the trigger `ledger_audit`.

    `before` and `after` hold the changed columns only (all of them for a creation or a deletion). `created_at` is real
    time: the trail records acts, and an act happens on no test clock.
    """

    action = models.CharField(max_length=64)
    entity_type = models.CharField(max_length=32)
    entity_id = models.UUIDField(null=True)
    actor_type = models.CharField(max_length=16)
    actor_id = models.CharField(max_length=128)
    trace_id = models.CharField(max_length=64, blank=True)
    ip_address = models.CharField(max_length=45, null=True)  # noqa: DJ001
    reason = models.TextField(null=True)  # noqa: DJ001
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    outcome = models.CharField(max_length=16, choices=AuditOutcome.choices, default=AuditOutcome.SUCCEEDED)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [TenantIsolation(name="audit_isolation")]
        indexes = [
            models.Index(fields=["tenant", "entity_id", "id"], name="audit_by_entity"),
            models.Index(fields=["tenant", "id"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type}"
