"""Seals over the journal, and the balances they fix."""

from __future__ import annotations

from django.db import models

from accounting.models.journal import JournalEntry
from tenants.isolation import TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned


class Seal(TenantOwned):
    """A block of entries in the order in which their transactions ended, chained to the block before.

    `root` is the Merkle root of the entries' digests, `head` = SHA-256 of the previous head, the number, the count and
    the root (`accounting.sealing`). `horizon`: every transaction below it had ended when the block was made and all
    its entries are sealed; `SealProgress` says where to go on. `sealed_at` is real time: a seal records an act.
    """

    number = models.BigIntegerField()  # 1, 2, 3 … for each tenant, without a gap
    entry_count = models.IntegerField()
    root = models.BinaryField(max_length=32)
    previous_head = models.BinaryField(max_length=32)  # 32 zero bytes before the first
    head = models.BinaryField(max_length=32)
    horizon = models.BigIntegerField()
    sealed_at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantIsolation(name="seal_isolation"),
            TenantKey(name="seal_tenant_key"),
            TenantForeignKey(field="tenant", name="seal_tenant"),
            models.UniqueConstraint(fields=["tenant", "number"], name="seal_number_unique"),
            models.CheckConstraint(name="seal_number_positive", condition=models.Q(number__gte=1)),
            models.CheckConstraint(name="seal_not_empty", condition=models.Q(entry_count__gte=1)),
        ]

    def __str__(self) -> str:
        return f"Seal {self.number}"


class SealedEntry(TenantOwned):
    """The place of an entry in its seal: the leaf `position`, from 0."""

    id = None  # type: ignore[assignment]
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, primary_key=True, db_column="id", db_constraint=False,
        related_name="sealed",
    )  # fmt: skip
    seal = models.ForeignKey(Seal, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="leaves")
    position = models.IntegerField()

    class Meta:
        constraints = [
            TenantIsolation(name="sealed_entry_isolation"),
            TenantForeignKey(field="entry", name="sealed_entry_entry"),
            TenantForeignKey(field="seal", name="sealed_entry_seal"),
            models.UniqueConstraint(fields=["tenant", "seal", "position"], name="sealed_entry_position_unique"),
        ]

    def __str__(self) -> str:
        return f"Leaf {self.position}"


class Checkpoint(TenantOwned):
    """The balance of an account through a line: the sum of all its sealed lines up to (`line_at`, `line_id`).

    Made by the sealer every few hundred lines, so that a balance at any instant costs the same however long the history
    is. `balance` is credit − debit, whatever the type of the account. A late line changes the checkpoints after it.
    """

    account = models.ForeignKey(
        "accounting.Account", on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    line_at = models.DateTimeField()
    line_id = models.UUIDField()
    balance = models.BigIntegerField()

    class Meta:
        constraints = [
            TenantIsolation(name="checkpoint_isolation"),
            TenantForeignKey(field="account", name="checkpoint_account"),
            models.UniqueConstraint(fields=["tenant", "account", "line_at", "line_id"], name="checkpoint_line_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.balance} at {self.line_at}"
