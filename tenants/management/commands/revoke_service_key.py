"""`manage.py revoke_service_key`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from common.clock import format_instant
from common.ids import InvalidId, decode_id, encode_id
from common.prefixes import SERVICE_KEY
from tenants.management.base import OperatorCommand, real_now, resolve_tenant, text
from tenants.scope import tenant_scope
from tenants.services.service_keys import revoke_service_key


class Command(OperatorCommand):
    """Ends a service key."""

    help = (
        "Refuse a service key from now on, in every process. It cannot be undone; the key stays in the audit trail. "
        "Revoking a revoked key changes nothing."
    )
    examples = """
        manage.py revoke_service_key --tenant acme --key key_01hqx3qgf2c8mhwy9s6zwmf3yh --reason "laptop stolen"
    """

    def add_options(self, parser: CommandParser) -> None:
        """Which key, and why."""
        parser.add_argument("--tenant", required=True, help="Slug or id (tnt_…) of the tenant.")
        parser.add_argument("--key", required=True, help="The key's id (key_…), not its secret.")
        parser.add_argument("--reason", type=text, help="For the audit trail.")

    def run(self, **options: Any) -> dict[str, Any]:
        """Revoke it."""
        tenant = resolve_tenant(options["tenant"])
        try:
            key_id = decode_id(SERVICE_KEY, options["key"])
        except InvalidId as wrong:
            raise CommandError("--key takes the id of a service key (key_…), not its secret.") from wrong
        with tenant_scope(self.context(tenant.id, reason=options["reason"] or "")):
            key = revoke_service_key(tenant_id=tenant.id, key_id=key_id, at=real_now())
        assert key.revoked_at is not None
        return {
            "id": encode_id(SERVICE_KEY, key.id), "tenantId": tenant.type_id, "name": key.name,
            "revokedAt": format_instant(key.revoked_at),
        }  # fmt: skip
