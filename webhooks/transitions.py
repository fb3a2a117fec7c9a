"""The state machine of a callback. Statuses are written set-wise, in `webhooks.services`; a test compares the two."""

from common.states import StateMachine
from webhooks.enums import DeliveryCommand, DeliveryStatus

DELIVERY = StateMachine(
    "callback",
    {
        (DeliveryStatus.PENDING, DeliveryCommand.CLAIM): DeliveryStatus.DELIVERING,
        (DeliveryStatus.FAILED, DeliveryCommand.CLAIM): DeliveryStatus.DELIVERING,
        # The worker that held the lease is gone.
        (DeliveryStatus.DELIVERING, DeliveryCommand.CLAIM): DeliveryStatus.DELIVERING,
        (DeliveryStatus.DELIVERING, DeliveryCommand.HAND_BACK): DeliveryStatus.PENDING,
        (DeliveryStatus.DELIVERING, DeliveryCommand.SUCCEED): DeliveryStatus.SUCCEEDED,
        (DeliveryStatus.DELIVERING, DeliveryCommand.FAIL): DeliveryStatus.FAILED,
        (DeliveryStatus.DELIVERING, DeliveryCommand.GIVE_UP): DeliveryStatus.DEAD,
        (DeliveryStatus.PENDING, DeliveryCommand.CANCEL): DeliveryStatus.CANCELLED,
        (DeliveryStatus.FAILED, DeliveryCommand.CANCEL): DeliveryStatus.CANCELLED,
        (DeliveryStatus.DELIVERING, DeliveryCommand.CANCEL): DeliveryStatus.CANCELLED,
        (DeliveryStatus.PENDING, DeliveryCommand.RETRY): DeliveryStatus.PENDING,
        (DeliveryStatus.FAILED, DeliveryCommand.RETRY): DeliveryStatus.PENDING,
        (DeliveryStatus.SUCCEEDED, DeliveryCommand.RETRY): DeliveryStatus.PENDING,
        (DeliveryStatus.DEAD, DeliveryCommand.RETRY): DeliveryStatus.PENDING,
        (DeliveryStatus.CANCELLED, DeliveryCommand.RETRY): DeliveryStatus.PENDING,
    },
    initial=DeliveryStatus.PENDING,
)
