"""`manage.py create_service_key`."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from common.clock import format_instant
from common.ids import encode_id
from common.prefixes import APPLICATION, SERVICE_KEY
from tenants.management.base import OperatorCommand, days, positive, real_now, resolve_tenant, text
from tenants.scope import tenant_scope
from tenants.selectors import applications
from tenants.services.service_keys import create_service_key


class Command(OperatorCommand):
    """Makes a service key and shows its secret."""

    help = (
        "Create a key with which a sibling service calls the API (Authorization: ServiceKey sk_svc_…). The secret is "
        "printed once and cannot be shown again; only its digest is stored. Scopes are area:read or area:write, or * "
        "for everything, and never change: to change them, create another key and revoke this one."
    )
    examples = """
        manage.py create_service_key --tenant acme --name shop --scope invoices:write --scope invoices:read
        manage.py create_service_key --tenant acme --name reports --scope '*' --expires-in-days 90 --json
    """

    def add_options(self, parser: CommandParser) -> None:
        """Whose key, and what it may do."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--name", required=True, type=text, help="What uses the key; shown in the back office.")
        parser.add_argument(
            "--scope", action="append", required=True, help="A scope such as invoices:read; repeat it for several."
        )
        parser.add_argument("--application", help="Slug or id (app_…) of the application the key belongs to.")
        parser.add_argument("--expires-in-days", type=days, help="From now. Without it the key does not expire.")
        parser.add_argument("--rate-limit", type=positive, help="Requests per minute. Without it the server's default.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Create it."""
        tenant, now = resolve_tenant(options["tenant"]), real_now()
        lifetime = options["expires_in_days"]
        expires_at = now + dt.timedelta(days=lifetime) if lifetime else None
        with tenant_scope(self.context(tenant.id)):
            application_id = _application(tenant.id, options["application"])
            key, secret = create_service_key(
                tenant_id=tenant.id, name=options["name"], scopes=options["scope"], at=now, expires_at=expires_at,
                application_id=application_id, rate_limit_per_minute=options["rate_limit"],
            )  # fmt: skip
        return {
            "id": encode_id(SERVICE_KEY, key.id),
            "tenantId": tenant.type_id,
            "name": key.name,
            "scopes": key.scopes,
            "applicationId": encode_id(APPLICATION, application_id) if application_id else None,
            "rateLimitPerMinute": key.rate_limit_per_minute,
            "expiresAt": format_instant(expires_at) if expires_at else None,
            "secret": secret,
        }


def _application(tenant_id: UUID, named: str | None) -> UUID | None:
    if named is None:
        return None
    for application in applications(tenant_id=tenant_id):
        if named in (application.slug, encode_id(APPLICATION, application.id)):
            return application.id
    raise CommandError(f"The tenant has no application {named!r}. Name it by its slug or by its id (app_…).")
