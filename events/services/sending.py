"""Letting mail leave: several tenants at a time, each through its own server, outside of any transaction.

A tenant has one sender at a time, over all processes, so that its server, slow or dead, keeps one thread busy and never
two. A server that is away fails all mails that were claimed for it at once, not each after its own wait, and then
has a minute's rest.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final
from uuid import UUID

from django.core.mail import EmailMultiAlternatives
from django.db import connection

from common.ids import encode_id
from common.prefixes import MAIL
from events import metrics
from events.announcements import MAIL_FAILED, MAIL_SENT, mail_event
from events.attachments import AttachmentErased, AttachmentRef, fetch_attachment
from events.enums import MailStatus
from events.models import Mail
from events.publishing import publish_all
from events.services import leases
from events.services.leases import MAILS, Claim
from events.services.mail_servers import MailFailed, Server, ServerFailed, new_message, sender_of, server_of
from tenants.context import Context, system_context
from tenants.models import TenantSettings
from tenants.scope import tenant_scope
from tenants.selectors import get_settings, get_tenant

SENDERS: Final = 4
"""Tenants that one process serves at a time."""
REST_OF_A_FAILED_SERVER: Final = dt.timedelta(minutes=1)
ERASED: Final = "The content was erased before the mail was sent."
_LOOK_AGAIN_SECONDS: Final = 0.5
_MARGIN: Final = dt.timedelta(seconds=1)
_ONE_SENDER: Final = "SELECT pg_advisory_xact_lock(hashtextextended('events:mail:' || %s, 0))"

logger = logging.getLogger(__name__)


def send_due_mail(*, now: dt.datetime, limit: int = 20, lease: dt.timedelta | None = None, seconds: float = 0.0) -> int:
    """Send what is due, at most `limit` mails of each tenant at a time; how many attempts were finished.

    Goes once through the tenants that have mail due, `SENDERS` of them side by side. For `seconds` it looks for more
    meanwhile, so that nobody waits for somebody else's slow server. `now` is real time. Raises RuntimeError inside a
    transaction: a mail cannot be taken back.
    """
    if connection.in_atomic_block:
        raise RuntimeError("Mail is sent outside of any transaction.")
    lease = lease or leases.default_lease()
    started = time.monotonic()
    left_out: set[UUID] = set()
    busy: dict[Future[int], UUID] = {}
    finished = 0
    with ThreadPoolExecutor(SENDERS, thread_name_prefix="mail") as pool:
        while True:
            at = now + _since(started)
            elapsed = time.monotonic() - started
            # Who waits for a slow server at the end of the time still looks after the others meanwhile.
            again = elapsed < (2 * seconds if busy else seconds)
            for tenant_id, ids in leases.find_due_mail(now=at, senders=SENDERS + len(left_out), limit=limit):
                if len(busy) < SENDERS and tenant_id not in left_out:
                    busy[pool.submit(_in_a_thread, tenant_id, ids, at, lease)] = tenant_id
                    left_out.add(tenant_id)
            if not busy:
                return finished
            done, _ = wait(busy, timeout=_LOOK_AGAIN_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                tenant_id, attempts = busy.pop(future), future.result()
                finished += attempts
                if attempts and again:
                    left_out.discard(tenant_id)


def _in_a_thread(tenant_id: UUID, ids: Sequence[UUID], now: dt.datetime, lease: dt.timedelta) -> int:
    try:
        return _send_of_tenant(tenant_id, ids, now, lease)
    except Exception:
        # The mails come back when their lease has run out; the other tenants are not to blame.
        logger.exception("Sending a tenant's mail ended with an error")
        return 0
    finally:
        connection.close()


def _send_of_tenant(tenant_id: UUID, ids: Sequence[UUID], now: dt.datetime, lease: dt.timedelta) -> int:
    started = time.monotonic()
    context = system_context(tenant_id, "events:mail")
    with tenant_scope(context):
        claims = _claim(tenant_id, ids, now=now, lease=lease)
        mails = {mail.id: mail for mail in Mail.objects.filter(id__in=[claimed.id for claimed in claims])}
        settings = get_settings(tenant_id=tenant_id)
        sender = sender_of(settings, tenant_name=get_tenant(tenant_id=tenant_id).name)
    if not claims:
        return 0
    server = server_of(settings)
    try:
        for index, claimed in enumerate(claims):
            elapsed = _since(started)
            if index and elapsed > lease / 2:
                # Whoever claims them after our lease would send them a second time.
                with tenant_scope(context):
                    leases.hand_back(MAILS, claims[index:], at=now + elapsed)
                return index
            mail, left = mails[claimed.id], lease - elapsed - _MARGIN
            try:
                _attempt(context, mail, claimed, server, sender, now + elapsed, left)
            except ServerFailed as failed:
                at = now + _since(started)
                rest = [(mails[one.id], one) for one in claims[index:]]
                _give_the_server_a_rest(context, settings, rest, at=at, error=str(failed))
                return len(claims)
            except MailFailed as failed:
                at = now + _since(started)
                with tenant_scope(context):
                    _record(mail, claimed, at=at, error=failed)
                    if failed.stalled:
                        leases.hand_back(MAILS, claims[index + 1 :], at=at)
                        leases.postpone(MAILS, tenant_id=tenant_id, until=at + REST_OF_A_FAILED_SERVER)
                if failed.stalled:
                    return index + 1
    finally:
        server.close()
    return len(claims)


def _claim(tenant_id: UUID, ids: Sequence[UUID], *, now: dt.datetime, lease: dt.timedelta) -> list[Claim]:
    """Claim, unless somebody else is sending this tenant's mail; announce what its senders did not survive."""
    with connection.cursor() as cursor:
        # Only until the claims are committed: whoever comes next sees them.
        cursor.execute(_ONE_SENDER, [str(tenant_id)])
    if Mail.objects.filter(tenant_id=tenant_id, status=MailStatus.SENDING, next_attempt_at__gt=now).exists():
        return []
    claims, given_up = leases.claim_or_give_up(MAILS, ids, now=now, lease=lease)
    failed = Mail.objects.filter(id__in=given_up)
    publish_all([mail_event(MAIL_FAILED, mail, at=now) for mail in failed], tenant_id=tenant_id)
    return claims


def _attempt(
    context: Context, mail: Mail, claimed: Claim, server: Server, sender: str, now: dt.datetime, left: dt.timedelta
) -> None:
    """Send one mail and record it. Raises `ServerFailed` and `MailFailed`, which the caller records."""
    started = time.monotonic()
    message = _message(context, mail, sender, now)
    server.send(message, seconds=(left - _since(started)).total_seconds())
    metrics.MAIL_SECONDS.observe(time.monotonic() - started)
    with tenant_scope(context):
        _record(mail, claimed, at=now + _since(started), error=None)


def _message(context: Context, mail: Mail, sender: str, now: dt.datetime) -> EmailMultiAlternatives:
    if not mail.recipients or mail.subject is None:
        raise MailFailed(ERASED, final=True)
    message = new_message(
        sender=mail.sender or sender, to=mail.recipients, subject=mail.subject, text=mail.text or "", html=mail.html,
        reply_to=mail.reply_to, message_id=mail.message_id,
    )  # fmt: skip
    for stored in mail.attachments:
        try:
            file = fetch_attachment(AttachmentRef.read(stored), context=context, now=now)
        except AttachmentErased as gone:
            raise MailFailed(ERASED, final=True) from gone
        except Exception as problem:
            logger.warning("An attachment could not be made", exc_info=True, extra={"mail": encode_id(MAIL, mail.id)})
            raise MailFailed(f"Attachment {stored['kind']}: {type(problem).__name__}: {problem}") from problem
        message.attach(file.filename, file.content, file.content_type)
    return message


def _give_the_server_a_rest(
    context: Context, settings: TenantSettings, rest: Sequence[tuple[Mail, Claim]], *, at: dt.datetime, error: str
) -> None:
    with tenant_scope(context):
        for mail, claimed in rest:
            _record(mail, claimed, at=at, error=MailFailed(error))
        leases.postpone(MAILS, tenant_id=settings.tenant_id, until=at + REST_OF_A_FAILED_SERVER)


def _record(mail: Mail, claimed: Claim, *, at: dt.datetime, error: MailFailed | None) -> None:
    """Write down and announce what came of an attempt, in the caller's transaction; nothing when the claim is lost."""
    if error is None:
        outcome, event_type = "sent", MAIL_SENT if leases.record_success(MAILS, claimed, at=at) else None
    else:
        text = _without_addresses(str(error), mail)
        status = leases.record_failure(MAILS, claimed, at=at, error=text, final=error.final)
        outcome, event_type = ("failed", MAIL_FAILED) if status == MAILS.given_up else ("retried", None)
        # The server's words stay in the row.
        logger.warning("A mail was not sent", extra={"mail": encode_id(MAIL, mail.id), "outcome": outcome})
    if event_type is not None:
        publish_all([mail_event(event_type, mail, at=at)], tenant_id=mail.tenant_id)
    metrics.MAIL.labels(outcome).inc()


def _without_addresses(text: str, mail: Mail) -> str:
    """Servers like to quote the recipient; the error outlives the address."""
    for recipient in mail.recipients or []:
        address = recipient.rpartition("<")[2].rstrip(">")
        text = text.replace(address, "the recipient")
    return text


def _since(started: float) -> dt.timedelta:
    return dt.timedelta(seconds=time.monotonic() - started)
