"""What the walk through the back office looks at in events."""

from __future__ import annotations

from typing import Any

from common.ids import new_id
from events.domain import DomainEvent
from events.enums import DeliveryStatus
from events.models import Event, EventDelivery, Mail
from events.publishing import publish
from events.services.mail import queue_mail
from tenants.models import Tenant
from tests.conftest import AT
from tests.tenants.backoffice.rows import maker


@maker(Event)
def _event(tenant: Tenant, user: Any) -> Any:
    fact = DomainEvent(
        type="thing.happened", object_type="thing", object_id=new_id(), data={"id": "thing"}, occurred_at=AT
    )
    return Event.objects.get(id=publish(fact, tenant_id=tenant.id))


@maker(EventDelivery)
def _delivery(tenant: Tenant, user: Any) -> Any:
    event = _event(tenant, user)
    Event.objects.filter(id=event.id).update(dispatched_at=AT)
    return EventDelivery.objects.create(
        id=new_id(), tenant_id=tenant.id, event_id=event.id, subscriber="tests.nobody", status=DeliveryStatus.DEAD,
        attempts=8, last_error="RuntimeError: no", created_at=AT,
    )  # fmt: skip


@maker(Mail)
def _mail(tenant: Tenant, user: Any) -> Any:
    return queue_mail(
        tenant_id=tenant.id, to=["ada@example.com"], subject="Your invoice", text="Here it is.", at=AT, now=AT,
        object_type="invoice", object_id=new_id(),
    )  # fmt: skip
