"""What the mail queue announces: internal events, for apps whose objects a mail is about. No personal data."""

from __future__ import annotations

import datetime as dt
from typing import Final

from common.ids import encode_id
from common.prefixes import MAIL
from events.domain import DomainEvent
from events.models import Mail

MAIL_QUEUED: Final = "mail.queued"  # again, by hand
MAIL_SENT: Final = "mail.sent"
MAIL_FAILED: Final = "mail.failed"
OUTCOMES: Final = (MAIL_QUEUED, MAIL_SENT, MAIL_FAILED)


def mail_event(event_type: str, mail: Mail, *, at: dt.datetime) -> DomainEvent:
    """The event of a mail, in real time. `objectType` and `objectId` say what the mail is about, null for nothing.

    Events arrive in any order: whoever listens looks at the mail's row (`events.selectors.latest_mail`) instead of
    believing the type.
    """
    return DomainEvent(
        type=event_type,
        object_type="mail",
        object_id=mail.id,
        data={
            "object": "mail",
            "id": encode_id(MAIL, mail.id),
            "objectType": mail.object_type or None,
            "objectId": None if mail.object_id is None else str(mail.object_id),
        },
        occurred_at=at,
    )
