"""The mail queue: a mail is a row in the transaction that wants it sent. `services.sending` lets it leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from email.utils import parseaddr
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from common.errors import NotFound
from common.ids import encode_id, new_id
from common.prefixes import MAIL
from events.announcements import MAIL_QUEUED, mail_event
from events.attachments import AttachmentRef
from events.enums import MailStatus
from events.errors import InvalidMail, MailErased, MailNotFailed
from events.models import Mail
from events.publishing import publish
from events.selectors import unsent_about
from events.services import leases
from events.services.leases import MAILS
from events.services.mail_servers import domain_of

MAX_RECIPIENTS: Final = 50
MAX_ADDRESS: Final = 320


def queue_mail(
    *, tenant_id: UUID, to: Sequence[str], subject: str, text: str, at: dt.datetime, now: dt.datetime,
    html: str | None = None, sender: str | None = None, reply_to: str | None = None,
    attachments: Sequence[AttachmentRef] = (), object_type: str = "", object_id: UUID | None = None,
) -> Mail:  # fmt: skip
    """Have a mail sent soon after the caller's transaction has committed, in the tenant's scope.

    `at` is business time (`created_at`), `now` real time: the earliest moment of sending. Addresses may carry a name
    (`Ada <ada@example.com>`). Without `sender` the mail comes from the tenant, as its settings are when it leaves
    (`services.mail_servers.sender_of`). Raises `InvalidMail` for addresses that are none, more than 50 recipients, and
    line breaks in the subject.
    """
    if not 1 <= len(to) <= MAX_RECIPIENTS:
        raise InvalidMail(f"A mail needs 1 to {MAX_RECIPIENTS} recipients.")
    for address in (*to, *([reply_to] if reply_to else [])):
        check_address(address)
    if not subject.strip() or len(subject.splitlines()) != 1:
        raise InvalidMail("A subject is one line that is not empty.")
    mail_id = new_id()
    domain = domain_of(sender or settings.DEFAULT_FROM_EMAIL)
    return Mail.objects.create(
        id=mail_id, tenant_id=tenant_id, sender=sender or "", recipients=list(to), reply_to=reply_to, subject=subject,
        text=text, html=html, attachments=[reference.stored() for reference in attachments],
        message_id=f"<{encode_id(MAIL, mail_id)}@{domain}>", object_type=object_type, object_id=object_id,
        created_at=at, next_attempt_at=now,
    )  # fmt: skip


def retry_mail(*, tenant_id: UUID, mail_id: UUID, now: dt.datetime) -> Mail:
    """Send a mail that was given up once more, with all its attempts, in the tenant's scope. `now` is real time.

    It keeps its message id. Raises `NotFound`, `MailNotFailed`, and `MailErased` when there is nothing left to send.
    """
    mail = Mail.objects.select_for_update().filter(tenant_id=tenant_id, id=mail_id).first()
    if mail is None:
        raise NotFound()
    if mail.status == MailStatus.FAILED and (not mail.recipients or mail.subject is None):
        raise MailErased()
    if not leases.begin_again(MAILS, mail.id, now=now):
        raise MailNotFailed()
    mail.refresh_from_db()
    publish(mail_event(MAIL_QUEUED, mail, at=now), tenant_id=tenant_id)
    return mail


def reword_mail(
    *, tenant_id: UUID, object_type: str, object_id: UUID, subject: str, text: str, html: str | None
) -> int:  # fmt: skip
    """Give what waits about an object, or was given up, other words, in the tenant's scope; how many mails have them.

    A mail that was sent, or is being sent at this moment, stays on record with the words that it left with.
    """
    return unsent_about(tenant_id=tenant_id, object_type=object_type, object_id=object_id).update(
        subject=subject, text=text, html=html
    )


def check_address(address: str) -> None:
    """Raises `InvalidMail` for what is no address that every mail server understands, with a name or without."""
    plain = parseaddr(address)[1]
    try:
        if not address.isprintable() or len(address) > MAX_ADDRESS:
            raise ValidationError("malformed")
        validate_email(plain)
        # A server would have to know SMTPUTF8 for other letters before the @.
        if not plain.rpartition("@")[0].isascii():
            raise ValidationError("not ASCII")
    except ValidationError as malformed:
        raise InvalidMail("A recipient is not an e-mail address.") from malformed
