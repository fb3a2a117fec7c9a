"""Forms of plans and their versions: texts, terms, prices to choose, and a row for each feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms

from billing.admin.amounts import price_text
from billing.admin.features import application_choices
from billing.enums import FeatureStatus, ResetPeriod
from billing.models import Feature, Plan, PlanVersion, Price
from billing.models.plan import MAX_FEATURES, MAX_TRIAL_DAYS
from billing.patterns import SLUG, SLUG_HINT
from billing.selectors import plan_versions
from common.api.fields import PatternField, TextField
from common.money import MAX_AMOUNT
from tenants.backoffice.api import Access, BackofficeForm
from tenants.backoffice.fields import (
    AmountField,
    CheckedField,
    DayTimeField,
    MetadataField,
    amount_in,
    amount_out,
    currency_choices,
    metadata_change,
)

OFFERED: Final = 1000
_TEXT = {"rows": 3}


class GrantedForm(forms.Form):
    """What is granted of one feature."""

    feature = forms.ChoiceField()
    limit = forms.IntegerField(
        required=False, min_value=-1, max_value=MAX_AMOUNT, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )
    soft_limit = forms.ChoiceField(required=False, label="Above it", choices=[("", "Refused"), ("soft", "Allowed")])
    reset_period = forms.ChoiceField(
        required=False, label="Starts again",
        choices=[("", "–"), *((one.value, one.label.capitalize()) for one in ResetPeriod)],
    )  # fmt: skip

    def __init__(self, *args: Any, features: Sequence[tuple[str, str]] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["feature"].choices = [("", "–"), *features]  # type: ignore[attr-defined]


class PlanTextForm(BackofficeForm):
    """What of a published plan may change."""

    sections: Sequence[tuple[str, Sequence[str]]] = (("", ("name", "description")), ("For programs", ("metadata",)))

    name = CheckedField(TextField(max_length=255), max_length=255)
    description = CheckedField(
        TextField(max_length=5000, multiline=True), max_length=5000, required=False,
        widget=forms.Textarea(attrs=_TEXT),
    )  # fmt: skip
    metadata = MetadataField()


class VersionForm(BackofficeForm):
    """The terms of a version. `cleaned_data["terms"]` are what the services take."""

    sections: Sequence[tuple[str, Sequence[str]]] = (
        ("", ("name", "description")),
        ("Terms", ("trial_days", "minimum_commitment", "prices")),
    )
    row_form = GrantedForm
    rows_title = "Features. An empty limit is the feature's own, -1 is unlimited"
    rows_required = False
    rows_max = MAX_FEATURES

    name = CheckedField(TextField(max_length=255), max_length=255)
    description = CheckedField(
        TextField(max_length=5000, multiline=True), max_length=5000, required=False,
        widget=forms.Textarea(attrs=_TEXT),
    )  # fmt: skip
    trial_days = forms.IntegerField(min_value=0, max_value=MAX_TRIAL_DAYS, initial=0)
    minimum_commitment = AmountField(required=False, help_text="At least this is charged in each period.")
    prices = forms.MultipleChoiceField(required=False, widget=forms.SelectMultiple)

    def prepare(self, access: Access, row: Any) -> None:
        """Offer prices and features; called before the form is shown or read."""
        plan = row if isinstance(row, Plan) else None
        self.plan_currency = plan.currency if plan is not None else ""
        held = standing_of(plan) if plan is not None else None
        self.fields["prices"].choices = _prices(access, held, self.plan_currency)  # type: ignore[attr-defined]
        self.rows.form_kwargs = {"features": _features(access, held, plan)}

    def is_valid(self) -> bool:
        """The commitment in minor units, the features as the services take them."""
        if not super().is_valid():
            return False
        data = self.cleaned_data
        commitment = self._commitment(data)
        if self.errors:
            return False
        data["terms"] = {
            "name": data["name"], "description": data["description"] or None, "trial_days": data["trial_days"],
            "minimum_commitment": commitment, "prices": [UUID(one) for one in data["prices"]],
            "features": [_granted(row) for row in data["rows"]],
        }  # fmt: skip
        return True

    def _commitment(self, data: Mapping[str, Any]) -> int | None:
        if not data["minimum_commitment"]:
            return None
        try:
            return amount_in(data["minimum_commitment"], data.get("currency") or self.plan_currency)
        except forms.ValidationError as wrong:
            self.add_error("minimum_commitment", wrong)
            return None


class PlanForm(VersionForm):
    """A plan that is a draft, or new."""

    sections = (
        ("", ("name", "slug", "description", "application", "currency", "multiple")),
        VersionForm.sections[1],
        ("For programs", ("metadata",)),
    )

    slug = CheckedField(
        PatternField(max_length=64, pattern=SLUG, hint=SLUG_HINT), max_length=64, required=False,
        help_text="How services name it. Empty: made of the name.",
    )  # fmt: skip
    application = forms.ChoiceField(required=False, help_text="Empty: of all applications.")
    currency = forms.ChoiceField(choices=currency_choices)
    multiple = forms.BooleanField(required=False, label="A customer may have several")
    metadata = MetadataField()

    def prepare(self, access: Access, row: Any) -> None:
        """Offer the applications too, and prices of all currencies."""
        super().prepare(access, row)
        self.fields["application"].choices = application_choices(access)  # type: ignore[attr-defined]
        held = standing_of(row) if isinstance(row, Plan) else None
        self.fields["prices"].choices = _prices(access, held, "")  # type: ignore[attr-defined]


class PublishForm(BackofficeForm):
    """When a version is in force."""

    starts_at = DayTimeField(required=False, label="From", help_text="Empty: now. The version before ends then.")
    ends_at = DayTimeField(required=False, label="Until", help_text="Empty: until another takes its place.")


def plan_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_plan` takes."""
    application_id = UUID(data["application"]) if data["application"] else None
    slug = {"slug": data["slug"]} if data["slug"] else {}
    own = {"application_id": application_id, "currency": data["currency"], "multiple": data["multiple"]}
    return {**data["terms"], **own, **slug, "metadata": data["metadata"]}


def plan_changes(plan: Plan, data: Mapping[str, Any]) -> dict[str, Any]:
    """What `update_plan` takes."""
    return {**plan_arguments(data), "metadata": metadata_change(plan.metadata, data["metadata"])}


def version_values(plan: Plan) -> dict[str, Any]:
    """The latest version as the form of the next begins with it."""
    version = standing_of(plan)
    rows = [
        {
            "feature": str(one.feature_id), "limit": one.limit, "soft_limit": "soft" if one.soft_limit else "",
            "reset_period": one.reset_period if one.limit is not None else "",
        }
        for one in version.features.all()
    ]  # fmt: skip
    return {
        "name": plan.name, "description": plan.description, "trial_days": version.trial_days,
        "minimum_commitment": amount_out(version.minimum_commitment, plan.currency),
        "prices": [str(one.price_id) for one in version.prices.all()], "rows": rows,
    }  # fmt: skip


def plan_values(plan: Plan) -> dict[str, Any]:
    """A stored draft as the form shows it."""
    return {
        **version_values(plan), "slug": plan.slug, "application": str(plan.application_id or ""),
        "currency": plan.currency, "multiple": plan.multiple, "metadata": plan.metadata,
    }  # fmt: skip


def standing_of(plan: Plan) -> PlanVersion:
    """The latest version, which the next one begins with."""
    return plan_versions(tenant_id=plan.tenant_id, plan_id=plan.id).order_by("-number")[0]


def _prices(access: Access, held: PlanVersion | None, currency: str) -> list[tuple[str, str]]:
    """The newest that are offered, and those of the version, by product."""
    mine = Price.objects.filter(tenant_id=access.tenant_id).select_related("product")
    offered = mine.filter(active=True, **({"currency": currency} if currency else {}))
    found = {price.id: price for price in offered.order_by("-id")[:OFFERED]}
    missing = {one.price_id for one in held.prices.all()} - set(found) if held is not None else set()
    found |= {price.id: price for price in mine.filter(id__in=missing)} if missing else {}
    named = [(str(key), f"{price.product.name}: {price_text(price)}") for key, price in found.items()]
    return sorted(named, key=lambda one: one[1].lower())


def _features(access: Access, held: PlanVersion | None, plan: Plan | None) -> list[tuple[str, str]]:
    """The newest that are active, and those of the version, by name."""
    mine = Feature.objects.filter(tenant_id=access.tenant_id)
    found = {one.id: one for one in mine.filter(status=FeatureStatus.ACTIVE).order_by("-id")[:OFFERED]}
    if held is not None:
        found |= {one.feature_id: one.feature for one in held.features.all()}
    return sorted(((str(key), f"{one.name} ({one.key})") for key, one in found.items()), key=lambda one: one[1].lower())


def _granted(row: Mapping[str, Any]) -> dict[str, Any]:
    given = {"feature_id": UUID(row["feature"])}
    if row["limit"] is not None:
        given["limit"] = row["limit"]
    if row["soft_limit"]:
        given["soft_limit"] = True  # type: ignore[assignment]
    if row["reset_period"]:
        given["reset_period"] = row["reset_period"]
    return given
