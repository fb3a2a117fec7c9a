"""Credit that is granted with conditions: in which order it is spent, and until when."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from accounting.enums import GrantSource, GrantStatus
from accounting.models.account import Account
from accounting.models.journal import JournalEntry
from common.money import MAX_AMOUNT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped

MAX_PRIORITY = 255
GRANTS_COVERED = "grants_are_covered"


class Grant(TenantOwned, Timestamped):
    """`amount` minor units of credit on an account that owes it, spent before other grants of a higher `priority`.

    It becomes part of the balance at `effective_at`, by an entry, and leaves it at `expires_at` with what is left, by
    another. `remaining` is what was not spent, expired or revoked; the trigger of the lines takes from it and nobody
    else may. Of what remains in the end at most `rollover_max` moves into a new grant (`rolled_from` is this one), and
    nothing when it is less than `rollover_min`.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )  # fmt: skip
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField()
    currency = models.CharField(max_length=16)  # the account's
    source = models.CharField(max_length=16, choices=GrantSource.choices, default=GrantSource.PROMOTIONAL)
    priority = models.SmallIntegerField(default=50)  # lower first
    effective_at = models.DateTimeField()  # business time, as the next
    expires_at = models.DateTimeField(null=True)
    rollover_min = models.BigIntegerField(null=True)
    rollover_max = models.BigIntegerField(null=True)
    rolled_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    status = models.CharField(max_length=16, choices=GrantStatus.choices, default=GrantStatus.SCHEDULED)
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="grant_isolation"),
            TenantKey(name="grant_tenant_key"),
            TenantForeignKey(field="account", name="grant_account"),
            TenantForeignKey(field="rolled_from", name="grant_rolled_from"),
            Audited(
                name="grant_audit",
                entity="grant",
                ignored=("updated_at", "remaining"),
                verbs={"active": "activated"},
            ),
            models.CheckConstraint(name="grant_amount_range", condition=Q(amount__range=(1, MAX_AMOUNT))),
            models.CheckConstraint(
                name="grant_remaining_range", condition=Q(remaining__gte=0, remaining__lte=F("amount"))
            ),
            models.CheckConstraint(name="grant_source_known", condition=Q(source__in=GrantSource.values)),
            models.CheckConstraint(name="grant_priority_range", condition=Q(priority__range=(0, MAX_PRIORITY))),
            models.CheckConstraint(
                name="grant_status_fits_remaining",
                condition=Q(status=GrantStatus.ACTIVE, remaining__gte=1)
                | Q(status=GrantStatus.SCHEDULED, remaining=F("amount"))
                | Q(status__in=[GrantStatus.USED, GrantStatus.EXPIRED, GrantStatus.REVOKED], remaining=0),
            ),
            models.CheckConstraint(
                name="grant_expires_after_it_begins",
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("effective_at")),
            ),
            models.CheckConstraint(
                name="grant_rollover_is_a_range",
                condition=Q(rollover_min=None, rollover_max=None)
                | Q(
                    rollover_min__gte=0,
                    rollover_max__gte=F("rollover_min"),
                    rollover_max__range=(1, MAX_AMOUNT),
                    expires_at__isnull=False,
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "account"], name="grant_live",
                condition=Q(status__in=[GrantStatus.SCHEDULED, GrantStatus.ACTIVE]),
            ),
            models.Index(fields=["tenant", "account", "id"], name="grant_by_account"),
            models.Index(fields=["tenant", "id"], name="grant_newest"),
            models.Index(fields=["tenant", "status", "id"], name="grant_by_status"),
            models.Index(fields=["effective_at"], name="grant_beginning", condition=Q(status=GrantStatus.SCHEDULED)),
            models.Index(
                fields=["expires_at"], name="grant_expiring",
                condition=Q(status=GrantStatus.ACTIVE, expires_at__isnull=False),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.remaining} of {self.amount} {self.currency}, {self.status}"


class GrantUse(TenantOwned):
    """What one line of an entry took from a grant, or, below zero, gave back. Written by the trigger of the lines.

    A line that takes is a debit, one that gives back the credit at the same `position` of the reversing entry. Their
    sum is what the amount of the grant lacks.
    """

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="uses")
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    position = models.SmallIntegerField()
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(editable=False)  # the entry's

    class Meta:
        constraints = [
            TenantIsolation(name="grant_use_isolation"),
            TenantForeignKey(field="grant", name="grant_use_grant"),
            TenantForeignKey(field="entry", name="grant_use_entry"),
            models.UniqueConstraint(fields=["tenant", "entry", "position", "grant"], name="grant_use_once_per_line"),
            models.CheckConstraint(
                name="grant_use_amount_range", condition=Q(amount__range=(-MAX_AMOUNT, MAX_AMOUNT)) & ~Q(amount=0)
            ),
        ]
        indexes = [models.Index(fields=["tenant", "grant"], name="grant_use_by_grant")]

    def __str__(self) -> str:
        return str(self.amount)
