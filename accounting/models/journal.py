"""The journal: entries and their lines, written once."""

from __future__ import annotations

import datetime as dt

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from accounting.enums import Side
from common.money import MAX_AMOUNT
from tenants.isolation import TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned

MIN_LINES, MAX_LINES = 2, 100
TIMES = (dt.datetime(1, 1, 2, tzinfo=dt.UTC), dt.datetime(9999, 12, 30, tzinfo=dt.UTC))
ENTRY_FACT_UNIQUE = "entry_fact_unique"
ENTRY_BATCH_UNIQUE = "entry_batch_unique"
ENTRY_REVERSED_ONCE = "entry_reversed_once"


class JournalEntry(TenantOwned):
    """One fact in the books: lines whose debits equal their credits in every unit. Never changed, never deleted.

    Entry and lines are written in one statement; triggers refuse an entry without exactly its lines and lines for an
    entry of another statement. `kind` says which fact it is and `source` what it is about: one fact is posted once. A
    correction is an entry that `reverses` this one, once.

    What people wrote (`description`, `metadata`) may be personal: with the `salt` it makes the `text_digest`, which the
    `digest` of the entry covers, and an eraser sets all three to NULL. `evidence` is the digest of a document that the
    entry stands for. `xid` is the transaction that wrote it: seals are made in the order in which transactions end.
    """

    kind = models.CharField(max_length=48)
    source_type = models.CharField(max_length=32, null=True)  # noqa: DJ001
    source_id = models.UUIDField(null=True)
    batch_id = models.CharField(max_length=255, null=True)  # noqa: DJ001 - the caller's own name for it
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    line_count = models.SmallIntegerField()
    description = models.TextField(null=True)  # noqa: DJ001
    metadata = models.JSONField(null=True)
    salt = models.BinaryField(max_length=16, null=True)
    text_digest = models.BinaryField(max_length=32, null=True)
    evidence = models.BinaryField(max_length=32, null=True)
    digest = models.BinaryField(max_length=32)
    xid = models.BigIntegerField(db_default=RawSQL("(pg_current_xact_id()::text)::bigint", []), editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        constraints = [
            TenantIsolation(name="entry_isolation"),
            TenantKey(name="entry_tenant_key"),
            TenantForeignKey(field="tenant", name="entry_tenant"),
            TenantForeignKey(field="reverses", name="entry_reversed"),
            models.UniqueConstraint(
                fields=["tenant", "source_id", "kind"], name=ENTRY_FACT_UNIQUE, condition=Q(source_id__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["tenant", "batch_id"], name=ENTRY_BATCH_UNIQUE, condition=Q(batch_id__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["tenant", "reverses"], name=ENTRY_REVERSED_ONCE, condition=Q(reverses__isnull=False)
            ),
            models.CheckConstraint(
                name="entry_line_count_range", condition=Q(line_count__range=(MIN_LINES, MAX_LINES))
            ),
            models.CheckConstraint(
                name="entry_source_has_type",
                condition=Q(source_type__isnull=True, source_id__isnull=True)
                | Q(source_type__isnull=False, source_id__isnull=False),
            ),
            # PostgreSQL knows times that Python cannot read, infinity among them: one such entry, which nobody may
            # delete, would end every list of entries and the proof of the books. Lines have the time of their entry.
            models.CheckConstraint(name="entry_time_readable", condition=Q(created_at__range=TIMES)),
        ]
        indexes = [models.Index(fields=["tenant", "xid", "id"], name="entry_by_transaction")]
        verbose_name_plural = "journal entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class JournalLine(TenantOwned):
    """One side of an entry: `amount` minor units of the account's unit, debited or credited. Never changed.

    `account_id` has no foreign key: every invoice of a tenant would lock the rows of the same few accounts. The trigger
    that checks the entry looks each account up and refuses what it does not see, and no account is ever deleted.
    """

    entry = models.ForeignKey(
        JournalEntry, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="lines"
    )
    position = models.SmallIntegerField()
    account_id = models.UUIDField()
    side = models.CharField(max_length=6, choices=Side.choices)
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(editable=False)  # the entry's

    class Meta:
        constraints = [
            TenantIsolation(name="line_isolation"),
            TenantForeignKey(field="entry", name="line_entry"),
            models.UniqueConstraint(fields=["tenant", "entry", "position"], name="line_position_unique"),
            models.CheckConstraint(name="line_side_known", condition=Q(side__in=Side.values)),
            models.CheckConstraint(name="line_amount_range", condition=Q(amount__range=(1, MAX_AMOUNT))),
        ]
        indexes = [
            models.Index(fields=["tenant", "account_id", "created_at", "id"], name="line_by_account"),
            models.Index(fields=["tenant", "account_id", "entry"], name="line_by_account_entry"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.amount}"
