"""Shapes of features on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.enums import FeatureStatus, FeatureType
from billing.patterns import FEATURE_KEY, FEATURE_KEY_HINT
from common.api.fields import ChoiceField, IdField, IntegerField, MetadataField, PatternField, TextField
from common.api.serializers import InputSerializer
from common.money import MAX_AMOUNT
from common.prefixes import APPLICATION, METER

SEAT_SPELLINGS = {"licensed": FeatureType.SEAT.value}


class FeatureChange(InputSerializer):
    """PATCH of a feature: null clears, `metadata` is merged. Key, type and application never change."""

    name = TextField(max_length=255, required=False)
    meter_id = IdField(METER, required=False, allow_null=True)
    default_limit = IntegerField(min_value=-1, max_value=MAX_AMOUNT, required=False, allow_null=True)
    unit = TextField(max_length=40, required=False, allow_null=True)
    metadata = MetadataField(required=False)


class FeatureInput(FeatureChange):
    """A new feature."""

    key = PatternField(max_length=64, pattern=FEATURE_KEY, hint=FEATURE_KEY_HINT)
    name = TextField(max_length=255)
    type = ChoiceField(FeatureType.values, aliases=SEAT_SPELLINGS)
    application_id = IdField(APPLICATION, required=False)


class FeatureOutput(serializers.Serializer[Any]):
    """A feature."""

    id = serializers.CharField()
    object = serializers.CharField()
    key = serializers.CharField()
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=FeatureType.values)
    status = serializers.ChoiceField(choices=FeatureStatus.values)
    application_id = serializers.CharField(allow_null=True, help_text="Null: global.")
    meter_id = serializers.CharField(allow_null=True)
    default_limit = serializers.IntegerField(allow_null=True, help_text="-1 is unlimited.")
    unit = serializers.CharField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
