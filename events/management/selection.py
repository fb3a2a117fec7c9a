"""The option --tenant, the same in every command of this app."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from common.ids import InvalidId, decode_id
from common.prefixes import TENANT
from tenants.selectors import all_tenants


def add_tenant_option(parser: CommandParser) -> None:
    """Add --tenant."""
    parser.add_argument("--tenant", metavar="TENANT", help="slug or id (tnt_…) of one tenant; without it, all tenants")


def chosen_tenants(named: str | None) -> list[tuple[UUID, str]]:
    """Id and slug of the named tenant, or of all. Raises CommandError when there is no such tenant."""
    everyone = list(all_tenants())
    if named is None:
        return everyone
    try:
        wanted: UUID | None = decode_id(TENANT, named)
    except InvalidId:
        wanted = None
    found = [(tenant_id, slug) for tenant_id, slug in everyone if named == slug or tenant_id == wanted]
    if not found:
        raise CommandError(f"--tenant: there is no tenant {named!r}.")
    return found
