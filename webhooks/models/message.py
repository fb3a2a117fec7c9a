"""What is sent: the bytes of one event, once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from tenants.isolation import TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned


class Message(TenantOwned):
    """The body of one event's callbacks. Every attempt at every subscriber sends exactly these bytes.

    `id` is that of the event, so a pair of rows needs no link; a `ping` has no event. Written once: a trigger lets
    only the eraser's NULL into `body`. `occurred_at` is business time, `created_at` the real time of the fan-out.
    """

    event_type = models.CharField(max_length=64)
    body = models.BinaryField(null=True)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantIsolation(name="message_isolation"),
            TenantKey(name="message_tenant_key"),
            TenantForeignKey(field="tenant", name="message_tenant"),
            models.CheckConstraint(name="message_type_not_empty", condition=~Q(event_type="")),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.id}"
