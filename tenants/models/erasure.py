"""What was erased, and when somebody last looked what had to be."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.enums import RetentionCause, RetentionStatus
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned, Timestamped

ONE_RUN_A_DAY = "retention_run_once_a_day"


class ErasedObject(TenantOwned):
    """An object whose personal data were erased. `id` is the object's own id, so it stands here once.

    Only erasers write here (a trigger, and the application's role may only read), and they check that the object was
    due: an invoice must be finished. What other tables hold about it (events, trail, mails) may be erased only because
    the object is listed here.
    """

    kind = models.CharField(max_length=32)  # as the audit trail calls it: customer, invoice, payment, invoiceItem
    erased_at = models.DateTimeField()  # business time
    recorded_at = models.DateTimeField()  # real time: answers stored before it may still name the object

    class Meta:
        constraints = [
            TenantIsolation(name="erased_object_isolation"),
            TenantForeignKey(field="tenant", name="erased_object_tenant"),
        ]
        indexes = [models.Index(fields=["tenant", "recorded_at"], name="erased_object_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class RetentionRun(TenantOwned, Timestamped):
    """One look at a tenant's old documents: what was erased then. Its end enters the audit trail with the counts.

    `progress` is written with each batch, in its transaction; the final numbers are set when the run ends, which may be
    after a crash and in another process. There is one scheduled run per tenant and day.
    """

    cause = models.CharField(max_length=16, choices=RetentionCause.choices)
    day = models.DateField()  # of the tenant
    status = models.CharField(max_length=16, choices=RetentionStatus.choices, default=RetentionStatus.RUNNING)
    progress = models.JSONField(default=dict)  # so far: number of objects and rows by kind
    invoices = models.IntegerField(null=True)
    customers = models.IntegerField(null=True)
    blocked = models.IntegerField(null=True)  # customers that were due by their age and were held
    erased = models.JSONField(null=True)  # rows by kind
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="retention_run_isolation"),
            TenantForeignKey(field="tenant", name="retention_run_tenant"),
            Audited(name="retention_run_audit", entity="retentionRun", ignored=("updated_at", "progress")),
            models.UniqueConstraint(
                fields=["tenant", "day"],
                name=ONE_RUN_A_DAY,
                condition=Q(cause=RetentionCause.SCHEDULE),
            ),
            models.CheckConstraint(name="retention_run_cause_known", condition=Q(cause__in=RetentionCause.values)),
            models.CheckConstraint(
                name="retention_run_finished_has_counts",
                condition=Q(status=RetentionStatus.RUNNING, finished_at__isnull=True)
                | Q(
                    status=RetentionStatus.FINISHED,
                    finished_at__isnull=False,
                    invoices__isnull=False,
                    customers__isnull=False,
                    blocked__isnull=False,
                    erased__isnull=False,
                ),
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="retention_run_newest")]

    def __str__(self) -> str:
        return f"{self.cause} {self.day}: {self.status}"
