"""Views of the tenants app."""

from __future__ import annotations

from common.api.filters import CREATED_AT, text_filter
from common.api.operation import operation
from common.prefixes import JOB
from tenants.api.bodies import audit_body, job_body, settings_body
from tenants.api.changes import ENTITY_ID
from tenants.api.serializers import AuditEntryOutput, JobOutput, SettingsInput, SettingsOutput
from tenants.api.view import Answer, Call, TenantView, found, path_id
from tenants.scopes import ANY_READ
from tenants.selectors import audit_entries, find_job
from tenants.services.settings import update_settings


class SettingsView(TenantView):
    """`/api/settings`."""

    @operation("settings:read", "Get the settings", answers={200: SettingsOutput})
    def get(self, call: Call) -> Answer:
        """The tenant's settings."""
        return Answer(200, settings_body(call.settings))

    @operation(
        "settings:write", "Update the settings", answers={200: SettingsOutput}, body=SettingsInput, partial=True,
        refusals={422: ["invalid_logo"]},
        description=(
            "What is not given stays. `address` is replaced as a whole; of `smtp` only the given parts change, and "
            "null clears it. `invoiceTexts` are replaced as a whole; `logo` takes a PNG or JPEG picture in Base64, at "
            "most 256 KiB and 2,000 by 2,000 pixels. Documents that are issued already keep what they had."
        ),
    )  # fmt: skip
    def patch(self, call: Call) -> Answer:
        """Change some of them."""
        return Answer(200, settings_body(update_settings(tenant_id=call.tenant_id, changes=call.data, at=call.at)))


class AuditView(TenantView):
    """`/api/audit`."""

    @operation(
        "audit:read", "List the audit trail", answers={200: AuditEntryOutput}, paged=True,
        filters=[
            text_filter("entityType", max_length=32), ENTITY_ID, text_filter("actor", "actor_id", max_length=128),
            text_filter("action", max_length=64), CREATED_AT,
        ],
    )  # fmt: skip
    def get(self, call: Call) -> Answer:
        """Who did what, newest first."""
        return call.listing(audit_entries(tenant_id=call.tenant_id).filter(call.filters()), audit_body)


class JobView(TenantView):
    """`/api/jobs/{id}`."""

    @operation(ANY_READ, "Get a job", answers={200: JobOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """How far it is, and what came of it."""
        job = find_job(tenant_id=call.tenant_id, job_id=path_id(JOB, id))
        return Answer(200, job_body(found(job)))
