"""Shapes of customers and products on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.api.customer_taxes import (
    TaxExemptionInput,
    TaxExemptionOutput,
    TaxIdInput,
    TaxIdOutput,
    divided,
)
from billing.enums import BillingInterval, ProductType, VatStatus
from billing.patterns import LOCALE, VAT_ID, VAT_ID_HINT
from billing.tax_ids import TYPES
from common.api.address import AddressInput, AddressOutput
from common.api.fields import (
    AmountField,
    BooleanField,
    ChoiceField,
    CurrencyField,
    EmailField,
    MetadataField,
    PatternField,
    TextField,
)
from common.api.serializers import InputSerializer


class CustomerChange(InputSerializer):
    """PATCH of a customer: null clears, `metadata` is merged. `address`, `taxIds` and `taxExemption` are replaced as a
    whole."""

    name = TextField(max_length=255, required=False, allow_null=True)
    email = EmailField(required=False, allow_null=True)
    currency = CurrencyField(required=False, allow_null=True)
    locale = PatternField(
        max_length=16, min_length=2, pattern=LOCALE, hint="Expected a language such as en, de or pt-BR.",
        required=False, allow_null=True,
    )  # fmt: skip
    address = AddressInput(required=False, allow_null=True)
    vat_id = PatternField(
        max_length=64, min_length=2, pattern=VAT_ID, hint=VAT_ID_HINT, required=False, allow_null=True
    )
    tax_ids = TaxIdInput(many=True, max_length=len(TYPES), required=False, allow_null=True)  # type: ignore[call-arg]
    tax_exempt = BooleanField(required=False)
    tax_exemption = TaxExemptionInput(required=False, allow_null=True)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """`vatId` and the European number among `taxIds` are one."""
        return divided(attrs)


class CustomerInput(CustomerChange):
    """A new customer."""

    external_id = TextField(max_length=255, required=False)


class CustomerOutput(serializers.Serializer[Any]):
    """A customer."""

    id = serializers.CharField()
    object = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    locale = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    vat_id = serializers.CharField(allow_null=True)
    vat_status = serializers.ChoiceField(choices=VatStatus.values, allow_null=True)
    tax_ids = TaxIdOutput(many=True, allow_null=True, help_text="`vatId` is among them, as `eu_vat`.")
    tax_exempt = serializers.BooleanField()
    tax_exemption = TaxExemptionOutput(allow_null=True)
    balance = serializers.IntegerField(help_text="Minor units; negative: we owe the customer.")
    test_clock_id = serializers.CharField(allow_null=True)
    erased_at = serializers.DateTimeField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ProductChange(InputSerializer):
    """PATCH of a product: everything but its type."""

    name = TextField(max_length=255, required=False)
    description = TextField(max_length=5000, multiline=True, required=False, allow_null=True)
    price = AmountField(required=False, allow_null=True)
    currency = CurrencyField(required=False, allow_null=True)
    interval = ChoiceField(BillingInterval.values, required=False, allow_null=True)
    prorate_on_change = BooleanField(required=False)
    active = BooleanField(required=False)
    metadata = MetadataField(required=False)


class ProductInput(ProductChange):
    """A new product."""

    name = TextField(max_length=255)
    type = ChoiceField(ProductType.values, aliases={"one-time": ProductType.ONE_TIME.value})


class ProductOutput(serializers.Serializer[Any]):
    """A product."""

    id = serializers.CharField()
    object = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField(allow_null=True)
    type = serializers.ChoiceField(choices=ProductType.values)
    price = serializers.IntegerField(allow_null=True, help_text="Minor units of `currency`.")
    currency = serializers.CharField(allow_null=True)
    interval = serializers.ChoiceField(choices=BillingInterval.values, allow_null=True)
    prorate_on_change = serializers.BooleanField()
    active = serializers.BooleanField()
    provider_refs = serializers.DictField(child=serializers.CharField())
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
