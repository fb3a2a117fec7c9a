"""One event on its way to one subscriber, and the log of what was tried."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from events.models import LeasedWork
from tenants.isolation import TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned
from webhooks.enums import FINAL_STATUSES, OPEN_STATUSES, DeliveryStatus
from webhooks.models.message import Message
from webhooks.models.subscriber import Subscriber

MAX_RESPONSE_CHARACTERS = 65536


class Delivery(TenantOwned, LeasedWork):
    """One event for one subscriber. All times are real.

    `attempts` counts those that were begun, over the whole life, and numbers them; `failures` those that failed since
    the delivery was made or asked for again, which choose the next pause; `abandoned` those whose worker died.
    """

    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="deliveries"
    )
    message = models.ForeignKey(
        Message, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="deliveries"
    )
    event_type = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=DeliveryStatus.choices, default=DeliveryStatus.PENDING)
    failures = models.SmallIntegerField(default=0)
    abandoned = models.SmallIntegerField(default=0)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="callback_isolation"),
            TenantKey(name="callback_tenant_key"),
            TenantForeignKey(field="subscriber", name="callback_subscriber"),
            TenantForeignKey(field="message", name="callback_message"),
            models.UniqueConstraint(fields=["message", "subscriber"], name="callback_once_per_subscriber"),
            models.CheckConstraint(name="callback_status_known", condition=Q(status__in=DeliveryStatus.values)),
            models.CheckConstraint(
                name="callback_attempts_counted",
                condition=Q(failures__gte=0, abandoned__gte=0, attempts__gte=F("failures")),
            ),
            models.CheckConstraint(
                name="callback_open_has_next_attempt",
                condition=Q(status__in=OPEN_STATUSES, next_attempt_at__isnull=False)
                | Q(status__in=FINAL_STATUSES, next_attempt_at__isnull=True),
            ),
            models.CheckConstraint(
                name="callback_lease_while_delivering",
                condition=Q(status="delivering", lease_token__isnull=False, lease_until=F("next_attempt_at"))
                | (~Q(status="delivering") & Q(lease_token__isnull=True, lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="callback_delivered_has_time", condition=~Q(status="succeeded") | Q(delivered_at__isnull=False)
            ),
        ]
        indexes = [
            models.Index(
                fields=["subscriber", "next_attempt_at", "id"],
                name="callback_due",
                condition=Q(status__in=OPEN_STATUSES),
            ),
            models.Index(fields=["subscriber", "id"], name="callback_of_subscriber"),
            models.Index(fields=["tenant", "id"], name="callback_dead", condition=Q(status="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} to {self.subscriber_id}: {self.status}"


class Attempt(TenantOwned):
    """One attempt, as it ended. `at` is the real time of its beginning; `error` says why it was no success.

    `response_body` holds what was kept of the answer, at most 64 KiB, read as UTF-8. Both it and `error` are null once
    erased.
    """

    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="attempt_log"
    )
    number = models.SmallIntegerField()
    at = models.DateTimeField()
    duration_ms = models.IntegerField()
    response_status = models.SmallIntegerField(null=True)
    response_body = models.TextField(null=True)  # noqa: DJ001
    error = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        constraints = [
            TenantIsolation(name="attempt_isolation"),
            TenantForeignKey(field="delivery", name="attempt_delivery"),
            models.UniqueConstraint(fields=["delivery", "number"], name="attempt_numbered_once"),
            models.CheckConstraint(name="attempt_number_positive", condition=Q(number__gte=1)),
            models.CheckConstraint(name="attempt_duration_positive", condition=Q(duration_ms__gte=0)),
            models.CheckConstraint(name="attempt_status_shape", condition=Q(response_status__range=(100, 999))),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}"
