"""The lives of a job and of a tenant. Only this module writes a status."""

from __future__ import annotations

import datetime as dt

from common.states import StateMachine
from tenants.enums import JobCommand, JobStatus, TenantCommand, TenantStatus
from tenants.models import Job, Tenant

JOB: StateMachine[JobStatus, JobCommand] = StateMachine(
    "job",
    {
        (JobStatus.QUEUED, JobCommand.START): JobStatus.RUNNING,
        (JobStatus.QUEUED, JobCommand.FAIL): JobStatus.FAILED,
        (JobStatus.RUNNING, JobCommand.SUCCEED): JobStatus.SUCCEEDED,
        (JobStatus.RUNNING, JobCommand.FAIL): JobStatus.FAILED,
    },
    initial=JobStatus.QUEUED,
)


def apply_transition(job: Job, command: JobCommand, *, at: dt.datetime) -> None:
    """Give the job its next status; the caller saves it. Raises `common.states.TransitionRefused`."""
    job.status = JOB.next_state(job.status, command)
    job.updated_at = at


TENANT: StateMachine[TenantStatus, TenantCommand] = StateMachine(
    "tenant",
    {
        (TenantStatus.ACTIVE, TenantCommand.SUSPEND): TenantStatus.SUSPENDED,
        (TenantStatus.SUSPENDED, TenantCommand.RESUME): TenantStatus.ACTIVE,
    },
    initial=TenantStatus.ACTIVE,
)


def apply_tenant_transition(tenant: Tenant, command: TenantCommand, *, at: dt.datetime) -> None:
    """Give the tenant its next status; the caller saves it. Raises `common.states.TransitionRefused`."""
    tenant.status = TENANT.next_state(tenant.status, command)
    tenant.updated_at = at
