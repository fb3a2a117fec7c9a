"""Reads of the events app, all in the tenant's scope unless they say otherwise."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from events.enums import DeliveryStatus, MailStatus
from events.models import Event, EventDelivery, Mail


@dataclass(frozen=True, slots=True)
class Health:
    """The state of one tenant's events. `overdue` and `orphaned` must be 0; `dead` and `mail_failed` await people."""

    undispatched: int
    overdue: int
    orphaned: int
    open_deliveries: int
    dead: int
    mail_open: int
    mail_failed: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, over all tenants; each number stops at 100,000. `oldest` is the id of the oldest waiting event.

    `mail_due_since`: when the longest due mail became due; may lie in the future, and is None without mail.
    """

    events_pending: int
    oldest: UUID | None
    deliveries_open: int
    dead: int
    mail_open: int
    mail_failed: int
    mail_due_since: dt.datetime | None


def first_id_at(at: dt.datetime) -> UUID:
    """The smallest UUIDv7 made at or after the instant `at` (real time), to the millisecond."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62)


def get_health(*, tenant_id: UUID, overdue_before: dt.datetime) -> Health:
    """Count the tenant's open and stranded work. Undispatched events published before `overdue_before` are overdue."""
    undispatched = Event.objects.filter(tenant_id=tenant_id, dispatched_at__isnull=True)
    deliveries = EventDelivery.objects.filter(tenant_id=tenant_id)
    mails = Mail.objects.filter(tenant_id=tenant_id)
    return Health(
        undispatched=undispatched.count(),
        overdue=undispatched.filter(id__lt=first_id_at(overdue_before)).count(),
        orphaned=deliveries.filter(~Exists(Event.objects.filter(id=OuterRef("event_id")))).count(),
        open_deliveries=deliveries.filter(status__in=[DeliveryStatus.PENDING, DeliveryStatus.DELIVERING]).count(),
        dead=deliveries.filter(status=DeliveryStatus.DEAD).count(),
        mail_open=mails.filter(status__in=[MailStatus.QUEUED, MailStatus.SENDING]).count(),
        mail_failed=mails.filter(status=MailStatus.FAILED).count(),
    )


def get_backlog() -> Backlog:
    """Counts over all tenants, for metrics; crosses tenants through its own function, which returns numbers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT events_pending, oldest, deliveries_open, dead, mail_open, mail_failed, since "
            "FROM events_backlog(), events_mail_oldest()"
        )
        row = cursor.fetchone()
    assert row is not None
    return Backlog(*row)


def mails_about(*, tenant_id: UUID, object_type: str, object_id: UUID) -> QuerySet[Mail]:
    """The mails about an object, newest first."""
    return Mail.objects.filter(tenant_id=tenant_id, object_type=object_type, object_id=object_id).order_by("-id")


def unsent_about(*, tenant_id: UUID, object_type: str, object_id: UUID) -> QuerySet[Mail]:
    """The mails about an object that wait or were given up, and have not been erased."""
    return mails_about(tenant_id=tenant_id, object_type=object_type, object_id=object_id).filter(
        status__in=[MailStatus.QUEUED, MailStatus.FAILED], subject__isnull=False
    )


def latest_mail(*, tenant_id: UUID, object_type: str, object_id: UUID) -> Mail | None:
    """The newest mail about an object, or None."""
    return mails_about(tenant_id=tenant_id, object_type=object_type, object_id=object_id).first()
