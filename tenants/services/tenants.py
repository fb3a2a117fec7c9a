"""Creating tenants and their applications."""

from __future__ import annotations

import datetime as dt
import re
from uuid import UUID

from django.db import IntegrityError, transaction

from common.errors import NotFound
from common.ids import new_id
from tenants.context import Actor, ActorType, Context
from tenants.enums import TenantCommand, TenantStatus
from tenants.errors import ApplicationExists, InvalidSlug, TenantExists
from tenants.models import Application, Tenant, TenantSettings
from tenants.scope import tenant_scope
from tenants.transitions import apply_tenant_transition

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")  # as the constraint tenant_slug_shape says


def create_tenant(
    *, slug: str, name: str, at: dt.datetime, actor: str = "create_tenant", is_test: bool = False
) -> Tenant:
    """A tenant with default settings. Raises `InvalidSlug`, and `TenantExists` when the slug is taken."""
    if not _SLUG.fullmatch(slug):
        raise InvalidSlug()
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
    """An application of the tenant in whose scope this runs. Raises `InvalidSlug` and `ApplicationExists`."""
    if not _SLUG.fullmatch(slug):
        raise InvalidSlug()
    try:
        with transaction.atomic():
            return Application.objects.create(tenant_id=tenant_id, slug=slug, name=name, created_at=at, updated_at=at)
    except IntegrityError as taken:
        raise ApplicationExists(f"An application with the slug {slug!r} exists already.") from taken


def rename_tenant(*, tenant_id: UUID, name: str, at: dt.datetime) -> Tenant:
    """Another name for people; the slug stays. In the tenant's scope. Raises `NotFound`."""
    tenant = _locked(tenant_id)
    if tenant.name != name:
        tenant.name, tenant.updated_at = name, at
        tenant.save(update_fields=["name", "updated_at"])
    return tenant


def set_tenant_suspended(*, tenant_id: UUID, suspended: bool, at: dt.datetime) -> Tenant:
    """Refuse the tenant's keys and members, or let them in again; again changes nothing. Raises `NotFound`.

    Processes that have the tenant's key in hand refuse it with its next statement.
    """
    tenant = _locked(tenant_id)
    if (tenant.status == TenantStatus.SUSPENDED) != suspended:
        apply_tenant_transition(tenant, TenantCommand.SUSPEND if suspended else TenantCommand.RESUME, at=at)
        tenant.save(update_fields=["status", "updated_at"])
    return tenant


def _locked(tenant_id: UUID) -> Tenant:
    tenant = Tenant.objects.select_for_update().filter(id=tenant_id).first()
    if tenant is None:
        raise NotFound("This tenant does not exist.")
    return tenant
