"""What timelines show of events and mails, and what the first page says of them."""

from __future__ import annotations

from collections.abc import Sequence

from events.admin.wording import short
from events.enums import DeliveryStatus, MailStatus
from events.models import Event, EventDelivery, Mail
from tenants.backoffice import display
from tenants.backoffice.access import Access
from tenants.backoffice.cards import Card, Line
from tenants.backoffice.panels import Moment
from tenants.backoffice.references import path_of
from tenants.backoffice.subjects import SHOWN, Subject

_BOUND = 1_000


def events_about(access: Access, subjects: Sequence[Subject]) -> list[Moment]:
    """The events of the objects, in real time of publishing."""
    if not access.may("webhooks:read"):
        return []
    ids = [subject.id for subject in subjects]
    rows = Event.objects.filter(tenant_id=access.tenant_id, object_id__in=ids).order_by("-id")[:SHOWN]
    return [
        Moment(row.occurred_at, "event", row.type, href=path_of(Subject("event", row.id)), tone="info") for row in rows
    ]


def mails_about(access: Access, subjects: Sequence[Subject]) -> list[Moment]:
    """The mails about the objects."""
    if not access.may("invoices:read"):
        return []
    ids = [subject.id for subject in subjects]
    rows = Mail.objects.filter(tenant_id=access.tenant_id, object_id__in=ids).order_by("-id")[:SHOWN]
    return [_mail_moment(row) for row in rows]


def _mail_moment(row: Mail) -> Moment:
    to = ", ".join(row.recipients or []) or "an erased address"
    said = {
        MailStatus.SENT.value: f"E-mail sent to {to}",
        MailStatus.FAILED.value: f"E-mail to {to} failed",
    }.get(row.status, f"E-mail to {to} queued")
    detail = short(row.last_error) if row.status == MailStatus.FAILED else row.subject or ""
    tone = display.TONES.get(row.status, "")
    return Moment(
        row.sent_at or row.created_at, "e-mail", said, detail=detail, href=path_of(Subject("mail", row.id)), tone=tone
    )


def state_of_queues(access: Access) -> list[Card]:
    """What awaits people: mails that failed, events that were given up."""
    lines = []
    if access.may("invoices:read"):
        failed = _counted(Mail.objects.filter(tenant_id=access.tenant_id, status=MailStatus.FAILED))
        lines.append(Line("Failed e-mails", failed, "/admin/events/mail/?status=failed", _tone(failed)))
    if access.may("webhooks:read"):
        dead = _counted(EventDelivery.objects.filter(tenant_id=access.tenant_id, status=DeliveryStatus.DEAD))
        lines.append(Line("Events given up", dead, "/admin/events/eventdelivery/", _tone(dead)))
    return [Card("Queues", lines, icon="inbox")] if lines else []


def _counted(rows: object) -> str:
    found = rows.order_by().values("pk")[: _BOUND + 1].count()  # type: ignore[attr-defined]
    return f"{_BOUND:,}+" if found > _BOUND else f"{found:,}"


def _tone(found: str) -> str:
    return "success" if found == "0" else "danger"
