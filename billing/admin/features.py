"""The page of features and its forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponseRedirect

from billing.admin.customers import pairs_of
from billing.enums import FeatureStatus, FeatureType
from billing.models import Feature
from billing.patterns import FEATURE_KEY, FEATURE_KEY_HINT
from billing.services.features import archive_feature, create_feature, delete_feature, update_feature
from common.api.fields import PatternField, TextField
from common.money import MAX_AMOUNT
from common.prefixes import FEATURE
from tenants.backoffice import display
from tenants.backoffice.api import (
    Access,
    BackofficeAdmin,
    BackofficeForm,
    Press,
    action_button,
    backoffice_page,
    column,
)
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import CheckedField, MetadataField, metadata_change
from tenants.backoffice.references import subject_named
from tenants.selectors import applications

UNLIMITED = "Unlimited"


class FeatureForm(BackofficeForm):
    """What of a feature may change."""

    sections: Sequence[tuple[str, Sequence[str]]] = (
        ("", ("name", "default_limit", "unit")),
        ("For programs", ("metadata",)),
    )

    name = CheckedField(TextField(max_length=255), max_length=255)
    default_limit = forms.IntegerField(
        required=False, min_value=-1, max_value=MAX_AMOUNT, label="Default limit",
        help_text="Of plans that say nothing else. -1: unlimited. A switch has none.",
    )  # fmt: skip
    unit = CheckedField(TextField(max_length=40), max_length=40, required=False, help_text="Such as calls or GB.")
    metadata = MetadataField()


class NewFeatureForm(FeatureForm):
    """A new feature also has what never changes."""

    sections = (("", ("key", "name", "type", "application", "default_limit", "unit")), *FeatureForm.sections[1:])

    key = CheckedField(
        PatternField(max_length=64, pattern=FEATURE_KEY, hint=FEATURE_KEY_HINT), max_length=64,
        help_text="Services ask by it. It never changes.",
    )  # fmt: skip
    type = forms.ChoiceField(choices=FeatureType.choices)
    application = forms.ChoiceField(required=False, help_text="Empty: of all applications.")

    def prepare(self, access: Access, row: Any) -> None:
        """Offer the applications."""
        self.fields["application"].choices = application_choices(access)  # type: ignore[attr-defined]


def application_choices(access: Access) -> list[tuple[str, str]]:
    """None, and those of the tenant."""
    return [("", "–"), *((str(one.id), one.name) for one in applications(tenant_id=access.tenant_id))]


def feature_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_feature` takes."""
    given = {name: value for name, value in data.items() if name != "application"}
    application_id = UUID(data["application"]) if data["application"] else None
    return given | {"application_id": application_id, "unit": data["unit"] or None}


@backoffice_page(Feature)
class FeaturePage(BackofficeAdmin):
    """What plans grant."""

    area = "catalogue"
    nav_group = "Billing"
    nav_icon = "toggle_on"
    nav_order = 33
    sortable_by = ()
    optional = ("of", "unit_shown", "pairs")
    list_display = ("name", "known_as", "kind", "limit", "of", "state")
    list_select_related = ("application",)
    search_fields = ("id",)
    search_help_text = "Id or key"
    fieldsets = (
        (
            None,
            {"fields": ("name", "known_as", "own_id", "kind", "limit", "unit_shown", "of", "state", "since", "pairs")},
        ),
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id, or by the key."""
        term = search_term.strip()
        subject = subject_named(term)
        if subject is not None:
            return queryset.filter(id=subject.id), False
        return (queryset.filter(key=term) if term else queryset), False

    @action_button("New feature", "catalogue:write", on="list", fields=NewFeatureForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_feature`."""
        made = create_feature(tenant_id=press.tenant_id, at=press.at, **feature_arguments(press.data))
        return f"{made} has been created."

    def values(self, request: HttpRequest, row: Feature) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return {"name": row.name, "default_limit": row.default_limit, "unit": row.unit, "metadata": row.metadata}

    @action_button(
        "Edit", "catalogue:write", fields=FeatureForm, initial=values, icon="edit", versioned=True,
        shown=lambda row: row.status == FeatureStatus.ACTIVE,
        help="Versions of plans keep the limits they were written with.",
    )  # fmt: skip
    def edit(self, press: Press) -> Outcome:
        """`update_feature`."""
        data = press.data
        changes = {
            "name": data["name"], "default_limit": data["default_limit"], "unit": data["unit"] or None,
            "metadata": metadata_change(press.object.metadata, data["metadata"]),
        }  # fmt: skip
        update_feature(tenant_id=press.tenant_id, feature_id=press.object.id, at=press.at, changes=changes)
        return "The feature has been changed."

    @action_button(
        "Archive", "catalogue:write", icon="archive", shown=lambda row: row.status == FeatureStatus.ACTIVE,
        confirm="It enters no plan and no price any more. Where it is, it stays. This cannot be undone.",
    )  # fmt: skip
    def archive(self, press: Press) -> Outcome:
        """`archive_feature`."""
        archive_feature(tenant_id=press.tenant_id, feature_id=press.object.id, at=press.at)
        return "The feature is archived."

    @action_button(
        "Delete", "catalogue:write", tone="danger", icon="delete", reason="required",
        confirm="The feature is removed. What plans or prices refer to is kept.",
    )  # fmt: skip
    def remove(self, press: Press) -> Outcome:
        """`delete_feature`."""
        delete_feature(tenant_id=press.tenant_id, feature_id=press.object.id)
        return HttpResponseRedirect(self.list_path())

    @column("Key")
    def known_as(self, row: Feature) -> Any:
        """As services ask for it."""
        return display.code(row.key)

    @column("Id")
    def own_id(self, row: Feature) -> Any:
        """As the API shows it."""
        return display.type_id(FEATURE, row.id)

    @column("Type")
    def kind(self, row: Feature) -> Any:
        """How it is granted."""
        return FeatureType(row.type).label

    @column("Default limit")
    def limit(self, row: Feature) -> Any:
        """Of plans that say nothing else."""
        return limit_text(row.default_limit)

    @column("Unit")
    def unit_shown(self, row: Feature) -> Any:
        """What is counted."""
        return row.unit or display.EMPTY

    @column("Application")
    def of(self, row: Feature) -> Any:
        """None: of all."""
        return row.application.name if row.application else display.EMPTY

    @column("State")
    def state(self, row: Feature) -> Any:
        """Active or archived."""
        return display.badge(row.status)

    @column("Since")
    def since(self, row: Feature) -> Any:
        """When it was made."""
        return display.instant(row.created_at)

    @column("Metadata")
    def pairs(self, row: Feature) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)


def limit_text(limit: int | None) -> str:
    """-1 in words."""
    return display.EMPTY if limit is None else UNLIMITED if limit < 0 else f"{limit:,}"
