"""A row of each model that has a page. An app adds its own with `maker(Model)` in `tests/<app>/backoffice_rows.py`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

from common.ids import new_id
from tenants.enums import RetentionCause, Role
from tenants.models import (
    Application,
    AuditEntry,
    Job,
    Membership,
    RetentionRun,
    ServiceKey,
    StaffToken,
    Tenant,
    TenantSettings,
)
from tenants.scope import tenant_scope
from tenants.services.erasure import begin_run, finish_run, record_progress
from tenants.services.jobs import create_job
from tenants.services.service_keys import create_service_key
from tenants.services.staff import add_membership, create_staff_token, create_user
from tenants.services.tenants import create_application
from tests.conftest import AT

_numbers = count(1)
Maker = Callable[..., Any]
_makers: dict[type, Maker] = {}


def maker(model: type) -> Callable[[Maker], Maker]:
    """Register what makes a row: a function `(tenant, user)`, called in the tenant's scope."""

    def register(function: Maker) -> Maker:
        _makers[model] = function
        return function

    return register


def a_row(model: type, tenant: Tenant, *, user: Any = None) -> Any:
    """A row of `model` in the tenant; of rows that belong to a person, one of `user`."""
    _load()
    assert model in _makers, f"{model.__name__} has a page, but tests/<app>/backoffice_rows.py makes no row of it"
    with tenant_scope(tenant.id):
        return _makers[model](tenant, user)


def _load() -> None:
    for file in Path(__file__).parents[2].glob("*/backoffice_rows.py"):
        import_module(f"tests.{file.parent.name}.backoffice_rows")


def _someone() -> Any:
    return create_user(email=f"{new_id().hex}@example.com", name="Somebody", at=AT)


@maker(Tenant)
def _tenant(tenant: Tenant, user: Any) -> Any:
    return tenant


@maker(TenantSettings)
def _settings(tenant: Tenant, user: Any) -> Any:
    return TenantSettings.objects.get()


@maker(Application)
def _application(tenant: Tenant, user: Any) -> Any:
    return create_application(tenant_id=tenant.id, slug=f"app-{next(_numbers)}", name="Shop", at=AT)


@maker(RetentionRun)
def _retention(tenant: Tenant, user: Any) -> Any:
    run = begin_run(tenant_id=tenant.id, cause=RetentionCause.REQUEST, day=AT.date(), at=AT)
    assert run is not None
    record_progress(run, {"invoices": 3, "events": 7}, at=AT)
    return finish_run(run, blocked=1, at=AT)


@maker(Membership)
def _membership(tenant: Tenant, user: Any) -> Any:
    return add_membership(tenant_id=tenant.id, user_id=_someone().pk, role=Role.MEMBER, at=AT)


@maker(ServiceKey)
def _key(tenant: Tenant, user: Any) -> Any:
    application = create_application(tenant_id=tenant.id, slug=f"app-{next(_numbers)}", name="Shop", at=AT)
    return create_service_key(
        tenant_id=tenant.id, name="shop", scopes=["*"], application_id=application.pk, at=AT
    )[0]  # fmt: skip


@maker(StaffToken)
def _token(tenant: Tenant, user: Any) -> Any:
    return create_staff_token(user=user or _someone(), name="script", at=AT)[0]


@maker(AuditEntry)
def _entry(tenant: Tenant, user: Any) -> Any:
    return AuditEntry.objects.order_by("-id")[0]


@maker(Job)
def _job(tenant: Tenant, user: Any) -> Any:
    return create_job(tenant_id=tenant.id, kind="provider.sync", at=AT)
