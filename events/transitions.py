"""The state machines of deliveries and mails. Statuses are written set-wise, in `events.services` (leases, replay)."""

from common.states import StateMachine
from events.enums import DeliveryCommand, DeliveryStatus, MailCommand, MailStatus

DELIVERY = StateMachine(
    "event delivery",
    {
        (DeliveryStatus.PENDING, DeliveryCommand.CLAIM): DeliveryStatus.DELIVERING,
        # The worker that held the lease is gone.
        (DeliveryStatus.DELIVERING, DeliveryCommand.CLAIM): DeliveryStatus.DELIVERING,
        (DeliveryStatus.DELIVERING, DeliveryCommand.SUCCEED): DeliveryStatus.SUCCEEDED,
        (DeliveryStatus.DELIVERING, DeliveryCommand.RETRY): DeliveryStatus.PENDING,
        (DeliveryStatus.DELIVERING, DeliveryCommand.GIVE_UP): DeliveryStatus.DEAD,
        (DeliveryStatus.DEAD, DeliveryCommand.REPLAY): DeliveryStatus.PENDING,
        (DeliveryStatus.SUCCEEDED, DeliveryCommand.REPLAY): DeliveryStatus.PENDING,
    },
    initial=DeliveryStatus.PENDING,
)

MAIL = StateMachine(
    "mail",
    {
        (MailStatus.QUEUED, MailCommand.CLAIM): MailStatus.SENDING,
        (MailStatus.SENDING, MailCommand.CLAIM): MailStatus.SENDING,
        (MailStatus.SENDING, MailCommand.SUCCEED): MailStatus.SENT,
        (MailStatus.SENDING, MailCommand.RETRY): MailStatus.QUEUED,
        (MailStatus.SENDING, MailCommand.GIVE_UP): MailStatus.FAILED,
        (MailStatus.FAILED, MailCommand.REPLAY): MailStatus.QUEUED,
    },
    initial=MailStatus.QUEUED,
)
