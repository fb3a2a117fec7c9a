"""Tenants: the Django application."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    """Tenants, applications, memberships, service keys, settings, the audit trail, row-level security and the registries that later apps fill."""

    name = "tenants"
