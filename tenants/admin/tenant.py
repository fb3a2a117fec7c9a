"""The tenant itself, and its applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from common.prefixes import APPLICATION, TENANT
from tenants.backoffice.api import (
    Access,
    BackofficeAdmin,
    BackofficeForm,
    Card,
    Line,
    Panel,
    Press,
    Table,
    access_of,
    action_button,
    backoffice_page,
    badge,
    cards,
    column,
    instant,
    link,
    type_id,
)
from tenants.models import Application, Membership, ServiceKey, Tenant
from tenants.services.tenants import create_application, rename_tenant


class NameForm(BackofficeForm):
    """Another name."""

    name = forms.CharField(max_length=255)


def _name(page: Any, request: HttpRequest, row: Any) -> Mapping[str, Any]:
    return {"name": row.name}


@backoffice_page(Tenant)
class TenantPage(BackofficeAdmin):
    """The chosen tenant."""

    area, nav_group, nav_icon, nav_order = "settings", "Tenant", "domain", 10
    title = "Tenant"
    singleton = True
    fields = ("name", "slug", "shown_status", "kind", "shown_id", "created")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only the chosen one."""
        return super().get_queryset(request).filter(id=access_of(request).tenant_id)

    @column("Status")
    def shown_status(self, row: Tenant) -> str:
        """Whether it may work."""
        return badge(row.status)

    @column("Kind")
    def kind(self, row: Tenant) -> str:
        """Test or not."""
        return badge("test", "Test tenant", tone="info") if row.is_test else "Live"

    @column("Id")
    def shown_id(self, row: Tenant) -> str:
        """As the API shows it."""
        return type_id(TENANT, row.pk)

    @column("Created")
    def created(self, row: Tenant) -> str:
        """When."""
        return instant(row.created_at)

    @action_button("Rename", "settings:write", fields=NameForm, initial=_name, icon="edit")
    def rename(self, press: Press) -> str:
        """The name for people; invoices show the legal name of the settings."""
        rename_tenant(tenant_id=press.tenant_id, name=press.data["name"], at=press.at)
        return "The tenant has been renamed."


class ApplicationForm(NameForm):
    """A new application."""

    slug = forms.CharField(max_length=64, help_text="Lower-case letters, digits and hyphens. It never changes.")


@backoffice_page(Application)
class ApplicationPage(BackofficeAdmin):
    """A tenant's products and sites."""

    area, nav_group, nav_icon, nav_order = "settings", "Tenant", "apps", 40
    intro = "The tenant's products and sites. Service keys can belong to one."
    list_display = ("name", "slug", "created")
    fields = ("name", "slug", "shown_id", "created")
    ordering = ("slug",)

    @column("Created", ordering="id")
    def created(self, row: Application) -> str:
        """When."""
        return instant(row.created_at)

    @column("Id")
    def shown_id(self, row: Application) -> str:
        """As the API shows it."""
        return type_id(APPLICATION, row.pk)

    def panels(self, request: HttpRequest, row: Application) -> Sequence[Panel]:
        """Its keys."""
        if not access_of(request).may("settings:read"):
            return []
        keys = ServiceKey.objects.filter(tenant_id=row.tenant_id, application_id=row.pk).order_by("-id")[:50]
        page: Any = self.admin_site._registry[ServiceKey]
        rows = [(link(page.object_path(key.pk), key.name), page.state(key), instant(key.created_at)) for key in keys]
        return [Table("Service keys", ["Name", "State", "Created"], rows, empty="No key belongs to it.")]

    @action_button("New application", "settings:write", on="list", fields=ApplicationForm, tone="primary", icon="add")
    def create(self, press: Press) -> str:
        """Create one."""
        made = create_application(
            tenant_id=press.tenant_id, slug=press.data["slug"], name=press.data["name"], at=press.at
        )
        return f"{made.name} has been created."


def access_card(access: Access) -> Sequence[Card]:
    """Who and what may come in."""
    members = Membership.objects.filter(tenant_id=access.tenant_id, active=True).count()
    keys = ServiceKey.objects.filter(tenant_id=access.tenant_id, revoked_at__isnull=True).count()
    return [
        Card(
            "Access",
            [
                Line("Members", members, href="/admin/tenants/membership/"),
                Line("Service keys in use", keys, href="/admin/tenants/servicekey/"),
            ],
            scope="settings:read",
            icon="key",
        )
    ]


cards.register("tenants.access", access_card)
