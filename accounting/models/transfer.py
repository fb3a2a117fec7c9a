"""Transfers from one account to another."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from accounting.enums import TransferStatus
from accounting.models.journal import JournalEntry
from common.money import MAX_AMOUNT
from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped


class Transfer(TenantOwned, Timestamped):
    """An entry of two lines: `from_account` is debited, `to_account` credited.

    What people wrote about it stands in the entry. Only voiding changes it, once: `void_entry` reverses `entry`. Both
    accounts are known to the triggers of the lines, so that the row has no foreign keys to them.
    """

    from_account_id = models.UUIDField()
    to_account_id = models.UUIDField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=TransferStatus.choices, default=TransferStatus.POSTED)
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    void_entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    void_reason = models.CharField(max_length=500, null=True)  # noqa: DJ001
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001

    class Meta:
        constraints = [
            TenantIsolation(name="transfer_isolation"),
            TenantKey(name="transfer_tenant_key"),
            TenantForeignKey(field="entry", name="transfer_entry"),
            TenantForeignKey(field="void_entry", name="transfer_void_entry"),
            Audited(name="transfer_audit", entity="transfer", events="UPDATE OR DELETE"),
            models.CheckConstraint(name="transfer_amount_range", condition=Q(amount__range=(1, MAX_AMOUNT))),
            models.CheckConstraint(name="transfer_status_known", condition=Q(status__in=TransferStatus.values)),
            models.CheckConstraint(name="transfer_two_accounts", condition=~Q(from_account_id=F("to_account_id"))),
            models.CheckConstraint(
                name="transfer_void_has_entry",
                condition=Q(status=TransferStatus.POSTED, void_entry=None, void_reason=None)
                | Q(status=TransferStatus.VOIDED, void_entry__isnull=False, void_reason__isnull=False),
            ),
            models.UniqueConstraint(fields=["tenant", "entry"], name="transfer_entry_unique"),
        ]
        indexes = [
            models.Index(fields=["tenant", "from_account_id", "id"], name="transfer_by_from"),
            models.Index(fields=["tenant", "to_account_id", "id"], name="transfer_by_to"),
            models.Index(fields=["tenant", "currency", "id"], name="transfer_by_currency"),
            models.Index(
                fields=["tenant", "id"], name="transfer_voided", condition=Q(status=TransferStatus.VOIDED)
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
