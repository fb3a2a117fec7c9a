"""Tenants: the Django application."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from tenants.erasing import AuditTraces
from tenants.grants import grant_tables
from tenants.registries import erasers


class TenantsConfig(AppConfig):
    """Tenants, applications, memberships, service keys, settings, the audit trail and row-level security."""

    name = "tenants"

    def ready(self) -> None:
        """Grant the application's role its tables after each migration run; say what the trail loses."""
        post_migrate.connect(grant_tables, dispatch_uid="tenants.grant_tables")
        erasers.register("tenants.audit", AuditTraces())
