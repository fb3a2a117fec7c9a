"""The body of a callback, built once: `data` is the event's own text, byte for byte."""

from __future__ import annotations

import datetime as dt
from typing import Final
from uuid import UUID

import orjson

from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import EVENT, TENANT, WEBHOOK_SUBSCRIBER

PING: Final = "ping"
"""The type of a test; nobody can subscribe to it."""


def callback_body(*, event_id: UUID, event_type: str, data: str, occurred_at: dt.datetime, tenant_id: UUID) -> bytes:
    """`{"id", "event", "data", "timestamp", "tenantId"}`, where `data` is JSON text that is not touched."""
    return (
        f'{{"id":"{encode_id(EVENT, event_id)}","event":"{event_type}","data":{data},'
        f'"timestamp":"{format_instant(occurred_at)}","tenantId":"{encode_id(TENANT, tenant_id)}"}}'
    ).encode()


def ping_data(subscriber_id: UUID) -> str:
    """The data of a test: whom it is for."""
    return orjson.dumps({"object": "ping", "subscriberId": encode_id(WEBHOOK_SUBSCRIBER, subscriber_id)}).decode()
