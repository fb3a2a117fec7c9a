"""`manage.py reset_second_factor`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.ids import encode_id
from common.prefixes import USER
from tenants.management.base import OperatorCommand, email_address
from tenants.selectors import find_user
from tenants.services.second_factors import reset_second_factor


class Command(OperatorCommand):
    """Takes a lost second factor away."""

    help = (
        "Remove the authenticator app and the recovery codes of a member of staff who has lost their device, and sign "
        "them out everywhere. With their password they then sign in and set a new device up. Make sure that it is "
        "really them who asks."
    )
    examples = """
        manage.py reset_second_factor --user ada@example.com
        manage.py reset_second_factor --user ada@example.com --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whose."""
        parser.add_argument("--user", required=True, type=email_address, help="Their e-mail address.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Reset it."""
        user = find_user(email=options["user"])
        if user is None:
            raise CommandError(f"There is no user {options['user']}.")
        removed, ended = reset_second_factor(user=user)
        return {
            "userId": encode_id(USER, user.pk), "email": user.email, "removed": removed, "sessionsEnded": ended,
        }  # fmt: skip
