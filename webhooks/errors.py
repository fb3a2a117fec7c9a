"""What the webhooks app refuses, each with its code."""

from common.errors import Conflict, RuleViolation


class SubscriberInactive(Conflict):
    """409: a subscriber that is switched off is sent nothing, not even a test."""

    code = "subscriber_inactive"
    message = "The subscriber is not active. Activate it first."


class SubscriberDeleted(Conflict):
    """409: the delivery's subscriber was deleted."""

    code = "subscriber_deleted"
    message = "The subscriber of this delivery was deleted."


class DeliveryInProgress(Conflict):
    """409: an attempt is under way now."""

    code = "delivery_in_progress"
    message = "An attempt is under way. Try again when it has ended."


class ContentErased(Conflict):
    """409: the content was erased, so it cannot be sent any more."""

    code = "content_erased"
    message = "The content of this event was erased. It cannot be sent again."


class EventNotPublic(RuleViolation):
    """422: events of this type never leave Ledger."""

    code = "event_not_public"
    message = "Events of this type are not sent to subscribers."
