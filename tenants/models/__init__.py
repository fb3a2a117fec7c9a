"""Models of the tenants app, one file per subject."""

from tenants.models.audit import AuditEntry
from tenants.models.branding import Logo, SettingsSnapshot
from tenants.models.erasure import ErasedObject, RetentionRun
from tenants.models.idempotency import IdempotencyKey
from tenants.models.identity import Membership, ServiceKey, StaffToken, User
from tenants.models.job import Job
from tenants.models.lease import Lease
from tenants.models.tenant import Application, Tenant, TenantSettings

__all__ = [
    "Application", "AuditEntry", "ErasedObject", "IdempotencyKey", "Job", "Lease", "Logo", "Membership",
    "RetentionRun", "ServiceKey", "SettingsSnapshot", "StaffToken", "Tenant", "TenantSettings", "User",
]  # fmt: skip
