"""The events of an invoice. Their data is the invoice as the API shows it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from events.domain import DomainEvent
from events.publishing import publish_all
from invoicing.enums import InvoiceStatus

CREATED = "invoice.created"
FINALISED = "invoice.finalised"
PAID = "invoice.paid"
VOIDED = "invoice.voided"
PAST_DUE = "invoice.past_due"
UNCOLLECTIBLE = "invoice.uncollectible"


def announced_by_issuing(status: str, *, created: bool) -> list[str]:
    """What is announced when a document gets its number: `paid` too when there is nothing to pay."""
    types = [CREATED] if created else []
    types.append(FINALISED)
    if status == InvoiceStatus.PAID:
        types.append(PAID)
    return types


def announce(
    types: Iterable[str], *, tenant_id: UUID, invoice_id: UUID, body: dict[str, Any], at: dt.datetime, trace_id: str
) -> None:
    """Publish events of one invoice in the caller's transaction."""
    data = orjson.dumps(body).decode()
    events = [
        DomainEvent(type=name, object_type="invoice", object_id=invoice_id, data=data, occurred_at=at) for name in types
    ]
    publish_all(events, tenant_id=tenant_id, trace_id=trace_id)
