"""`manage.py send_test_mail`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings as installation
from django.core.management.base import CommandParser

from events.services.mail_servers import EXCHANGE_SECONDS
from events.services.trying import try_mail
from tenants.management.base import OperatorCommand, email_address, resolve_tenant


class Command(OperatorCommand):
    """Tries a tenant's mail set-up."""

    help = (
        "Send one mail at once, past the queue, as an invoice of the tenant would be sent: through its own SMTP server "
        "where its settings name one, else through the server of the installation. Says which one took it, or at "
        "which step it was refused; then it ends with status 1."
    )
    examples = """
        manage.py send_test_mail --tenant demo --to ada@example.com
        manage.py send_test_mail --tenant demo --to ada@example.com --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """For whom, and to whom."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--to", required=True, type=email_address, metavar="ADDRESS", help="Who gets the mail.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Try it."""
        tenant = resolve_tenant(options["tenant"])
        started = time.monotonic()
        tried = try_mail(self.context(tenant.id), to=options["to"], seconds=EXCHANGE_SECONDS)
        return {
            "ok": tried.error is None,
            "tenant": tenant.slug,
            "server": tried.server if tried.own else installation.EMAIL_BACKEND.rsplit(".", 2)[-2],
            "ownServer": tried.own,
            "tls": tried.tls,
            "from": tried.sender,
            "to": options["to"],
            "seconds": round(time.monotonic() - started, 3),
            "error": tried.error,
        }

    def describe(self, result: Mapping[str, Any]) -> str:
        """In a sentence or two."""
        which = (
            f"its own server {result['server']}" if result["ownServer"] else f"the installation ({result['server']})"
        )
        if not result["ok"]:
            return f"NOT OK. {result['tenant']} sends through {which}: {result['error']}"
        line = f", TLS: {result['tls'] or 'none'}" if result["ownServer"] else ""
        return f"ok. {result['tenant']} sends through {which}{line}. From {result['from']} to {result['to']}."
