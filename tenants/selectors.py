"""Reads of the tenants app. Everything but `all_tenants` needs the tenant's scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from common.errors import NotFound
from tenants.models import (
    Application,
    AuditEntry,
    Job,
    Logo,
    Membership,
    SettingsSnapshot,
    Tenant,
    TenantSettings,
    User,
)


def get_settings(*, tenant_id: UUID) -> TenantSettings:
    """The tenant's settings; `NotFound` when the tenant does not exist."""
    settings = TenantSettings.objects.filter(tenant_id=tenant_id).first()
    if settings is None:
        raise NotFound("This tenant does not exist.")
    return settings


def get_snapshot(*, tenant_id: UUID, version: int) -> Mapping[str, Any]:
    """What a version of the settings contributes to documents; `NotFound` when there was no such version."""
    snapshot = SettingsSnapshot.objects.filter(tenant_id=tenant_id, version=version).first()
    if snapshot is None:
        raise NotFound("This version of the settings does not exist.")
    data: Mapping[str, Any] = snapshot.data
    return data


def find_logo(*, tenant_id: UUID, sha256: str | None = None, logo_id: UUID | None = None) -> Logo | None:
    """A logo by its digest, with its bytes, or by its id, without them until they are read."""
    if sha256 is not None:
        return Logo.objects.filter(tenant_id=tenant_id, sha256=sha256).first()
    return Logo.objects.filter(tenant_id=tenant_id, id=logo_id).defer("content").first() if logo_id else None


def get_tenant(*, tenant_id: UUID) -> Tenant:
    """The tenant of the current scope."""
    tenant = Tenant.objects.filter(id=tenant_id).first()
    if tenant is None:
        raise NotFound("This tenant does not exist.")
    return tenant


def all_tenants() -> Sequence[tuple[UUID, str]]:
    """Ids and slugs of all tenants, by slug, for commands and sweeps: crosses tenants through a function of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, slug FROM tenants_all() ORDER BY slug")
        return [(row[0], row[1]) for row in cursor.fetchall()]


def find_user(*, email: str) -> User | None:
    """The user with this e-mail address, whatever its case."""
    return User.objects.filter(email__iexact=email.strip()).first()


def audit_entries(*, tenant_id: UUID) -> QuerySet[AuditEntry]:
    """The tenant's audit trail, to be filtered and paged."""
    return AuditEntry.objects.filter(tenant_id=tenant_id)


def was_deleted(*, tenant_id: UUID, entity_type: str, object_id: UUID) -> bool:
    """Whether the trail knows that such an object was deleted."""
    found = audit_entries(tenant_id=tenant_id).filter(entity_id=object_id, action=f"{entity_type}.deleted")
    return found.exists()


def find_job(*, tenant_id: UUID, job_id: UUID) -> Job | None:
    """A job of the tenant, or None."""
    return Job.objects.filter(tenant_id=tenant_id, id=job_id).first()


def applications(*, tenant_id: UUID) -> Sequence[Application]:
    """The tenant's applications, by slug."""
    return list(Application.objects.filter(tenant_id=tenant_id).order_by("slug"))


def find_application(*, tenant_id: UUID, application_id: UUID) -> Application | None:
    """One application of the tenant, or None."""
    return Application.objects.filter(tenant_id=tenant_id, id=application_id).first()


def find_membership(*, tenant_id: UUID, user_id: UUID) -> Membership | None:
    """The user's membership in the tenant, active or not, or None."""
    return Membership.objects.filter(tenant_id=tenant_id, user_id=user_id).first()
