"""Shapes of plans and their versions on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.enums import PlanStatus, ResetPeriod, VersionStatus
from billing.models.plan import MAX_FEATURES, MAX_PRICES, MAX_TRIAL_DAYS
from billing.patterns import FEATURE_KEY, FEATURE_KEY_HINT, SLUG, SLUG_HINT
from billing.selectors import in_force_at
from common.api.fields import (
    AmountField,
    BooleanField,
    ChoiceField,
    CurrencyField,
    IdField,
    InstantField,
    IntegerField,
    MetadataField,
    PatternField,
    TextField,
    refuse,
)
from common.api.filters import moment_filter
from common.api.serializers import InputSerializer
from common.money import MAX_AMOUNT
from common.prefixes import APPLICATION, FEATURE, PRICE


class IdsField(serializers.ListField):
    """A list of TypeIDs of one prefix."""

    def __init__(self, prefix: str, *, max_length: int, **kwargs: Any) -> None:
        super().__init__(child=IdField(prefix), max_length=max_length, **kwargs)


class PlanFeatureInput(InputSerializer):
    """What a plan grants of a feature. Without `limit` the feature's default, and without that no limit (-1)."""

    feature_id = IdField(FEATURE, required=False)
    feature_key = PatternField(max_length=64, pattern=FEATURE_KEY, hint=FEATURE_KEY_HINT, required=False)
    limit = IntegerField(min_value=-1, max_value=MAX_AMOUNT, required=False)
    soft_limit = BooleanField(required=False)
    reset_period = ChoiceField(ResetPeriod.values, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Named by id or by key."""
        if "feature_id" in attrs and "feature_key" in attrs:
            text = "Either featureId or featureKey."
            raise serializers.ValidationError({"featureKey": refuse("mutually_exclusive", text).detail})
        if "feature_id" not in attrs and "feature_key" not in attrs:
            text = "Name the feature by featureId or featureKey."
            raise serializers.ValidationError({"featureId": refuse("required", text).detail})
        return attrs


class VersionInput(InputSerializer):
    """A new version of a plan. What is left out is as in the latest version; the currency is that of the plan."""

    name = TextField(max_length=255, required=False)
    description = TextField(max_length=5000, multiline=True, required=False)
    currency = CurrencyField(required=False)
    trial_days = IntegerField(min_value=0, max_value=MAX_TRIAL_DAYS, required=False)
    prices = IdsField(PRICE, max_length=MAX_PRICES, required=False)
    features = PlanFeatureInput(many=True, max_length=MAX_FEATURES, required=False)  # type: ignore[call-arg]
    minimum_commitment = AmountField(required=False)
    metadata = MetadataField(required=False)


class PlanChange(VersionInput):
    """PATCH of a plan: null clears, lists are replaced, `metadata` is merged. Of a draft everything may change."""

    slug = PatternField(max_length=64, pattern=SLUG, hint=SLUG_HINT, required=False)
    description = TextField(max_length=5000, multiline=True, required=False, allow_null=True)
    application_id = IdField(APPLICATION, required=False, allow_null=True)
    minimum_commitment = AmountField(required=False, allow_null=True)
    multiple = BooleanField(required=False)


class PlanInput(PlanChange):
    """A new plan, with its first version."""

    name = TextField(max_length=255)
    currency = CurrencyField()


class PublishInput(InputSerializer):
    """When the version is in force: from now on unless it says otherwise, and until another takes its place."""

    starts_at = InstantField(required=False)
    ends_at = InstantField(required=False)


IN_FORCE_AT = moment_filter("at", in_force_at, description="Only the version that is in force at this instant.")


class PlanFeatureOutput(serializers.Serializer[Any]):
    """What is granted of a feature."""

    feature_id = serializers.CharField()
    feature_key = serializers.CharField()
    limit = serializers.IntegerField(allow_null=True, help_text="-1 is unlimited; a switch has none.")
    soft_limit = serializers.BooleanField()
    reset_period = serializers.ChoiceField(choices=ResetPeriod.values)


class PlanOutput(serializers.Serializer[Any]):
    """A plan, with the terms of the version in force; while none is, with those of the latest."""

    id = serializers.CharField()
    object = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    application_id = serializers.CharField(allow_null=True, help_text="Null: global.")
    status = serializers.ChoiceField(choices=PlanStatus.values)
    multiple = serializers.BooleanField(help_text="Whether a customer may have several live subscriptions.")
    version = serializers.IntegerField(help_text="Whose terms are shown.")
    version_id = serializers.CharField()
    currency = serializers.CharField()
    trial_days = serializers.IntegerField()
    prices = serializers.ListField(child=serializers.CharField())
    features = PlanFeatureOutput(many=True)
    minimum_commitment = serializers.IntegerField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PlanVersionOutput(serializers.Serializer[Any]):
    """A version of a plan."""

    id = serializers.CharField()
    object = serializers.CharField()
    plan_id = serializers.CharField()
    version = serializers.IntegerField()
    status = serializers.ChoiceField(choices=VersionStatus.values)
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    trial_days = serializers.IntegerField()
    prices = serializers.ListField(child=serializers.CharField())
    features = PlanFeatureOutput(many=True)
    minimum_commitment = serializers.IntegerField(allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Exclusive.")
    published_at = serializers.DateTimeField(allow_null=True)
    deactivated_at = serializers.DateTimeField(allow_null=True)
    deactivation_reason = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
