"""Publishing: the outbox row is written in the transaction of what it tells, and commits with it or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson
import psycopg
from django.db import ProgrammingError, connection, transaction

from common.ids import new_id
from events import wakeup
from events.domain import DomainEvent
from events.errors import PublishedOutsideScope

_INSERT: Final = """
INSERT INTO events_event (id, tenant_id, type, object_type, object_id, data, occurred_at, trace_id)
SELECT e.id, %s::uuid, e.type, e.object_type, e.object_id, COALESCE(e.data, %s::text), e.occurred_at,
    COALESCE(NULLIF(%s, ''), NULLIF(current_setting('ledger.context', true), '')::jsonb ->> 'traceId', '')
FROM json_to_recordset(%s::json)
    AS e (id uuid, type text, object_type text, object_id uuid, data text, occurred_at timestamptz)
"""


def publish(event: DomainEvent, *, tenant_id: UUID, trace_id: str = "") -> UUID:
    """Write the event to the outbox in the caller's transaction and return its id. See `publish_all`."""
    return publish_all([event], tenant_id=tenant_id, trace_id=trace_id)[0]


def publish_all(events: Sequence[DomainEvent], *, tenant_id: UUID, trace_id: str = "") -> list[UUID]:
    """Write several events with one INSERT, in their order, and return their ids; after the commit wake the dispatcher.

    Without `trace_id` that of the scope is taken. Raises `PublishedOutsideScope` outside `tenant_scope(tenant_id)`:
    the event would not commit together with its cause. In another tenant's scope it is refused in the same way, by the
    database, and the transaction is lost.
    """
    if not connection.in_atomic_block:
        raise PublishedOutsideScope(
            "Publish inside tenant_scope(): an event commits together with what it tells about."
        )
    if not events:
        return []
    ids = [new_id() for _ in events]
    rendered = [event.rendered() for event in events]
    # What all events say is sent once, as it is: half a megabyte for an invoice of a thousand lines.
    shared = rendered[0] if rendered.count(rendered[0]) == len(rendered) else None
    # One JSON text: the driver escapes the texts of an array character by character.
    rows = [
        {
            "id": one, "type": event.type, "object_type": event.object_type, "object_id": event.object_id,
            "data": None if shared else data, "occurred_at": event.occurred_at,
        }
        for one, event, data in zip(ids, events, rendered, strict=True)
    ]  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [tenant_id, shared, trace_id, orjson.dumps(rows).decode()])
    except ProgrammingError as refused:
        if isinstance(refused.__cause__, psycopg.errors.InsufficientPrivilege):
            raise PublishedOutsideScope(
                f"The transaction is not that of the tenant {tenant_id}: publish inside its tenant_scope()."
            ) from refused
        raise
    transaction.on_commit(wakeup.nudge)
    return ids
