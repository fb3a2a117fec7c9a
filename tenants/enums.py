"""Closed lists of the tenants app."""

from enum import StrEnum

from django.db.models import TextChoices


class Role(TextChoices):
    """What a staff member may do in a tenant (scopes per role: `tenants.scopes`)."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    READ_ONLY = "read_only", "Read-only"


class TenantStatus(TextChoices):
    """A suspended tenant's keys and members are refused."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class TenantCommand(StrEnum):
    """What happens to a tenant."""

    SUSPEND = "suspend"
    RESUME = "resume"


class ProrationPolicy(TextChoices):
    """How a change within a period is charged."""

    EXACT = "exact"
    DAY = "day"
    NONE = "none"


class LogoType(TextChoices):
    """Kinds of pictures taken for a logo."""

    PNG = "image/png"
    JPEG = "image/jpeg"


class AuditOutcome(TextChoices):
    """Whether the audited act took place."""

    SUCCEEDED = "succeeded"
    REFUSED = "refused"


class JobStatus(TextChoices):
    """The life of a long-running job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class JobCommand(StrEnum):
    """What happens to a job."""

    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"


class RetentionCause(TextChoices):
    """Why a run of the retention began."""

    SCHEDULE = "schedule"  # the daily job
    COMMAND = "command"  # an operator, for everything that is due
    REQUEST = "request"  # an operator, for one customer who asked for it


class RetentionStatus(TextChoices):
    """Whether a run of the retention has ended."""

    RUNNING = "running"
    FINISHED = "finished"
