"""Shapes of how documents look: texts per language, colour, logo."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from rest_framework import serializers

from common.api.fields import PatternField, TextField, refuse
from common.api.serializers import InputSerializer
from common.languages import LANGUAGES
from tenants.enums import LogoType
from tenants.services.settings import MAX_LOGO_BYTES


class InvoiceTextInput(InputSerializer):
    """The blocks of one language: above the items, at the foot of each page, and how to pay."""

    intro = TextField(max_length=2000, multiline=True, required=False)
    footer = TextField(max_length=1000, multiline=True, required=False)
    payment_instructions = TextField(max_length=2000, multiline=True, required=False)


class InvoiceTextsField(serializers.Field[dict[str, Any], Any, Any, Any]):
    """Texts by two-letter language: `{"de": {"intro": "…", "footer": "…", "paymentInstructions": "…"}}`."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        text = {"type": ["string", "null"], "minLength": 1}
        block = {
            "type": ["object", "null"],
            "properties": {
                "intro": {**text, "maxLength": 2000},
                "footer": {**text, "maxLength": 1000},
                "paymentInstructions": {**text, "maxLength": 2000},
            },
            "additionalProperties": False,
        }
        return {"type": "object", "propertyNames": {"enum": sorted(LANGUAGES)}, "additionalProperties": block}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise refuse("invalid", "Expected an object of texts by language.")
        problems: dict[str, Any] = {}
        texts: dict[str, Any] = {}
        for language, block in data.items():
            if language not in LANGUAGES:
                problems[language] = refuse("invalid", "Expected a language such as en.").detail
                continue
            if block is None:
                continue
            try:
                given = InvoiceTextInput(data=block, context=self.context).run_validation(block)
            except serializers.ValidationError as wrong:
                problems[language] = wrong.detail
                continue
            own = {
                "paymentInstructions" if name == "payment_instructions" else name: text for name, text in given.items()
            }
            if own:
                texts[language] = own
        if problems:
            raise serializers.ValidationError(problems)
        return texts


class ColorField(PatternField):
    """A colour as on the web, `#1f4e79`. It is stored in lower case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=7, pattern="#[0-9A-Fa-f]{6}", hint="Expected a colour such as #1f4e79.", **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return super().to_internal_value(data).lower()


class LogoField(serializers.Field[bytes, Any, Any, Any]):
    """A PNG or JPEG picture of at most 256 KiB in Base64."""

    _longest = (MAX_LOGO_BYTES + 2) // 3 * 4

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "contentEncoding": "base64", "maxLength": self._longest}

    def to_internal_value(self, data: Any) -> bytes:
        if not isinstance(data, str):
            raise refuse("invalid", "Expected a picture in Base64.")
        if len(data) > self._longest:
            raise refuse("too_long", "At most 256 KiB.")
        try:
            content = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as wrong:
            raise refuse("invalid", "Expected a picture in Base64.") from wrong
        if not content:
            raise refuse("too_short", "The picture is empty.")
        return content


class InvoiceTextOutput(serializers.Serializer[Any]):
    """The blocks of one language."""

    intro = serializers.CharField(allow_null=True)
    footer = serializers.CharField(allow_null=True)
    payment_instructions = serializers.CharField(allow_null=True)


class LogoOutput(serializers.Serializer[Any]):
    """The logo; width and height in pixels."""

    sha256 = serializers.CharField()
    media_type = serializers.ChoiceField(LogoType.choices)
    width = serializers.IntegerField()
    height = serializers.IntegerField()
