"""Long-running jobs a caller can follow."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.enums import JobStatus
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned, Timestamped


class Job(TenantOwned, Timestamped):
    """Work accepted for later (202). The app that does the work writes progress and result."""

    kind = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=JobStatus.choices, default=JobStatus.QUEUED)
    progress = models.IntegerField(default=0)  # percent
    result = models.JSONField(null=True)
    error = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        constraints = [
            TenantIsolation(name="job_isolation"),
            TenantForeignKey(field="tenant", name="job_tenant"),
            Audited(name="job_audit", entity="job", ignored=("updated_at", "progress")),
            models.CheckConstraint(name="job_status_known", condition=Q(status__in=JobStatus.values)),
            models.CheckConstraint(name="job_progress_percent", condition=Q(progress__range=(0, 100))),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"
