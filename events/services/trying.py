"""Trying a tenant's mail set-up: one mail at once, past the queue."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from common.ids import encode_id, new_id
from common.prefixes import MAIL
from events.services.mail import check_address
from events.services.mail_servers import (
    MailFailed,
    ServerFailed,
    TenantServer,
    domain_of,
    new_message,
    sender_of,
    server_of,
)
from tenants.context import Context
from tenants.scope import tenant_scope
from tenants.selectors import get_settings, get_tenant

SUBJECT = "Test of your mail set-up"
TEXT = "This mail was sent by Ledger to try a mail server. If you can read it, the server works.\n"


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it. `own`: the tenant's server; only of that one `tls` is known. `error`: None when taken."""

    server: str
    own: bool
    tls: str | None
    sender: str
    error: str | None


def try_mail(context: Context, *, to: str, seconds: float) -> Tried:
    """Send a mail to `to` through the tenant's server, or the installation's, and say what happened.

    Raises `InvalidMail` for an address that is none, and RuntimeError inside a transaction.
    """
    if connection.in_atomic_block:
        raise RuntimeError("Mail is sent outside of any transaction.")
    check_address(to)
    with tenant_scope(context):
        settings = get_settings(tenant_id=context.tenant_id)
        sender = sender_of(settings, tenant_name=get_tenant(tenant_id=context.tenant_id).name)
    message = new_message(
        sender=sender, to=[to], subject=SUBJECT, text=TEXT, html=None, reply_to=None,
        message_id=f"<{encode_id(MAIL, new_id())}@{domain_of(sender)}>",
    )  # fmt: skip
    server = server_of(settings)
    error = None
    try:
        server.send(message, seconds=seconds)
    except (ServerFailed, MailFailed) as failed:
        error = str(failed)
    own = isinstance(server, TenantServer)
    tried = Tried(server.name, own, server.tls if isinstance(server, TenantServer) else None, sender, error)
    server.close()
    return tried
