"""Shapes of subscribers and deliveries on the wire."""

from __future__ import annotations

from typing import Any, Final

from rest_framework import serializers

from common.api.fields import BooleanField, IntegerField, MetadataField, TextField, refuse
from common.api.serializers import InputSerializer
from webhooks.enums import DeliveryStatus, DisabledReason

MAX_PATTERNS: Final = 100
MAX_OVERLAP_HOURS: Final = 168
URL_CHARACTERS: Final = 2048
SECRET_CHARACTERS: Final = 128


class PatternsField(serializers.Field[list[str], Any, list[str], Any]):
    """A list of event types, groups of them (`invoice.*`) or `*`; the service knows which there are."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_PATTERNS,
            "items": {"type": "string", "minLength": 1, "maxLength": 64},
            "examples": [["*"], ["invoice.*", "customer.created"]],
        }

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            raise refuse("invalid", "Expected a list of event types.")
        if not data:
            raise refuse("too_short", "At least one event type, or * for all of them.")
        if len(data) > MAX_PATTERNS:
            raise refuse("too_long", f"At most {MAX_PATTERNS} event types.")
        errors: dict[Any, Any] = {}
        patterns: list[str] = []
        for index, one in enumerate(data):
            if isinstance(one, str) and 1 <= len(one.strip()) <= 64 and one.strip().isprintable():
                patterns.append(one.strip())
            else:
                errors[index] = refuse("invalid", "Expected an event type such as invoice.paid.").detail
        if errors:
            raise serializers.ValidationError(errors)
        return patterns


class SubscriberChange(InputSerializer):
    """PATCH or PUT of a subscriber: what is given changes, `metadata` is merged."""

    name = TextField(max_length=255, required=False)
    url = TextField(max_length=URL_CHARACTERS, required=False)
    events = PatternsField(required=False)
    active = BooleanField(required=False)
    legacy_secret_header = BooleanField(required=False)
    metadata = MetadataField(required=False)


class SubscriberInput(SubscriberChange):
    """A new subscriber."""

    name = TextField(max_length=255)
    url = TextField(max_length=URL_CHARACTERS)
    secret = TextField(max_length=SECRET_CHARACTERS, required=False)


class RotationInput(InputSerializer):
    """How long the former secret goes on signing beside the new one."""

    overlap_hours = IntegerField(min_value=0, max_value=MAX_OVERLAP_HOURS, default=24)


class SubscriberOutput(serializers.Serializer[Any]):
    """A subscriber."""

    id = serializers.CharField()
    object = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    active = serializers.BooleanField()
    secret_hint = serializers.CharField(help_text="The first 8 characters of the secret.")
    legacy_secret_header = serializers.BooleanField(help_text="Whether X-Webhook-Secret carries the secret itself.")
    disabled_reason = serializers.ChoiceField(choices=DisabledReason.values, allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class SubscriberWithSecret(SubscriberOutput):
    """A subscriber and its secret, which is shown at creation and rotation only."""

    secret = serializers.CharField()


class DeliveryOutput(serializers.Serializer[Any]):
    """One event on its way to one subscriber."""

    id = serializers.CharField()
    object = serializers.CharField()
    subscriber_id = serializers.CharField()
    event_id = serializers.CharField()
    event = serializers.CharField()
    status = serializers.ChoiceField(choices=DeliveryStatus.values)
    attempt_count = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class AttemptOutput(serializers.Serializer[Any]):
    """One attempt, as it ended."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    response_status = serializers.IntegerField(allow_null=True)
    response_body = serializers.CharField(allow_null=True, help_text="What was kept of the answer, at most 64 KiB.")
    error = serializers.CharField(allow_null=True)


class DeliveryWithAttempts(DeliveryOutput):
    """A delivery with the log of its attempts, first one first."""

    attempts = AttemptOutput(many=True)
