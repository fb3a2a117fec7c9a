"""Shapes of the tenants app on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.api.fields import CurrencyField, IntegerField, TextField
from common.api.serializers import InputSerializer


class SettingsInput(InputSerializer):
    """PATCH of the settings."""

    default_currency = CurrencyField(required=False)
    tax_rate = IntegerField(min_value=0, max_value=10_000, required=False)
    tax_label = TextField(max_length=50, required=False)
    legal_name = TextField(max_length=255, required=False, allow_null=True)


class SettingsOutput(serializers.Serializer[Any]):
    """The settings of a tenant."""

    default_currency = serializers.CharField()
    tax_rate = serializers.IntegerField()
    tax_label = serializers.CharField()
    legal_name = serializers.CharField(allow_null=True)
