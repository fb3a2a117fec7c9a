"""The outbox, the deliveries to subscribers, and the mail queue."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from events.enums import DeliveryStatus, MailStatus
from tenants.isolation import TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned


class Event(TenantOwned):
    """A fact, written in the transaction that made it true. Append-only: a trigger lets only `dispatched_at` change,
    and an eraser take what names somebody out of `data`.

    Hot paths write this table from SQL of their own and name exactly `id`, `tenant_id`, `type`, `object_type`,
    `object_id`, `data`, `occurred_at` and `trace_id`; everything else has a default in the database. It has no foreign
    key to the tenant, which every insert of every tenant would have to lock. The order of ids is the order of
    publishing within a process, not that of commits.
    """

    type = models.CharField(max_length=64)  # "invoice.paid"
    object_type = models.CharField(max_length=32)  # the object's name in the API: "invoice"
    object_id = models.UUIDField()
    data = models.TextField()  # the JSON object exactly as the API shows it, byte for byte
    occurred_at = models.DateTimeField()  # business time
    trace_id = models.CharField(max_length=64, blank=True)
    version = models.SmallIntegerField(db_default=1)  # of the shape of `data`
    dispatched_at = models.DateTimeField(null=True)  # real time; null until the dispatcher has made its deliveries

    class Meta:
        constraints = [
            TenantIsolation(name="event_isolation"),
            TenantKey(name="event_tenant_key"),
        ]
        indexes = [
            models.Index(fields=["id"], name="event_undispatched", condition=Q(dispatched_at__isnull=True)),
            # What happened to one object: its history for people, and what has to be erased with it.
            models.Index(fields=["tenant", "object_id"], name="event_by_object"),
        ]

    def __str__(self) -> str:
        return self.type


class LeasedWork(models.Model):
    """Work that a process claims for a while and that anybody may claim again when that while has passed.

    `next_attempt_at` is set exactly while the work is open; during an attempt it is the end of the lease, so that one
    index finds what is due and what was abandoned. `lease_token` changes with each claim: whoever comes late with an
    old one can record nothing. All times here are real time.
    """

    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    last_error = models.TextField(null=True)  # noqa: DJ001 - null is "none so far"

    class Meta:
        abstract = True


class EventDelivery(TenantOwned, LeasedWork):
    """One event on its way to one subscriber. Finished when the subscriber's effects have committed, with them."""

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="deliveries"
    )
    subscriber = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    created_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="delivery_isolation"),
            TenantForeignKey(field="event", name="delivery_event"),
            models.UniqueConstraint(fields=["event", "subscriber"], name="delivery_once_per_subscriber"),
            models.CheckConstraint(name="delivery_status_known", condition=Q(status__in=DeliveryStatus.values)),
            models.CheckConstraint(name="delivery_attempts_counted", condition=Q(attempts__gte=0)),
            models.CheckConstraint(
                name="delivery_open_has_next_attempt",
                condition=Q(status__in=["pending", "delivering"], next_attempt_at__isnull=False)
                | Q(status__in=["succeeded", "dead"], next_attempt_at__isnull=True),
            ),
            models.CheckConstraint(
                name="delivery_lease_while_delivering",
                condition=Q(status="delivering", lease_token__isnull=False, lease_until=F("next_attempt_at"))
                | (~Q(status="delivering") & Q(lease_token__isnull=True, lease_until__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                name="delivery_due",
                condition=Q(status__in=["pending", "delivering"]),
            ),
            models.Index(fields=["tenant", "event"], name="delivery_dead", condition=Q(status="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.subscriber}: {self.status}"


class Mail(TenantOwned, LeasedWork):
    """A mail to be sent once. Addresses and content are personal data: only the eraser nulls them.

    `message_id` is the same on every attempt, so that a receiver recognises a repeat: a mail whose sender died between
    the server's answer and our record of it is sent again. Files are named, not kept: `attachments` is a list of
    `{"kind", "id"}`, which `events.attachments` turns into bytes at each attempt.
    """

    sender = models.CharField(max_length=320, blank=True)  # empty: whatever the tenant's settings say when it leaves
    recipients = ArrayField(models.CharField(max_length=320), null=True)
    reply_to = models.CharField(max_length=320, null=True)  # noqa: DJ001
    subject = models.TextField(null=True)  # noqa: DJ001
    text = models.TextField(null=True)  # noqa: DJ001
    html = models.TextField(null=True)  # noqa: DJ001
    attachments = models.JSONField(default=list)
    message_id = models.CharField(max_length=320)
    object_type = models.CharField(max_length=32, blank=True)  # what the mail is about: "invoice"
    object_id = models.UUIDField(null=True)
    status = models.CharField(max_length=16, choices=MailStatus.choices, default=MailStatus.QUEUED)
    created_at = models.DateTimeField()  # business time
    sent_at = models.DateTimeField(null=True)  # real time

    class Meta:
        constraints = [
            TenantIsolation(name="mail_isolation"),
            TenantForeignKey(field="tenant", name="mail_tenant"),
            models.UniqueConstraint(fields=["message_id"], name="mail_message_id_unique"),
            models.CheckConstraint(name="mail_status_known", condition=Q(status__in=MailStatus.values)),
            models.CheckConstraint(name="mail_attempts_counted", condition=Q(attempts__gte=0)),
            models.CheckConstraint(
                name="mail_open_has_next_attempt",
                condition=Q(status__in=["queued", "sending"], next_attempt_at__isnull=False)
                | Q(status__in=["sent", "failed"], next_attempt_at__isnull=True),
            ),
            models.CheckConstraint(
                name="mail_lease_while_sending",
                condition=Q(status="sending", lease_token__isnull=False, lease_until=F("next_attempt_at"))
                | (~Q(status="sending") & Q(lease_token__isnull=True, lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="mail_sent_has_time",
                condition=Q(status="sent", sent_at__isnull=False) | (~Q(status="sent") & Q(sent_at__isnull=True)),
            ),
        ]
        indexes = [
            # By tenant first: who has ten thousand mails waiting must not stand before everybody else.
            models.Index(
                fields=["tenant", "next_attempt_at", "id"],
                name="mail_due_of_tenant",
                condition=Q(status__in=["queued", "sending"]),
            ),
            models.Index(fields=["tenant", "id"], name="mail_failed", condition=Q(status="failed")),
            models.Index(fields=["tenant", "object_id"], name="mail_by_object"),
            models.Index(fields=["tenant", "id"], name="mail_by_tenant"),
        ]

    def __str__(self) -> str:
        return f"mail {self.id}: {self.status}"
