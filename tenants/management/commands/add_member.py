"""`manage.py add_member`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.ids import encode_id
from common.prefixes import USER
from tenants.enums import Role
from tenants.management.base import OperatorCommand, email_address, real_now, resolve_tenant, text
from tenants.scope import tenant_scope
from tenants.selectors import find_user
from tenants.services.staff import add_membership


class Command(OperatorCommand):
    """Makes a member of staff a member of a tenant."""

    help = (
        "Give a member of staff a role in a tenant. Somebody who has one there already gets the new one, and one whose "
        "membership has ended is let in again. Roles: owner and admin may do everything, member all but settings, "
        "providers and the audit trail, read_only looks."
    )
    examples = """
        manage.py add_member --tenant acme --email ada@example.com --role owner
        manage.py add_member --tenant acme --email ada@example.com --role read_only --reason "auditor, until March"
    """

    def add_options(self, parser: CommandParser) -> None:
        """Who, where, as what."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--email", required=True, type=email_address, help="Whose, see create_user.")
        parser.add_argument("--role", choices=Role.values, default=Role.MEMBER.value, help="Default: member.")
        parser.add_argument("--reason", type=text, help="For the audit trail.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Add them."""
        tenant = resolve_tenant(options["tenant"])
        user = find_user(email=options["email"])
        if user is None:
            raise CommandError(f"There is no user {options['email']}. Make one with create_user.")
        with tenant_scope(self.context(tenant.id, reason=options["reason"] or "")):
            membership = add_membership(
                tenant_id=tenant.id, user_id=user.pk, role=Role(options["role"]), at=real_now()
            )  # fmt: skip
        return {
            "userId": encode_id(USER, user.pk), "email": user.email, "tenantId": tenant.type_id,
            "role": membership.role,
        }  # fmt: skip
