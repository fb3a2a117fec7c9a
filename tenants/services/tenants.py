"""Creating tenants and their applications."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import IntegrityError

from common.ids import new_id
from tenants.context import Actor, ActorType, Context
from tenants.errors import TenantExists
from tenants.models import Application, Tenant, TenantSettings
from tenants.scope import tenant_scope


def create_tenant(
    *, slug: str, name: str, at: dt.datetime, actor: str = "create_tenant", is_test: bool = False
) -> Tenant:
    """A tenant with default settings. Raises `TenantExists` when the slug is taken."""
    tenant_id = new_id()
    try:
        with tenant_scope(Context(tenant_id=tenant_id, actor=Actor(ActorType.SYSTEM, actor))):
            tenant = Tenant.objects.create(
                id=tenant_id, slug=slug, name=name, is_test=is_test, created_at=at, updated_at=at
            )
            TenantSettings.objects.create(tenant_id=tenant_id, legal_name=name, created_at=at, updated_at=at)
    except IntegrityError as taken:
        if "slug" not in str(taken) or "shape" in str(taken):
            raise
        raise TenantExists(f"A tenant with the slug {slug!r} exists already.") from taken
    return tenant


def create_application(*, tenant_id: UUID, slug: str, name: str, at: dt.datetime) -> Application:
    """An application of the tenant in whose scope this runs."""
    return Application.objects.create(tenant_id=tenant_id, slug=slug, name=name, created_at=at, updated_at=at)
