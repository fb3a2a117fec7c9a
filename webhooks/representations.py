"""The objects of the webhooks app as the API shows them: every documented field present."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import EVENT, WEBHOOK_DELIVERY, WEBHOOK_SUBSCRIBER
from webhooks.models import Attempt, Delivery, Subscriber


def subscriber_body(subscriber: Subscriber) -> dict[str, Any]:
    """The object `webhookSubscriber`, without its secret."""
    return {
        "id": encode_id(WEBHOOK_SUBSCRIBER, subscriber.id),
        "object": "webhookSubscriber",
        "name": subscriber.name,
        "url": subscriber.url,
        "events": subscriber.events,
        "active": subscriber.active,
        "secretHint": subscriber.secret_hint,
        "legacySecretHeader": subscriber.legacy_secret_header,
        "disabledReason": subscriber.disabled_reason,
        "metadata": subscriber.metadata,
        "createdAt": format_instant(subscriber.created_at),
        "updatedAt": format_instant(subscriber.updated_at),
    }


def subscriber_with_secret(subscriber: Subscriber, secret: str) -> dict[str, Any]:
    """The same with its secret, for the two answers that show it."""
    return {**subscriber_body(subscriber), "secret": secret}


def delivery_body(delivery: Delivery) -> dict[str, Any]:
    """The object `webhookDelivery`."""
    return {
        "id": encode_id(WEBHOOK_DELIVERY, delivery.id),
        "object": "webhookDelivery",
        "subscriberId": encode_id(WEBHOOK_SUBSCRIBER, delivery.subscriber_id),
        "eventId": encode_id(EVENT, delivery.message_id),
        "event": delivery.event_type,
        "status": delivery.status,
        "attemptCount": delivery.attempts,
        "nextAttemptAt": format_instant(delivery.next_attempt_at) if delivery.next_attempt_at else None,
        "deliveredAt": format_instant(delivery.delivered_at) if delivery.delivered_at else None,
        "createdAt": format_instant(delivery.created_at),
    }


def attempt_body(attempt: Attempt) -> dict[str, Any]:
    """One attempt of a delivery."""
    return {
        "number": attempt.number,
        "at": format_instant(attempt.at),
        "durationMs": attempt.duration_ms,
        "responseStatus": attempt.response_status,
        "responseBody": attempt.response_body,
        "error": attempt.error,
    }


def delivery_with_attempts(delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """The object `webhookDelivery` with its log."""
    return {**delivery_body(delivery), "attempts": [attempt_body(one) for one in attempts]}
