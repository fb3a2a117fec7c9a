"""Claims about jobs and `/api/jobs/{id}`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from common.errors import NotFound
from common.ids import encode_id, new_id
from common.prefixes import INVOICE, JOB
from common.states import TransitionRefused
from tenants.models import Job, Tenant
from tenants.scope import tenant_scope
from tenants.services.jobs import create_job, fail_job, finish_job, report_progress, start_job
from tests.clients import Api


@pytest.fixture
def job(tenant: Tenant, at: dt.datetime) -> Job:
    with tenant_scope(tenant.id):
        return create_job(tenant_id=tenant.id, kind="provider.sync", at=at)


def test_a_job_is_followed_from_queued_to_succeeded(api: Api, tenant: Tenant, job: Job, at: dt.datetime) -> None:
    path = f"/api/jobs/{encode_id(JOB, job.id)}"
    assert api.get(path).json() == {
        "id": encode_id(JOB, job.id), "object": "job", "kind": "provider.sync", "status": "queued", "progress": 0,
        "result": None, "error": None, "createdAt": "2026-03-01T12:00:00.000Z",
    }  # fmt: skip
    with tenant_scope(tenant.id):
        start_job(tenant_id=tenant.id, job_id=job.id, at=at)
        report_progress(tenant_id=tenant.id, job_id=job.id, percent=60, at=at)
        report_progress(tenant_id=tenant.id, job_id=job.id, percent=40, at=at)
    assert (api.get(path).json()["status"], api.get(path).json()["progress"]) == ("running", 60)
    with tenant_scope(tenant.id):
        finish_job(tenant_id=tenant.id, job_id=job.id, result={"synced": 3}, at=at)
        report_progress(tenant_id=tenant.id, job_id=job.id, percent=10, at=at)
    body = api.get(path).json()
    assert (body["status"], body["progress"], body["result"]) == ("succeeded", 100, {"synced": 3})


def test_a_failed_job_says_why_and_stays_failed(api: Api, tenant: Tenant, job: Job, at: dt.datetime) -> None:
    with tenant_scope(tenant.id):
        fail_job(tenant_id=tenant.id, job_id=job.id, error="The provider refused.", at=at)
        with pytest.raises(TransitionRefused):
            start_job(tenant_id=tenant.id, job_id=job.id, at=at)
        with pytest.raises(TransitionRefused):
            finish_job(tenant_id=tenant.id, job_id=job.id, result=None, at=at)
    body = api.get(f"/api/jobs/{encode_id(JOB, job.id)}").json()
    assert (body["status"], body["error"]) == ("failed", "The provider refused.")


def test_a_job_that_was_not_started_cannot_succeed(tenant: Tenant, job: Job, at: dt.datetime) -> None:
    with tenant_scope(tenant.id), pytest.raises(TransitionRefused):
        finish_job(tenant_id=tenant.id, job_id=job.id, result=None, at=at)


def test_a_job_of_another_tenant_reads_like_one_that_does_not_exist(
    api: Api, job: Job, other_api: Api, other_tenant: Tenant, at: dt.datetime
) -> None:
    bodies = []
    for name in (encode_id(JOB, job.id), encode_id(JOB, new_id()), encode_id(INVOICE, job.id), "nonsense"):
        answer = other_api.get(f"/api/jobs/{name}", x_trace_id="same")
        assert answer.status_code == 404
        bodies.append(answer.content)
    assert len(set(bodies)) == 1
    with tenant_scope(other_tenant.id), pytest.raises(NotFound):
        start_job(tenant_id=other_tenant.id, job_id=job.id, at=at)


def test_any_read_scope_opens_a_job_and_no_write_scope_does(
    tenant: Tenant, job: Job, api_of: Callable[..., Api]
) -> None:
    path = f"/api/jobs/{encode_id(JOB, job.id)}"
    assert api_of(tenant, "usage:read").get(path).status_code == 200
    refused = api_of(tenant, "usage:write", "invoices:write").get(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
