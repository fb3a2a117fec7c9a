"""Closed lists of the events app."""

from django.db.models import TextChoices


class DeliveryStatus(TextChoices):
    """The life of one event on its way to one subscriber."""

    PENDING = "pending"
    DELIVERING = "delivering"
    SUCCEEDED = "succeeded"
    DEAD = "dead"


class DeliveryCommand(TextChoices):
    """What can be done to a delivery."""

    CLAIM = "claim"
    SUCCEED = "succeed"
    RETRY = "retry"
    GIVE_UP = "give_up"
    REPLAY = "replay"


class MailStatus(TextChoices):
    """The life of a mail."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class MailCommand(TextChoices):
    """What can be done to a mail."""

    CLAIM = "claim"
    SUCCEED = "succeed"
    RETRY = "retry"
    GIVE_UP = "give_up"
    REPLAY = "replay"
