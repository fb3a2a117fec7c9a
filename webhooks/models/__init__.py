"""Models of the webhooks app, one file per subject."""

from webhooks.models.delivery import Attempt, Delivery
from webhooks.models.message import Message
from webhooks.models.subscriber import Subscriber

__all__ = ["Attempt", "Delivery", "Message", "Subscriber"]
