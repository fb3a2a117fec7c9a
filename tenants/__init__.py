"""Tenants, staff, service keys, settings, the audit trail, row-level security, and registries for later apps."""
