"""Closed lists of the webhooks app."""

from django.db.models import TextChoices


class DeliveryStatus(TextChoices):
    """The life of one event on its way to one subscriber."""

    PENDING = "pending"  # due, not attempted since it was made or asked for again
    DELIVERING = "delivering"  # an attempt is under way, or its worker died
    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the last attempt failed, the next one is planned
    DEAD = "dead"  # given up; `retry` begins anew
    CANCELLED = "cancelled"  # the subscriber was deleted, or the content erased


class DeliveryCommand(TextChoices):
    """What can be done to a delivery."""

    CLAIM = "claim"
    HAND_BACK = "hand_back"
    SUCCEED = "succeed"
    FAIL = "fail"
    GIVE_UP = "give_up"
    CANCEL = "cancel"
    RETRY = "retry"


class DisabledReason(TextChoices):
    """Why a subscriber gets nothing."""

    MANUAL = "manual"  # somebody switched it off
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # every attempt of five days failed


OPEN_STATUSES = (DeliveryStatus.PENDING.value, DeliveryStatus.DELIVERING.value, DeliveryStatus.FAILED.value)
"""A delivery in one of these will be attempted, or is being."""
FINAL_STATUSES = (DeliveryStatus.SUCCEEDED.value, DeliveryStatus.DEAD.value, DeliveryStatus.CANCELLED.value)
