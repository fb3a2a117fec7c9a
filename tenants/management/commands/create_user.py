"""`manage.py create_user`."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.management.base import CommandParser

from common.ids import encode_id
from common.prefixes import USER
from tenants.management.base import OperatorCommand, email_address, real_now, text
from tenants.services.staff import create_user


class Command(OperatorCommand):
    """Makes a member of staff."""

    help = (
        "Create a member of staff with a first password, which is printed once. They sign in at /admin/ and can change "
        "it there. They may do nothing until add_member makes them a member of a tenant. Django's changepassword sets "
        "another password for somebody who has lost theirs."
    )
    examples = """
        manage.py create_user --email ada@example.com --name "Ada Lovelace"
        manage.py create_user --email ada@example.com --json
        manage.py changepassword ada@example.com
    """

    def add_options(self, parser: CommandParser) -> None:
        """Who."""
        parser.add_argument("--email", required=True, type=email_address, help="Their e-mail address.")
        parser.add_argument("--name", type=text, help="Their name, for pages.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Create them."""
        password = secrets.token_urlsafe(12)
        user = create_user(email=options["email"], name=options["name"] or "", password=password, at=real_now())
        return {"id": encode_id(USER, user.pk), "email": user.email, "password": password}
