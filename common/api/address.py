"""The postal address of the API: one shape for customers, tenants and documents."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from common.api.fields import TextField, refuse
from common.api.names import camel
from common.api.serializers import InputSerializer
from common.countries import COUNTRIES

ADDRESS_FIELDS = ("line1", "line2", "city", "region", "postal_code", "country")


class CountryField(serializers.Field[str, Any, str, Any]):
    """An ISO 3166-1 alpha-2 code in upper case."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "pattern": "^[A-Z]{2}$", "examples": ["DE"]}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data.strip() not in COUNTRIES:
            raise refuse("invalid", "Expected an ISO 3166-1 alpha-2 code such as DE.")
        return data.strip()


class AddressInput(InputSerializer):
    """An address as given; every line is optional. It replaces the former address as a whole, also in PATCH.

    The value is what is stored and shown: all six lines in the API's spelling, null where not given. An address without
    any line is no address.
    """

    line1 = TextField(max_length=255, required=False)
    line2 = TextField(max_length=255, required=False)
    city = TextField(max_length=255, required=False)
    region = TextField(max_length=255, required=False)
    postal_code = TextField(max_length=32, required=False)
    country = CountryField(required=False)

    def run_validation(self, data: Any = empty) -> Any:
        """The address to store, or None."""
        given = super().run_validation(data)
        return {camel(name): given.get(name) for name in ADDRESS_FIELDS} if given else None


class AddressOutput(serializers.Serializer[Any]):
    """An address as shown."""

    line1 = serializers.CharField(allow_null=True)
    line2 = serializers.CharField(allow_null=True)
    city = serializers.CharField(allow_null=True)
    region = serializers.CharField(allow_null=True)
    postal_code = serializers.CharField(allow_null=True)
    country = serializers.CharField(allow_null=True)
