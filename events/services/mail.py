"""The mail queue: a mail is a row in the transaction that wants it sent, and leaves outside of any transaction."""

from __future__ import annotations

import datetime as dt
import logging
import smtplib
import time
from collections.abc import Sequence
from email.utils import parseaddr
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.db import connection

from common.ids import encode_id, new_id
from common.prefixes import MAIL
from events import metrics
from events.errors import InvalidMail
from events.models import Mail
from events.services import leases
from events.services.leases import MAILS, Claim
from tenants.context import system_context
from tenants.scope import tenant_scope

MAX_RECIPIENTS: Final = 50
ERASED: Final = "The content was erased before the mail was sent."

logger = logging.getLogger(__name__)


def queue_mail(
    *, tenant_id: UUID, to: Sequence[str], subject: str, text: str, at: dt.datetime, now: dt.datetime,
    html: str | None = None, sender: str | None = None, reply_to: str | None = None,
    object_type: str = "", object_id: UUID | None = None,
) -> Mail:  # fmt: skip
    """Have a mail sent soon after the caller's transaction has committed, in the tenant's scope.

    `at` is business time (`created_at`), `now` real time: the earliest moment of sending. Addresses may carry a name
    (`Ada <ada@example.com>`); `sender` is DEFAULT_FROM_EMAIL unless given. Raises `InvalidMail` for addresses that are
    none, more than 50 recipients, and line breaks in the subject.
    """
    sender = sender or settings.DEFAULT_FROM_EMAIL
    if not 1 <= len(to) <= MAX_RECIPIENTS:
        raise InvalidMail(f"A mail needs 1 to {MAX_RECIPIENTS} recipients.")
    for address in (*to, *([reply_to] if reply_to else [])):
        _check_address(address)
    if not subject.strip() or "\n" in subject or "\r" in subject:
        raise InvalidMail("A subject is one line that is not empty.")
    mail_id = new_id()
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    return Mail.objects.create(
        id=mail_id, tenant_id=tenant_id, sender=sender, recipients=list(to), reply_to=reply_to, subject=subject,
        text=text, html=html, message_id=f"<{encode_id(MAIL, mail_id)}@{domain}>", object_type=object_type,
        object_id=object_id, created_at=at, next_attempt_at=now,
    )  # fmt: skip


def send_due_mail(*, now: dt.datetime, limit: int = 20, lease: dt.timedelta | None = None) -> int:
    """Send at most `limit` due mails of all tenants, longest due first; how many attempts were finished.

    `now` is real time. Raises RuntimeError inside a transaction: a mail cannot be taken back.
    """
    if connection.in_atomic_block:
        raise RuntimeError("Mail is sent outside of any transaction.")
    lease = lease or leases.default_lease()
    started = time.monotonic()
    finished = 0
    for tenant_id, ids in leases.find_due(MAILS, now=now, limit=limit):
        finished += _send_of_tenant(tenant_id, ids, now + _since(started), lease)
    return finished


def _send_of_tenant(tenant_id: UUID, ids: Sequence[UUID], now: dt.datetime, lease: dt.timedelta) -> int:
    started = time.monotonic()
    context = system_context(tenant_id, "events:mail")
    with tenant_scope(context):
        claims = leases.claim(MAILS, ids, now=now, lease=lease)
        mails = {mail.id: mail for mail in Mail.objects.filter(id__in=[claimed.id for claimed in claims])}
    if not claims:
        return 0
    server: BaseEmailBackend = get_connection(fail_silently=False)
    try:
        for index, claimed in enumerate(claims):
            if index and _since(started) > lease / 2:
                # Whoever claims them after our lease would send them a second time.
                with tenant_scope(context):
                    leases.hand_back(MAILS, claims[index:], at=now + _since(started))
                return index
            _attempt(mails[claimed.id], claimed, server, now + _since(started))
    finally:
        _close(server)
    return len(claims)


def _attempt(mail: Mail, claimed: Claim, server: BaseEmailBackend, now: dt.datetime) -> None:
    started = time.monotonic()
    context = system_context(mail.tenant_id, "events:mail")
    error, final = _send(mail, server)
    with tenant_scope(context):
        if error is None:
            leases.record_success(MAILS, claimed, at=now + _since(started))
            outcome = "sent"
        else:
            status = leases.record_failure(MAILS, claimed, at=now + _since(started), error=error, final=final)
            outcome = "failed" if status == MAILS.given_up else "retried"
    if error is not None:
        # The server's words may quote an address: they stay in the row.
        logger.warning("A mail was not sent", extra={"mail": encode_id(MAIL, mail.id), "outcome": outcome})
    metrics.MAIL.labels(outcome).inc()


def _send(mail: Mail, server: BaseEmailBackend) -> tuple[str | None, bool]:
    """Hand the mail to the server: what went wrong, if anything, and whether that is for good."""
    if not mail.recipients or mail.subject is None:
        return ERASED, True
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text or "",
        from_email=mail.sender,
        to=mail.recipients,
        reply_to=[mail.reply_to] if mail.reply_to else None,
        headers={"Message-ID": mail.message_id},
        connection=server,
    )
    if mail.html is not None:
        message.attach_alternative(mail.html, "text/html")
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refused:
        _close(server)
        codes = [code for code, _ in refused.recipients.values()]
        return f"Recipients refused: {codes}", all(code >= 500 for code in codes)
    except Exception as problem:
        # After an error the state of the connection is unknown; the next mail opens a new one.
        _close(server)
        return f"{type(problem).__name__}: {problem}", False
    return None, False


def _close(server: BaseEmailBackend) -> None:
    try:
        server.close()
    except Exception:
        logger.debug("The mail server did not take leave", exc_info=True)


def _since(started: float) -> dt.timedelta:
    return dt.timedelta(seconds=time.monotonic() - started)


def _check_address(address: str) -> None:
    plain = parseaddr(address)[1]
    try:
        if "\n" in address or "\r" in address or len(address) > 320:
            raise ValidationError("malformed")
        validate_email(plain)
    except ValidationError as malformed:
        raise InvalidMail("A recipient is not an e-mail address.") from malformed
