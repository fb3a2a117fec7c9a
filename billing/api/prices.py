"""Shapes of prices on the wire. What a price charges is checked by the engine; here it is only described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from billing.price_terms import MAX_INTERVAL_COUNT, MAX_TIERS, TERMS, definition_from
from billing.rating.errors import InvalidPrice
from billing.rating.prices import Billing, Interval, PricingModel, TaxBehavior
from common.api.fields import BooleanField, IdField, MetadataField, NumberOutput, TextField
from common.api.names import camel, snake
from common.api.serializers import InputSerializer, problems
from common.errors import InvalidRequest
from common.money import MAX_AMOUNT
from common.prefixes import FEATURE, METER, PRODUCT

_DECIMAL = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MAX_AMOUNT}
_AMOUNT = {"oneOf": [_COUNT, _DECIMAL]}
_QUANTITY = {"oneOf": [{"type": "integer", "minimum": 0}, _DECIMAL]}
_PERCENT = {"oneOf": [{"type": "integer", "minimum": 0, "maximum": 100}, _DECIMAL]}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"oneOf": [*schema["oneOf"], {"type": "null"}]}


_TIERS = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_TIERS,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "from": _or_null(_QUANTITY),
            "upTo": _or_null(_QUANTITY),
            "unitAmount": _or_null(_AMOUNT),
            "flatAmount": _or_null(_AMOUNT),
            "rate": _or_null(_PERCENT),
        },
    },
}


def _one_of(choices: Any) -> dict[str, Any]:
    return {"type": "string", "enum": [str(choice) for choice in choices]}


class EngineField(serializers.Field[Any, Any, Any, Any]):
    """A value that is handed to the engine as it was sent; the schema says what the engine takes."""

    def __init__(self, schema: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_null": True, **kwargs})
        self.schema = schema

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return dict(self.schema)

    def to_internal_value(self, data: Any) -> Any:
        """As it is."""
        return data


class PriceChange(InputSerializer):
    """PATCH of a price: null clears, `metadata` is merged. Of a price in use only `active` and `metadata` change."""

    product_id = IdField(PRODUCT, required=False)
    interval = EngineField(_one_of(Interval))
    interval_count = EngineField({"type": "integer", "minimum": 1, "maximum": MAX_INTERVAL_COUNT})
    model = EngineField(_one_of(PricingModel))
    unit_amount = EngineField(_AMOUNT)
    tiers = EngineField(_TIERS)
    package_size = EngineField(_QUANTITY)
    rate = EngineField(_PERCENT)
    fixed_amount = EngineField(_AMOUNT)
    free_units = EngineField(_COUNT)
    per_transaction_min = EngineField(_AMOUNT)
    per_transaction_max = EngineField(_AMOUNT)
    included_units = EngineField(_QUANTITY)
    minimum_spend = EngineField(_COUNT)
    maximum_spend = EngineField(_COUNT)
    billing = EngineField(_one_of(Billing))
    tax_behavior = EngineField(_one_of(TaxBehavior))
    currency = EngineField({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]})
    tax_code = TextField(max_length=64, required=False, allow_null=True)
    meter_id = IdField(METER, required=False, allow_null=True)
    feature_id = IdField(FEATURE, required=False, allow_null=True)
    active = BooleanField(required=False)
    metadata = MetadataField(required=False)


class PriceInput(PriceChange):
    """A new price. What is wrong with its terms is reported beside what is wrong with the rest."""

    product_id = IdField(PRODUCT)
    currency = EngineField({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]}, required=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The fields by name. Whether the price is one of usage only the service knows."""
        found = []
        values: dict[str, Any] = {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as refused:
            found = list(problems(refused.detail))
        if isinstance(data, Mapping):
            try:
                definition_from({name: data[name] for name in TERMS if data.get(name) is not None}, counted=False)
            except InvalidPrice as refused:
                known = {problem.path for problem in found}
                found += [problem for problem in refused.details if problem.path not in known]
        if found:
            raise InvalidRequest(found)
        return values


def terms_and_rest(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The validated fields, divided: the terms in the spelling of the engine, the rest by column."""
    names = {snake(name) for name in TERMS}
    terms = {camel(name): value for name, value in values.items() if name in names}
    return terms, {name: value for name, value in values.items() if name not in names}


class TierOutput(serializers.Serializer[Any]):
    """Units above the bound of the tier before, up to and including `upTo`; the last one has no end."""

    up_to = serializers.CharField(allow_null=True)
    unit_amount = NumberOutput(allow_null=True)
    flat_amount = NumberOutput()
    rate = serializers.CharField(allow_null=True, help_text="Percent.")


class PriceOutput(serializers.Serializer[Any]):
    """A price. Fields that its model does not have are null."""

    id = serializers.CharField()
    object = serializers.CharField()
    product_id = serializers.CharField()
    feature_id = serializers.CharField(allow_null=True)
    meter_id = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    interval = serializers.ChoiceField(choices=[str(one) for one in Interval], allow_null=True)
    interval_count = serializers.IntegerField(allow_null=True)
    model = serializers.ChoiceField(choices=[str(one) for one in PricingModel])
    unit_amount = NumberOutput(allow_null=True, help_text="Minor units of `currency`.")
    tiers = TierOutput(many=True, allow_null=True)
    package_size = serializers.CharField(allow_null=True)
    rate = serializers.CharField(allow_null=True, help_text="Percent.")
    fixed_amount = NumberOutput(allow_null=True)
    free_units = serializers.IntegerField(allow_null=True)
    per_transaction_min = NumberOutput(allow_null=True)
    per_transaction_max = NumberOutput(allow_null=True)
    included_units = serializers.CharField(allow_null=True)
    minimum_spend = serializers.IntegerField(allow_null=True)
    maximum_spend = serializers.IntegerField(allow_null=True)
    billing = serializers.ChoiceField(choices=[str(one) for one in Billing])
    tax_behavior = serializers.ChoiceField(choices=[str(one) for one in TaxBehavior])
    tax_code = serializers.CharField(allow_null=True)
    active = serializers.BooleanField()
    used_at = serializers.DateTimeField(allow_null=True, help_text="Since when its terms never change.")
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
