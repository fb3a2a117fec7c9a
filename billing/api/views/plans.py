"""Views of plans and their versions."""

from __future__ import annotations

import re
from uuid import UUID

from billing.api.plans import (
    IN_FORCE_AT,
    PlanChange,
    PlanInput,
    PlanOutput,
    PlanVersionOutput,
    PublishInput,
    VersionInput,
)
from billing.enums import PlanStatus
from billing.representations import plan_body, plan_version_body
from billing.selectors import get_plan, get_plan_version, plan_versions, plans, require_plan
from billing.services.plan_versions import create_plan_version, deactivate_plan_version, publish_plan_version
from billing.services.plans import archive_plan, create_plan, delete_plan, update_plan
from common.api.filters import choice_filter, id_filter, text_filter
from common.api.operation import operation
from common.api.reasons import ReasonInput
from common.ids import encode_id
from common.prefixes import APPLICATION, PLAN, PLAN_VERSION
from tenants.api.view import Answer, Call, TenantView, path_id

_CONTENT = {
    400: ["validation_error"], 404: ["not_found"],
    422: ["currency_mismatch", "price_inactive", "application_mismatch"],
}  # fmt: skip
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class PlansView(TenantView):
    """`/api/plans`."""

    @operation(
        "catalogue:read",
        "List plans",
        answers={200: PlanOutput},
        filters=[
            choice_filter("status", PlanStatus.values),
            id_filter("applicationId", APPLICATION),
            text_filter("slug", max_length=64),
        ],
        paged=True,
    )
    def get(self, call: Call) -> Answer:
        """Plans, newest first."""
        return call.listing(plans(tenant_id=call.tenant_id, at=call.at, condition=call.filters()), plan_body)

    @operation(
        "catalogue:write", "Create a plan", answers={201: PlanOutput}, body=PlanInput,
        refusals={**_CONTENT, 409: ["already_exists", "feature_archived"]},
        description="The plan and its first version are drafts.",
    )  # fmt: skip
    def post(self, call: Call) -> Answer:
        """A new plan."""
        plan = create_plan(tenant_id=call.tenant_id, at=call.at, **call.data)
        return _shown(call, plan.id, status=201)


class PlanView(TenantView):
    """`/api/plans/{id}`."""

    @operation("catalogue:read", "Get a plan", answers={200: PlanOutput})
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """One plan."""
        return _shown(call, path_id(PLAN, id))

    @operation(
        "catalogue:write", "Update a plan", answers={200: PlanOutput}, body=PlanChange, partial=True,
        refusals={**_CONTENT, 409: ["plan_archived", "plan_published", "already_exists", "feature_archived"]},
        description="Everything of a draft; after it was published only `name`, `description` and `metadata`.",
    )  # fmt: skip
    def patch(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Change what is given; null clears."""
        plan = update_plan(tenant_id=call.tenant_id, plan_id=path_id(PLAN, id), at=call.at, changes=call.data)
        return _shown(call, plan.id)

    @operation("catalogue:write", "Delete a plan", answers={204: None}, refusals={409: ["plan_in_use"]})
    def delete(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Remove it, unless it was published or something refers to it."""
        delete_plan(tenant_id=call.tenant_id, plan_id=path_id(PLAN, id))
        return Answer(204)


class PlanArchiveView(TenantView):
    """`/api/plans/{id}/archive`."""

    @operation(
        "catalogue:write", "Archive a plan", answers={200: PlanOutput},
        description="It is not sold any more. Who has it keeps it. Repeating it changes nothing.",
    )  # fmt: skip
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Archive it."""
        plan = archive_plan(tenant_id=call.tenant_id, plan_id=path_id(PLAN, id), at=call.at)
        return _shown(call, plan.id)


class PlanVersionsView(TenantView):
    """`/api/plans/{id}/versions`."""

    @operation(
        "catalogue:read", "List versions of a plan", answers={200: PlanVersionOutput}, filters=[IN_FORCE_AT], paged=True
    )
    def get(self, call: Call, id: str) -> Answer:  # noqa: A002
        """Versions, newest first; with `at` the one in force then."""
        plan_id = path_id(PLAN, id)
        require_plan(tenant_id=call.tenant_id, plan_id=plan_id)
        rows = plan_versions(tenant_id=call.tenant_id, plan_id=plan_id, condition=call.filters())
        return call.listing(rows, plan_version_body)

    @operation(
        "catalogue:write", "Create a version of a plan", answers={201: PlanVersionOutput}, body=VersionInput,
        refusals={**_CONTENT, 409: ["plan_archived", "feature_archived"]},
        description="A draft. What is left out is as in the latest version.",
    )  # fmt: skip
    def post(self, call: Call, id: str) -> Answer:  # noqa: A002
        """A new draft."""
        plan_id = path_id(PLAN, id)
        made = create_plan_version(tenant_id=call.tenant_id, plan_id=plan_id, at=call.at, given=call.data)
        row = get_plan_version(tenant_id=call.tenant_id, plan_id=plan_id, version=made.id)
        return Answer(201, plan_version_body(row), location=f"/api/plans/{id}/versions")


class PlanVersionPublishView(TenantView):
    """`/api/plans/{id}/versions/{version}/publish`."""

    @operation(
        "catalogue:write", "Publish a version of a plan", answers={200: PlanVersionOutput}, body=PublishInput,
        refusals={
            422: ["currency_mismatch", "price_inactive", "application_mismatch"],
            409: ["version_published", "version_overlap", "plan_archived", "feature_archived"],
        },
        description=(
            "`version` is its number or its id. The version that is in force without an end ends where this one "
            "starts. From now on its prices are in use."
        ),
    )  # fmt: skip
    def post(self, call: Call, id: str, version: str) -> Answer:  # noqa: A002
        """Publish it."""
        row = publish_plan_version(
            tenant_id=call.tenant_id, plan_id=path_id(PLAN, id), version=path_version(version), at=call.at, **call.data
        )
        return Answer(200, plan_version_body(row))


class PlanVersionDeactivateView(TenantView):
    """`/api/plans/{id}/versions/{version}/deactivate`."""

    @operation(
        "catalogue:write", "Deactivate a version of a plan", answers={200: PlanVersionOutput}, body=ReasonInput,
        refusals={409: ["version_not_published"]},
        description="Nobody can subscribe to it any more; who has it keeps it. Repeating it changes nothing.",
    )  # fmt: skip
    def post(self, call: Call, id: str, version: str) -> Answer:  # noqa: A002
        """Deactivate it."""
        row = deactivate_plan_version(
            tenant_id=call.tenant_id, plan_id=path_id(PLAN, id), version=path_version(version), at=call.at, **call.data
        )
        return Answer(200, plan_version_body(row))


def path_version(text: str) -> int | UUID:
    """The number of a version, or its id; anything else does not exist."""
    if _NUMBER.fullmatch(text):
        return int(text)
    return path_id(PLAN_VERSION, text)


def _shown(call: Call, plan_id: UUID, *, status: int = 200) -> Answer:
    """The plan as it is now."""
    plan = get_plan(tenant_id=call.tenant_id, plan_id=plan_id, at=call.at)
    location = f"/api/plans/{encode_id(PLAN, plan.id)}" if status == 201 else None
    return Answer(status, plan_body(plan), location=location)
