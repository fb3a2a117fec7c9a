"""Shapes of coupons and redemptions on the wire. What a coupon takes off is checked by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from rest_framework import serializers

from billing.api.plans import IdsField
from billing.api.prices import EngineField
from billing.models.coupon import MAX_LIMIT, MAX_ORDER, MAX_PERIODS, MAX_TARGETS
from billing.patterns import COUPON_CODE, COUPON_CODE_HINT
from billing.rating.coupons import CouponType, Duration, coupon_from
from billing.rating.errors import InvalidCoupon
from common.api.fields import (
    AmountField,
    BooleanField,
    ChoiceField,
    CurrencyField,
    IdField,
    InstantField,
    IntegerField,
    MetadataField,
    NumberOutput,
    PatternField,
    TextField,
)
from common.api.filters import boolean_filter
from common.api.serializers import InputSerializer, problems
from common.errors import InvalidRequest
from common.prefixes import APPLICATION, CUSTOMER, PLAN, PRICE, PRODUCT

_TYPES = [str(one) for one in CouponType]
_DURATIONS = [str(one) for one in Duration]
# With bounds in the schema: 0 < x ≤ 100, at most twelve decimal places.
_PERCENTAGE = {
    "oneOf": [
        {"type": "integer", "minimum": 1, "maximum": 100},
        {"type": "string", "format": "decimal", "pattern": r"^[0-9]+(\.[0-9]+)?$"},
    ]
}
_TERMS: Final = (
    "code", "type", "percentage", "amount", "currency", "duration", "durationPeriods", "stackingOrder", "keepRemainder",
)  # fmt: skip

OFFERED = replace(
    boolean_filter("active", "offered"),
    description="Coupons that are active, not expired and not exhausted, also those that start later; or the others.",
)


class CouponChange(InputSerializer):
    """PATCH of a coupon: null clears, `metadata` is merged. What it takes off, and from what, never changes."""

    name = TextField(max_length=255, required=False)
    valid_until = InstantField(required=False, allow_null=True)
    max_redemptions = IntegerField(min_value=1, max_value=MAX_LIMIT, required=False, allow_null=True)
    active = BooleanField(required=False)
    metadata = MetadataField(required=False)


class CouponInput(InputSerializer):
    """A new coupon. Without plans, products and prices it counts for every line, else for lines of any of them.

    A customer redeems it once, or `maxRedemptionsPerCustomer` times.
    """

    code = PatternField(max_length=64, pattern=COUPON_CODE, hint=COUPON_CODE_HINT)
    name = TextField(max_length=255)
    type = ChoiceField(_TYPES)
    percentage = EngineField(_PERCENTAGE)
    amount = AmountField(min_value=1, required=False)
    currency = CurrencyField(required=False)
    duration = ChoiceField(_DURATIONS, required=False)
    duration_periods = IntegerField(min_value=1, max_value=MAX_PERIODS, required=False)
    valid_from = InstantField(required=False)
    valid_until = InstantField(required=False)
    max_redemptions = IntegerField(min_value=1, max_value=MAX_LIMIT, required=False)
    max_redemptions_per_customer = IntegerField(min_value=1, max_value=MAX_LIMIT, required=False)
    application_id = IdField(APPLICATION, required=False)
    plan_ids = IdsField(PLAN, max_length=MAX_TARGETS, required=False)
    product_ids = IdsField(PRODUCT, max_length=MAX_TARGETS, required=False)
    price_ids = IdsField(PRICE, max_length=MAX_TARGETS, required=False)
    stacking_order = IntegerField(min_value=-MAX_ORDER, max_value=MAX_ORDER, required=False)
    keep_remainder = BooleanField(required=False)
    metadata = MetadataField(required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The fields by name. What is wrong with the terms is reported beside what is wrong with the rest."""
        found = []
        values: dict[str, Any] = {}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as refused:
            found = list(problems(refused.detail))
        if isinstance(data, Mapping):
            try:
                coupon_from({name: data[name] for name in _TERMS if data.get(name) is not None})
            except InvalidCoupon as refused:
                known = {problem.path for problem in found}
                found += [problem for problem in refused.details if problem.path not in known]
        if found:
            raise InvalidRequest(found)
        return values


class RedeemInput(InputSerializer):
    """For whom."""

    customer_id = IdField(CUSTOMER)


class CouponOutput(serializers.Serializer[Any]):
    """A coupon."""

    id = serializers.CharField()
    object = serializers.CharField()
    code = serializers.CharField(help_text="Upper case; it may be written in any.")
    name = serializers.CharField()
    application_id = serializers.CharField(allow_null=True, help_text="Null: of every application.")
    type = serializers.ChoiceField(choices=_TYPES)
    percentage = serializers.CharField(allow_null=True)
    amount = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    duration = serializers.ChoiceField(choices=_DURATIONS)
    duration_periods = serializers.IntegerField(allow_null=True)
    valid_from = serializers.DateTimeField(allow_null=True)
    valid_until = serializers.DateTimeField(allow_null=True, help_text="Exclusive.")
    max_redemptions = serializers.IntegerField(allow_null=True)
    max_redemptions_per_customer = serializers.IntegerField(allow_null=True)
    times_redeemed = serializers.IntegerField(help_text="What was returned does not count.")
    plan_ids = serializers.ListField(child=serializers.CharField())
    product_ids = serializers.ListField(child=serializers.CharField())
    price_ids = serializers.ListField(child=serializers.CharField())
    stacking_order = serializers.IntegerField(help_text="Lower first.")
    keep_remainder = serializers.BooleanField(help_text="Whether what one invoice leaves of an amount is kept.")
    active = serializers.BooleanField(help_text="Whether it may be redeemed; who has it keeps it.")
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RedemptionOutput(serializers.Serializer[Any]):
    """That a customer has a coupon."""

    id = serializers.CharField()
    object = serializers.CharField()
    coupon_id = serializers.CharField()
    code = serializers.CharField()
    discount_type = serializers.ChoiceField(choices=_TYPES)
    discount_value = NumberOutput(help_text="Percent as a decimal string, or minor units as an integer.")
    customer_id = serializers.CharField()
    subscription_id = serializers.CharField(allow_null=True)
    applied_at = serializers.DateTimeField()
