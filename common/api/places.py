"""Fields about where somebody is: languages and time zones. Addresses: `common.api.address`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from common.api.fields import refuse
from common.clock import is_time_zone
from common.countries import COUNTRIES
from common.languages import LANGUAGES


class LocaleField(serializers.Field[str, Any, str, Any]):
    """A language (`en`), or a language in a country (`de-AT`)."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$", "examples": ["en", "de-AT"]}

    def to_internal_value(self, data: Any) -> str:
        text = data.strip() if isinstance(data, str) else ""
        language, dash, country = text.partition("-")
        if language not in LANGUAGES or (dash and country not in COUNTRIES):
            raise refuse("invalid", "Expected a language such as en, or a language and a country such as de-AT.")
        return text


class TimeZoneField(serializers.Field[str, Any, str, Any]):
    """A name of the IANA time zone database."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "maxLength": 64, "examples": ["Europe/Berlin"]}

    def to_internal_value(self, data: Any) -> str:
        text = data.strip() if isinstance(data, str) else ""
        if not is_time_zone(text):
            raise refuse("invalid", "Expected a name of the IANA time zone database, such as Europe/Berlin.")
        return text
