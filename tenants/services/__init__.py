"""What changes tenants, staff, service keys, settings and jobs."""
