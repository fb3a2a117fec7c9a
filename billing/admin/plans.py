"""The pages of plans and of their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect

from billing.admin.amounts import price_text
from billing.admin.customers import pairs_of
from billing.admin.features import limit_text
from billing.admin.plan_forms import (
    PlanForm,
    PlanTextForm,
    PublishForm,
    VersionForm,
    plan_arguments,
    plan_changes,
    plan_values,
    standing_of,
    version_values,
)
from billing.enums import PlanStatus, ResetPeriod, VersionStatus
from billing.models import Plan, PlanVersion
from billing.services.plan_versions import create_plan_version, deactivate_plan_version, publish_plan_version
from billing.services.plans import archive_plan, create_plan, delete_plan, update_plan
from common.prefixes import PLAN, PLAN_VERSION
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, Table, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import metadata_change
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject

SHOWN = 50


def is_draft(row: Any) -> bool:
    """Of plans and of versions."""
    return bool(row.status == PlanStatus.DRAFT)


def is_kept(row: Plan) -> bool:
    """Whether it gets new versions."""
    return row.status != PlanStatus.ARCHIVED


@backoffice_page(Plan)
class PlanPage(BackofficeAdmin):
    """What customers subscribe to."""

    area = "catalogue"
    nav_group = "Billing"
    nav_icon = "workspaces"
    nav_order = 32
    sortable_by = ()
    optional = ("text", "of", "pairs")
    list_display = ("name", "known_as", "currency", "of", "state", "since")
    list_select_related = ("application",)
    search_fields = ("id",)
    search_help_text = "Id or slug"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name", "known_as", "own_id", "text", "currency", "of", "several", "state", "since", "pairs",
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id, or by the slug."""
        term = search_term.strip()
        subject = subject_named(term)
        if subject is not None:
            return queryset.filter(id=subject.id), False
        return (queryset.filter(slug=term) if term else queryset), False

    def panels(self, request: HttpRequest, row: Plan) -> Sequence[Panel]:
        """The versions, and what the latest charges and grants."""
        versions = row.versions.order_by("-number")[:SHOWN]
        rows = [
            [link_to(Subject("planVersion", one.id), f"Version {one.number}"), display.badge(one.status),
             display.instant(one.starts_at), display.instant(one.ends_at), one.trial_days]
            for one in versions
        ]  # fmt: skip
        table = Table("Versions", ["", "State", "From", "Until", "Trial days"], rows, numeric=(4,))
        return [table, *content_panels(standing_of(row))]

    @action_button("New plan", "catalogue:write", on="list", fields=PlanForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_plan`."""
        made = create_plan(tenant_id=press.tenant_id, at=press.at, **plan_arguments(press.data))
        return f"{made} has been created, as a draft."

    def values(self, request: HttpRequest, row: Plan) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return plan_values(row)

    @action_button(
        "Edit", "catalogue:write", fields=PlanForm, initial=values, icon="edit", versioned=True, shown=is_draft
    )
    def edit(self, press: Press) -> Outcome:
        """`update_plan`."""
        self._change(press, plan_changes(press.object, press.data))
        return "The plan has been changed."

    def texts(self, request: HttpRequest, row: Plan) -> Mapping[str, Any]:
        """What the form of texts begins with."""
        return {"name": row.name, "description": row.description, "metadata": row.metadata}

    @action_button(
        "Edit texts", "catalogue:write", fields=PlanTextForm, initial=texts, icon="edit", versioned=True,
        shown=lambda row: row.status == PlanStatus.ACTIVE,
        help="The plan is published. Make a new version to change what it charges and grants.",
    )  # fmt: skip
    def rename(self, press: Press) -> Outcome:
        """`update_plan`."""
        metadata = metadata_change(press.object.metadata, press.data["metadata"])
        texts = {"name": press.data["name"], "description": press.data["description"] or None}
        self._change(press, {**texts, "metadata": metadata})
        return "The plan has been changed."

    def next_values(self, request: HttpRequest, row: Plan) -> Mapping[str, Any]:
        """What the form of a new version begins with: the latest."""
        return version_values(row)

    @action_button(
        "New version", "catalogue:write", fields=VersionForm, initial=next_values, icon="add", shown=is_kept,
        help="A draft that begins as the latest version. It is in force once it is published.",
    )  # fmt: skip
    def draft(self, press: Press) -> Outcome:
        """`create_plan_version`."""
        made = create_plan_version(
            tenant_id=press.tenant_id, plan_id=press.object.id, at=press.at, given=press.data["terms"]
        )
        return f"Version {made.number} has been created, as a draft."

    @action_button(
        "Archive", "catalogue:write", icon="archive", shown=is_kept,
        confirm="It is not sold any more. Who has it keeps it. This cannot be undone.",
    )  # fmt: skip
    def archive(self, press: Press) -> Outcome:
        """`archive_plan`."""
        archive_plan(tenant_id=press.tenant_id, plan_id=press.object.id, at=press.at)
        return "The plan is archived."

    @action_button(
        "Delete", "catalogue:write", tone="danger", icon="delete", reason="required", shown=is_draft,
        confirm="The plan and its drafts are removed.",
    )  # fmt: skip
    def remove(self, press: Press) -> Outcome:
        """`delete_plan`."""
        delete_plan(tenant_id=press.tenant_id, plan_id=press.object.id)
        return HttpResponseRedirect(self.list_path())

    def _change(self, press: Press, changes: Mapping[str, Any]) -> None:
        update_plan(tenant_id=press.tenant_id, plan_id=press.object.id, at=press.at, changes=changes)

    @column("Slug")
    def known_as(self, row: Plan) -> Any:
        """As services name it."""
        return display.code(row.slug)

    @column("Id")
    def own_id(self, row: Plan) -> Any:
        """As the API shows it."""
        return display.type_id(PLAN, row.id)

    @column("Description")
    def text(self, row: Plan) -> Any:
        """For people."""
        return row.description or display.EMPTY

    @column("Application")
    def of(self, row: Plan) -> Any:
        """None: of all."""
        return row.application.name if row.application else display.EMPTY

    @column("A customer may have several")
    def several(self, row: Plan) -> Any:
        """Yes or no."""
        return "Yes" if row.multiple else "No"

    @column("State")
    def state(self, row: Plan) -> Any:
        """Draft, active or archived."""
        return display.badge(row.status)

    @column("Since")
    def since(self, row: Plan) -> Any:
        """When it was made."""
        return display.instant(row.created_at)

    @column("Metadata")
    def pairs(self, row: Plan) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)


@backoffice_page(PlanVersion)
class PlanVersionPage(BackofficeAdmin):
    """Terms of a plan, and when they are in force. Reached through the plan."""

    area = "catalogue"
    title = "Versions of plans"
    sortable_by = ()
    optional = ("commitment", "text", "off", "why", "pairs")
    list_display = ("number", "of_plan", "state", "from_when", "until_when", "trial_days")
    list_select_related = ("plan",)
    search_fields = ("id",)
    search_help_text = "Id of a version or a plan"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "of_plan", "number", "own_id", "state", "from_when", "until_when", "name", "text", "currency",
                    "trial_days", "commitment", "off", "why", "since", "pairs",
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id, of the version or the plan."""
        term = search_term.strip()
        subject = subject_named(term)
        if subject is None:
            return (queryset.none() if term else queryset), False
        return queryset.filter(**{"plan_id" if subject.type == "plan" else "id": subject.id}), False

    def panels(self, request: HttpRequest, row: PlanVersion) -> Sequence[Panel]:
        """What it charges and grants."""
        return content_panels(row)

    @action_button(
        "Publish", "catalogue:write", fields=PublishForm, tone="primary", icon="publish", shown=is_draft,
        confirm="It never changes again. The version that is in force without an end ends where this one starts.",
    )  # fmt: skip
    def publish(self, press: Press) -> Outcome:
        """`publish_plan_version`."""
        row = press.object
        publish_plan_version(
            tenant_id=press.tenant_id, plan_id=row.plan_id, version=row.id, at=press.at,
            starts_at=press.data["starts_at"], ends_at=press.data["ends_at"],
        )  # fmt: skip
        return "The version is published."

    @action_button(
        "Deactivate", "catalogue:write", reason="required", tone="danger", icon="block",
        shown=lambda row: row.status == VersionStatus.PUBLISHED,
        confirm="Nobody can subscribe to it any more. Who has it keeps it.",
    )  # fmt: skip
    def deactivate(self, press: Press) -> Outcome:
        """`deactivate_plan_version`."""
        row = press.object
        deactivate_plan_version(
            tenant_id=press.tenant_id, plan_id=row.plan_id, version=row.id, reason=press.reason, at=press.at
        )
        return "The version is deactivated."

    @column("Plan")
    def of_plan(self, row: PlanVersion) -> Any:
        """Whose terms."""
        return link_to(Subject("plan", row.plan_id), row.plan.name)

    @column("Id")
    def own_id(self, row: PlanVersion) -> Any:
        """As the API shows it."""
        return display.type_id(PLAN_VERSION, row.id)

    @column("State")
    def state(self, row: PlanVersion) -> Any:
        """Draft, published or deactivated."""
        return display.badge(row.status)

    @column("From")
    def from_when(self, row: PlanVersion) -> Any:
        """Inclusive."""
        return display.instant(row.starts_at)

    @column("Until")
    def until_when(self, row: PlanVersion) -> Any:
        """Exclusive."""
        return display.instant(row.ends_at)

    @column("Description")
    def text(self, row: PlanVersion) -> Any:
        """For people."""
        return row.description or display.EMPTY

    @column("At least, in each period")
    def commitment(self, row: PlanVersion) -> Any:
        """What is charged whatever is used."""
        if row.minimum_commitment is None:
            return display.EMPTY
        return display.money_text(row.minimum_commitment, row.currency)

    @column("Deactivated")
    def off(self, row: PlanVersion) -> Any:
        """When."""
        return display.instant(row.deactivated_at) if row.deactivated_at else display.EMPTY

    @column("Because")
    def why(self, row: PlanVersion) -> Any:
        """The reason."""
        return row.deactivation_reason or display.EMPTY

    @column("Since")
    def since(self, row: PlanVersion) -> Any:
        """When it was made."""
        return display.instant(row.created_at)

    @column("Metadata")
    def pairs(self, row: PlanVersion) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)


def content_panels(version: PlanVersion) -> list[Panel]:
    """Prices and features, each linked to its page."""
    priced: QuerySet[Any] = version.prices.select_related("price__product").order_by("position")
    prices = [
        [one.price.product.name, link_to(Subject("price", one.price_id), price_text(one.price))] for one in priced
    ]
    granted: QuerySet[Any] = version.features.select_related("feature").order_by("position")
    features = [
        [link_to(Subject("feature", one.feature_id), one.feature.name), limit_text(one.limit),
         "Allowed" if one.soft_limit else "Refused" if one.limit is not None else "",
         ResetPeriod(one.reset_period).label.capitalize() if one.limit is not None else ""]
        for one in granted
    ]  # fmt: skip
    return [
        Table(f"Prices of version {version.number}", ["Product", "Price"], prices),
        Table(
            f"Features of version {version.number}", ["Feature", "Limit", "Above it", "Starts again"], features,
            numeric=(1,),
        ),
    ]  # fmt: skip
