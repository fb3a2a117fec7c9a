"""The life of a job. Only `apply_transition` writes its status."""

from __future__ import annotations

import datetime as dt

from common.states import StateMachine
from tenants.enums import JobCommand, JobStatus
from tenants.models import Job

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
