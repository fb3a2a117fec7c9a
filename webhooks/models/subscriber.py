"""Who is called when something happens."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from tenants.isolation import Audited, TenantForeignKey, TenantIsolation, TenantKey
from tenants.models.base import TenantOwned, Timestamped
from webhooks.enums import DisabledReason

STATE_COLUMNS = ("failing_since", "last_success_at", "last_failure_at", "selection_since")


class Subscriber(TenantOwned, Timestamped):
    """A URL that is called with each event that one of the patterns in `events` matches.

    Deleted ones keep their row, because their deliveries name it, but lose their secrets. Real time:
    `previous_secret_until` (the end of the overlap after a rotation), `selection_since` (since when `events` and
    `active` are as they are), `failing_since` (the first failure since the last success), and both `last_…_at`, which
    may lag a few seconds.
    """

    name = models.CharField(max_length=255)
    url = models.CharField(max_length=2048)
    events = ArrayField(models.CharField(max_length=64))
    active = models.BooleanField(default=True)
    legacy_secret_header = models.BooleanField(default=False)
    secret_encrypted = models.TextField(null=True)  # noqa: DJ001 - null once deleted
    secret_hint = models.CharField(max_length=8)
    previous_secret_encrypted = models.TextField(null=True)  # noqa: DJ001
    previous_secret_until = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=16, choices=DisabledReason.choices, null=True)  # noqa: DJ001
    metadata = models.JSONField(default=dict)
    deleted_at = models.DateTimeField(null=True)  # business time
    selection_since = models.DateTimeField()
    failing_since = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_failure_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantIsolation(name="subscriber_isolation"),
            TenantKey(name="subscriber_tenant_key"),
            TenantForeignKey(field="tenant", name="subscriber_tenant"),
            Audited(
                name="subscriber_audit", entity="webhookSubscriber",
                hidden=["secret_encrypted", "previous_secret_encrypted"], ignored=["updated_at", *STATE_COLUMNS],
            ),
            models.CheckConstraint(name="subscriber_name_not_empty", condition=~Q(name="")),
            models.CheckConstraint(name="subscriber_url_is_http", condition=Q(url__iregex="^https?://")),
            models.CheckConstraint(name="subscriber_wants_something", condition=Q(events__len__gte=1)),
            models.CheckConstraint(
                name="subscriber_disabled_reason_known", condition=Q(disabled_reason__in=DisabledReason.values)
            ),
            models.CheckConstraint(
                name="subscriber_disabled_has_reason",
                condition=Q(active=True, disabled_reason__isnull=True) | Q(active=False, disabled_reason__isnull=False),
            ),
            models.CheckConstraint(
                name="subscriber_deleted_keeps_no_secret",
                condition=Q(deleted_at__isnull=True, secret_encrypted__isnull=False)
                | Q(
                    deleted_at__isnull=False, active=False, secret_encrypted__isnull=True,
                    previous_secret_encrypted__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="subscriber_previous_secret_ends",
                condition=Q(previous_secret_encrypted__isnull=True, previous_secret_until__isnull=True)
                | Q(previous_secret_encrypted__isnull=False, previous_secret_until__isnull=False),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["tenant", "id"], name="subscriber_live", condition=Q(deleted_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.name
