"""`manage.py create_staff_token`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import USER
from tenants.enums import Role
from tenants.management.base import OperatorCommand, days, email_address, real_now, resolve_tenant, text
from tenants.scope import tenant_scope
from tenants.selectors import find_membership, find_user
from tenants.services.staff import add_membership, create_staff_token, create_user


class Command(OperatorCommand):
    """Makes a bearer token for a member of staff."""

    help = (
        "Create a token with which a member of staff calls the API (Authorization: Bearer st_… with X-Tenant-Id). The "
        "token is printed once and cannot be shown again. It opens every tenant of which the user is a member, with "
        "the role they have there. With --create, a user and a membership that are missing are made; a user made so "
        "has no password."
    )
    examples = """
        manage.py create_staff_token --email ada@example.com --tenant acme --role admin --create
        manage.py create_staff_token --email ada@example.com --tenant acme --expires-in-days 1 --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whose token, and for which tenant."""
        parser.add_argument("--email", required=True, type=email_address, help="The user's e-mail address.")
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of a tenant the user belongs to.")
        parser.add_argument(
            "--role", choices=Role.values, default=Role.MEMBER.value,
            help="The role of a membership that --create makes; an existing one keeps its role. Default: member.",
        )  # fmt: skip
        parser.add_argument("--create", action="store_true", help="Make the user and the membership where missing.")
        parser.add_argument("--name", type=text, default="created on the command line", help="What the token is for.")
        parser.add_argument("--expires-in-days", type=days, help="From now. Without it the token does not expire.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Create it."""
        tenant, now = resolve_tenant(options["tenant"]), real_now()
        email, may_create = options["email"], options["create"]
        lifetime = options["expires_in_days"]
        expires_at = now + dt.timedelta(days=lifetime) if lifetime else None
        with tenant_scope(self.context(tenant.id)):
            user = find_user(email=email)
            if user is None:
                if not may_create:
                    raise CommandError(f"There is no user {email}. Add --create to make one.")
                user = create_user(email=email, at=now)
            membership = find_membership(tenant_id=tenant.id, user_id=user.id)
            if membership is None or not membership.active:
                if not may_create:
                    raise CommandError(f"{email} is not a member of {tenant.slug}. Add --create to make them one.")
                membership = add_membership(
                    tenant_id=tenant.id, user_id=user.id, role=Role(options["role"]), at=now
                )  # fmt: skip
            _, secret = create_staff_token(user=user, name=options["name"], at=now, expires_at=expires_at)
        return {
            "userId": encode_id(USER, user.id),
            "email": user.email,
            "tenantId": tenant.type_id,
            "role": membership.role,
            "expiresAt": format_instant(expires_at) if expires_at else None,
            "token": secret,
        }
