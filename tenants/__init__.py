"""Tenants, applications, memberships, service keys, settings, the audit trail, row-level security and the registries that later apps fill."""
