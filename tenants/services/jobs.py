"""Jobs: work accepted for later, which its caller can follow. All functions need the tenant's scope."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from common.errors import NotFound
from tenants.enums import JobCommand, JobStatus
from tenants.models import Job
from tenants.transitions import apply_transition


def create_job(*, tenant_id: UUID, kind: str, at: dt.datetime) -> Job:
    """A queued job. `kind` names the work for callers, such as `provider.sync`."""
    return Job.objects.create(tenant_id=tenant_id, kind=kind, created_at=at, updated_at=at)


def start_job(*, tenant_id: UUID, job_id: UUID, at: dt.datetime) -> Job:
    """The work begins. Raises `NotFound`, `common.states.TransitionRefused` when it began or ended before."""
    job = _locked(tenant_id, job_id)
    apply_transition(job, JobCommand.START, at=at)
    job.save(update_fields=["status", "updated_at"])
    return job


def report_progress(*, tenant_id: UUID, job_id: UUID, percent: int, at: dt.datetime) -> None:
    """How much is done, 0 to 100; kept within these bounds. It never falls, and an ended job does not change."""
    Job.objects.filter(
        tenant_id=tenant_id, id=job_id, status=JobStatus.RUNNING, progress__lt=max(0, min(100, percent))
    ).update(progress=max(0, min(100, percent)), updated_at=at)


def finish_job(*, tenant_id: UUID, job_id: UUID, result: Any, at: dt.datetime) -> Job:
    """The work is done; `result` is JSON for the caller. Raises `NotFound`, `common.states.TransitionRefused`."""
    job = _locked(tenant_id, job_id)
    apply_transition(job, JobCommand.SUCCEED, at=at)
    job.progress, job.result = 100, result
    job.save(update_fields=["status", "progress", "result", "updated_at"])
    return job


def fail_job(*, tenant_id: UUID, job_id: UUID, error: str, at: dt.datetime) -> Job:
    """The work has failed for good; `error` is a sentence for the caller. Raises as `finish_job`."""
    job = _locked(tenant_id, job_id)
    apply_transition(job, JobCommand.FAIL, at=at)
    job.error = error
    job.save(update_fields=["status", "error", "updated_at"])
    return job


def _locked(tenant_id: UUID, job_id: UUID) -> Job:
    job = Job.objects.select_for_update().filter(tenant_id=tenant_id, id=job_id).first()
    if job is None:
        raise NotFound()
    return job
