"""Amounts that are reserved before it is known whether they will be spent."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from accounting.enums import HoldStatus
from accounting.models.account import Account
from accounting.models.transfer import Transfer
from common.money import MAX_AMOUNT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation
from tenants.models.base import TenantOwned, Timestamped


class Hold(TenantOwned, Timestamped):
    """`amount` minor units of an account that nothing else may spend, until captured, released or `expires_at`.

    Capturing moves `captured` of it with `transfer` and frees the rest. A trigger keeps the sum of the active ones in
    the account's balance.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )  # fmt: skip
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=HoldStatus.choices, default=HoldStatus.ACTIVE)
    expires_at = models.DateTimeField()  # business time
    transfer = models.ForeignKey(
        Transfer, on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    metadata = models.JSONField(default=dict)

    class Meta:
        constraints = [
            TenantIsolation(name="hold_isolation"),
            TenantForeignKey(field="account", name="hold_account"),
            TenantForeignKey(field="transfer", name="hold_transfer"),
            Audited(name="hold_audit", entity="hold"),
            models.CheckConstraint(name="hold_amount_range", condition=Q(amount__range=(1, MAX_AMOUNT))),
            models.CheckConstraint(name="hold_status_known", condition=Q(status__in=HoldStatus.values)),
            models.CheckConstraint(
                name="hold_captured_within_amount",
                condition=Q(
                    status=HoldStatus.CAPTURED, captured__gte=1, captured__lte=F("amount"), transfer__isnull=False
                )
                | (~Q(status=HoldStatus.CAPTURED) & Q(captured=None, transfer=None)),
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "account", "id"], name="hold_by_account"),
            models.Index(fields=["tenant", "id"], name="hold_newest"),
            models.Index(fields=["tenant", "status", "id"], name="hold_by_status"),
            # What is held now, and what was held at an instant: the active ones, and those that ended since.
            models.Index(
                fields=["tenant", "account"], name="hold_active_by_account", condition=Q(status=HoldStatus.ACTIVE)
            ),
            models.Index(
                fields=["tenant", "account", "updated_at"],
                name="hold_ended_by_account",
                condition=~Q(status=HoldStatus.ACTIVE),
            ),
            models.Index(fields=["expires_at"], name="hold_expiring", condition=Q(status=HoldStatus.ACTIVE)),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} {self.status}"
