"""When what was invoiced for a time to come is earned."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounting.models import JournalEntry
from invoicing.enums import RecognitionStatus as Is
from invoicing.models.invoice import Invoice
from tenants.isolation import TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned

ENTERED = (Is.RECOGNISED, Is.REVERSED)


class Recognition(TenantOwned):
    """The net part of an invoice that is earned in one calendar month of the tenant's zone, in minor units.

    Written with the invoice's number and never changed but for `status` and `entry`, which a trigger guards. It is due
    after `effective_at` (business time): the last millisecond of the month, or the issue date where that is later.
    """

    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="recognitions"
    )
    month = models.DateField()  # its first day
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    effective_at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Is.choices, default=Is.SCHEDULED)
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        constraints = [
            TenantIsolation(name="recognition_isolation"),
            TenantKey(name="recognition_tenant_key"),
            TenantForeignKey(field="invoice", name="recognition_invoice"),
            TenantForeignKey(field="entry", name="recognition_entry"),
            models.UniqueConstraint(fields=["tenant", "invoice", "month"], name="recognition_month_unique"),
            models.CheckConstraint(name="recognition_first_of_month", condition=Q(month__day=1)),
            models.CheckConstraint(name="recognition_amount_not_zero", condition=~Q(amount=0)),
            models.CheckConstraint(name="recognition_status_known", condition=Q(status__in=Is.values)),
            models.CheckConstraint(
                name="recognition_recognised_has_entry",
                condition=Q(status__in=ENTERED, entry__isnull=False) | (~Q(status__in=ENTERED) & Q(entry__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "effective_at"], name="recognition_due", condition=Q(status=Is.SCHEDULED)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} in {self.month:%Y-%m}"
