"""Models of the tenants app, one file per subject."""

from tenants.models.audit import AuditEntry
from tenants.models.idempotency import IdempotencyKey
from tenants.models.identity import Membership, ServiceKey, StaffToken, User
from tenants.models.job import Job
from tenants.models.lease import Lease
from tenants.models.tenant import Application, Tenant, TenantSettings

__all__ = [
    "Application", "AuditEntry", "IdempotencyKey", "Job", "Lease", "Membership", "ServiceKey", "StaffToken",
    "Tenant", "TenantSettings", "User",
]  # fmt: skip
