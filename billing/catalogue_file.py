"""The file that a catalogue is exported to and imported from: its shape, and how it names things.

Features are named by their key (`calls`, in an application `shop/calls`), plans by their slug in the same way, coupons
by their code. Products and prices have a `key` of the file: the id they had where they came from, kept at what was made
of them under `catalogueKey` of the metadata, so that importing again finds them. Tax rates are known by place, category
and when they begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers

from billing.enums import BillingInterval, FeatureType, ProductType, ResetPeriod
from billing.models.coupon import MAX_LIMIT, MAX_ORDER, MAX_PERIODS, MAX_TARGETS
from billing.models.plan import MAX_FEATURES, MAX_PRICES, MAX_TRIAL_DAYS
from billing.models.tax_rate import MAX_REGION, RATE_PLACES
from billing.patterns import (
    COUPON_CODE,
    COUPON_CODE_HINT,
    FEATURE_KEY,
    FEATURE_KEY_HINT,
    SLUG,
    SLUG_HINT,
    TAX_CATEGORY,
    TAX_CATEGORY_HINT,
)
from billing.rating.coupons import CouponType, Duration
from common.api.address import CountryField
from common.api.fields import (
    AmountField,
    BooleanField,
    ChoiceField,
    CurrencyField,
    DecimalField,
    InstantField,
    IntegerField,
    MetadataField,
    PatternField,
    TextField,
    refuse,
)
from common.api.serializers import InputSerializer
from common.money import MAX_AMOUNT

FORMAT: Final = "ledger.catalogue"
VERSION: Final = 1
KEY: Final = "catalogueKey"
_NAME = 130  # an application and a key


class TermsField(serializers.Field[Any, Any, Any, Any]):
    """An object that the engine reads."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise refuse("invalid", "Expected an object.")
        return dict(data)


class FeatureEntry(InputSerializer):
    """A feature."""

    application = TextField(max_length=64, required=False)
    key = PatternField(max_length=64, pattern=FEATURE_KEY, hint=FEATURE_KEY_HINT)
    name = TextField(max_length=255)
    type = ChoiceField(FeatureType.values)
    default_limit = IntegerField(min_value=-1, max_value=MAX_AMOUNT, required=False)
    unit = TextField(max_length=40, required=False)
    archived = BooleanField(required=False, default=False)
    metadata = MetadataField(required=False, default=dict)


class PriceEntry(InputSerializer):
    """A price of the product it stands at; `terms` are the fields of `POST /api/prices`."""

    key = TextField(max_length=255)
    terms = TermsField()
    feature = TextField(max_length=_NAME, required=False)
    tax_code = TextField(max_length=64, required=False)
    active = BooleanField(required=False, default=True)
    metadata = MetadataField(required=False, default=dict)


class ProductEntry(InputSerializer):
    """A product with its prices."""

    key = TextField(max_length=255)
    name = TextField(max_length=255)
    type = ChoiceField(ProductType.values)
    description = TextField(max_length=5000, multiline=True, required=False)
    price = AmountField(required=False)
    currency = CurrencyField(required=False)
    interval = ChoiceField(BillingInterval.values, required=False)
    prorate_on_change = BooleanField(required=False, default=False)
    active = BooleanField(required=False, default=True)
    metadata = MetadataField(required=False, default=dict)
    prices = PriceEntry(many=True, required=False, default=list)


class GrantEntry(InputSerializer):
    """What a plan grants of a feature."""

    feature = TextField(max_length=_NAME)
    limit = IntegerField(min_value=-1, max_value=MAX_AMOUNT, required=False)
    soft_limit = BooleanField(required=False)
    reset_period = ChoiceField(ResetPeriod.values, required=False)


class PlanEntry(InputSerializer):
    """A plan with the terms that it is sold on."""

    application = TextField(max_length=64, required=False)
    slug = PatternField(max_length=64, pattern=SLUG, hint=SLUG_HINT)
    name = TextField(max_length=255)
    description = TextField(max_length=5000, multiline=True, required=False)
    currency = CurrencyField()
    multiple = BooleanField(required=False, default=False)
    archived = BooleanField(required=False, default=False)
    trial_days = IntegerField(min_value=0, max_value=MAX_TRIAL_DAYS, required=False, default=0)
    minimum_commitment = AmountField(required=False)
    prices = serializers.ListField(
        child=TextField(max_length=255), max_length=MAX_PRICES, required=False, default=list
    )  # fmt: skip
    features = GrantEntry(many=True, max_length=MAX_FEATURES, required=False, default=list)  # type: ignore[call-arg]
    metadata = MetadataField(required=False, default=dict)


class CouponEntry(InputSerializer):
    """A coupon, with the plans, products and prices that it is restricted to."""

    application = TextField(max_length=64, required=False)
    code = PatternField(max_length=64, pattern=COUPON_CODE, hint=COUPON_CODE_HINT)
    name = TextField(max_length=255)
    type = ChoiceField([str(one) for one in CouponType])
    percentage = TextField(max_length=40, required=False)
    amount = AmountField(required=False)
    currency = CurrencyField(required=False)
    duration = ChoiceField([str(one) for one in Duration], required=False, default=Duration.ONCE.value)
    duration_periods = IntegerField(min_value=1, max_value=MAX_PERIODS, required=False)
    valid_from = InstantField(required=False)
    valid_until = InstantField(required=False)
    max_redemptions = IntegerField(min_value=1, max_value=MAX_LIMIT, required=False)
    max_redemptions_per_customer = IntegerField(min_value=1, max_value=MAX_LIMIT, required=False)
    plans = serializers.ListField(
        child=TextField(max_length=_NAME), max_length=MAX_TARGETS, required=False, default=list
    )  # fmt: skip
    products = serializers.ListField(
        child=TextField(max_length=255), max_length=MAX_TARGETS, required=False, default=list
    )  # fmt: skip
    prices = serializers.ListField(
        child=TextField(max_length=255), max_length=MAX_TARGETS, required=False, default=list
    )  # fmt: skip
    stacking_order = IntegerField(min_value=-MAX_ORDER, max_value=MAX_ORDER, required=False, default=100)
    keep_remainder = BooleanField(required=False, default=False)
    active = BooleanField(required=False, default=True)
    metadata = MetadataField(required=False, default=dict)


class TaxRateEntry(InputSerializer):
    """A tax rate; `rate` in percent."""

    country = CountryField()
    region = TextField(max_length=MAX_REGION, required=False)
    category = PatternField(max_length=32, pattern=TAX_CATEGORY, hint=TAX_CATEGORY_HINT)
    rate = DecimalField(places=RATE_PLACES, min_value=Decimal(0), max_value=Decimal(100))
    label = TextField(max_length=50)  # type: ignore[assignment]
    valid_from = InstantField()
    valid_until = InstantField(required=False)


class CatalogueFile(InputSerializer):
    """All of it."""

    format = ChoiceField([FORMAT])
    version = IntegerField(min_value=VERSION, max_value=VERSION)
    features = FeatureEntry(many=True, required=False, default=list)
    products = ProductEntry(many=True, required=False, default=list)
    plans = PlanEntry(many=True, required=False, default=list)
    coupons = CouponEntry(many=True, required=False, default=list)
    tax_rates = TaxRateEntry(many=True, required=False, default=list)


def name_of(application: str | None, key: str) -> str:
    """`shop/calls`; of what is global just `calls`."""
    return f"{application}/{key}" if application else key
