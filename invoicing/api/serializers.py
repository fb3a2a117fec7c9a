"""Shapes of invoices on the wire."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from billing.enums import MONEY
from billing.patterns import LOCALE, VAT_ID
from billing.rating.prices import TaxBehavior
from common.api.address import AddressInput
from common.api.fields import (
    AmountField,
    BooleanField,
    ChoiceField,
    CurrencyField,
    EmailField,
    IdField,
    InstantField,
    MetadataField,
    NumberOutput,
    PatternField,
    TextField,
    refuse,
)
from common.api.serializers import InputSerializer
from common.prefixes import CUSTOMER
from events.errors import InvalidMail
from events.services.mail import check_address
from invoicing.api.items import CouponsField, ItemInput, check_no_credits, check_transactions, ordered_period
from invoicing.enums import EmailStatus, InvoiceStatus, ItemType, TaxCategory

MAX_ITEMS = 1000


class CustomerDetailsInput(InputSerializer):
    """What is known about the customer; fills empty fields, never overwrites."""

    name = TextField(max_length=255, required=False)
    email = EmailField(required=False)
    address = AddressInput(required=False)
    vat_id = PatternField(
        max_length=64, min_length=2, pattern=VAT_ID, hint="Expected a VAT number such as DE123456789.", required=False
    )
    locale = PatternField(
        max_length=16, min_length=2, pattern=LOCALE, hint="Expected a language such as en, de or pt-BR.", required=False
    )


class InvoiceInput(InputSerializer):
    """A new invoice: for `userId` (an unknown one creates the customer) or `customerId`."""

    user_id = TextField(max_length=255, required=False)
    customer_id = IdField(CUSTOMER, required=False)
    customer = CustomerDetailsInput(required=False)
    items = ItemInput(many=True, min_length=1, max_length=MAX_ITEMS)  # type: ignore[call-arg]
    coupons = CouponsField(required=False)
    currency = CurrencyField(required=False)
    notes = TextField(max_length=5000, multiline=True, required=False)
    due_date = InstantField(date_allowed=True, required=False)
    period_start = InstantField(required=False)
    period_end = InstantField(required=False)
    skip_tax = BooleanField(required=False)
    draft = BooleanField(required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Somebody must be billed."""
        if "user_id" not in attrs and "customer_id" not in attrs:
            raise serializers.ValidationError({"userId": refuse("required", "Give userId or customerId.").detail})
        self.check_items(attrs)
        check_transactions(attrs.get("items", []))
        return ordered_period(attrs)

    def check_items(self, attrs: dict[str, Any]) -> None:
        """What is issued at once takes nothing off."""
        if not attrs.get("draft"):
            check_no_credits(attrs["items"])


class InvoiceChange(InputSerializer):
    """PATCH of a draft; `items` replaces all of them. `metadata` alone may be changed at any time."""

    items = ItemInput(many=True, max_length=MAX_ITEMS, required=False)  # type: ignore[call-arg]
    coupons = CouponsField(required=False)
    currency = CurrencyField(required=False)
    notes = TextField(max_length=5000, multiline=True, required=False, allow_null=True)
    due_date = InstantField(date_allowed=True, required=False, allow_null=True)
    skip_tax = BooleanField(required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Not more transactions than can be explained."""
        check_transactions(attrs.get("items") or [])
        return attrs


class MarkPaidInput(InputSerializer):
    """Money that came in outside of Ledger."""

    method = ChoiceField([str(kind) for kind in MONEY], required=False)
    reference = TextField(max_length=255, required=False)
    paid_at = InstantField(required=False)
    amount = AmountField(min_value=1, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Nobody has paid tomorrow; `at` of the context is the tenant's now."""
        if "paid_at" in attrs and attrs["paid_at"] > self.context["at"]:
            raise serializers.ValidationError({"paidAt": refuse("too_large", "May not be in the future.").detail})
        return attrs


class OptionalReasonInput(InputSerializer):
    """Why; `cancelled` when not given."""

    reason = TextField(max_length=500, required=False)


class MailAddressField(EmailField):
    """An e-mail address that every mail server understands."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            check_address(text)
        except InvalidMail as wrong:
            raise refuse("invalid", "No mail can be sent to this address.") from wrong
        return text


class SendInput(InputSerializer):
    """To whom, when not to the buyer."""

    email = MailAddressField(required=False)


class AcceptedOutput(serializers.Serializer[Any]):
    """It will be done."""

    success = serializers.BooleanField()


class TaxOutput(serializers.Serializer[Any]):
    """One tax of an item. `rate` is in basis points: an integer, or a decimal string where it is not whole."""

    label = serializers.CharField()  # type: ignore[assignment]
    rate = NumberOutput()
    category = serializers.ChoiceField(choices=TaxCategory.values)


class TaxRowOutput(TaxOutput):
    """One row of the tax table; amounts in minor units."""

    taxable = serializers.IntegerField()
    tax = serializers.IntegerField()
    note = serializers.CharField(allow_null=True)


class ExchangeOutput(serializers.Serializer[Any]):
    """A price in another currency: its amount in minor units there, and the rate that was in force."""

    currency = serializers.CharField()
    amount = serializers.IntegerField()
    rate = serializers.CharField()
    date = serializers.DateTimeField()
    source = serializers.CharField(allow_null=True)  # type: ignore[assignment]


class CouponTakenOutput(serializers.Serializer[Any]):
    """What a coupon took off, in minor units: of prices that contain their tax, with it."""

    coupon_id = serializers.CharField()
    code = serializers.CharField()
    name = serializers.CharField()
    amount = serializers.IntegerField()


class ItemOutput(serializers.Serializer[Any]):
    """One line. `quantity`, `unitPrice` and `taxRate` are integers, or decimal strings where they are not whole."""

    id = serializers.CharField()
    object = serializers.CharField()
    description = serializers.CharField()
    quantity = NumberOutput()
    unit_price = NumberOutput()
    total = serializers.IntegerField()
    discount = serializers.IntegerField()
    tax_rate = NumberOutput()
    taxes = TaxOutput(many=True)
    tax_code = serializers.CharField(allow_null=True)
    product_id = serializers.CharField(allow_null=True)
    price_id = serializers.CharField(allow_null=True)
    plan_id = serializers.CharField(allow_null=True)
    type = serializers.ChoiceField(choices=ItemType.values)
    usage = NumberOutput(allow_null=True, help_text="What the price was asked for, all parts together.")
    tax_behavior = serializers.ChoiceField(
        choices=[str(one) for one in TaxBehavior],
        help_text="Of the unit price; `total` and `discount` never contain the tax.",
    )
    exchange = ExchangeOutput(allow_null=True)
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)
    metadata = serializers.DictField(child=serializers.CharField())


class InvoiceOutput(serializers.Serializer[Any]):
    """An invoice. Amounts in minor units of `currency`; in lists `items` and `taxBreakdown` are null."""

    id = serializers.CharField()
    object = serializers.CharField()
    invoice_number = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=InvoiceStatus.values)
    customer_id = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    subtotal = serializers.IntegerField()
    discount = serializers.IntegerField()
    tax = serializers.IntegerField()
    total = serializers.IntegerField()
    amount_paid = serializers.IntegerField()
    amount_refunded = serializers.IntegerField()
    amount_credited = serializers.IntegerField()
    amount_due = serializers.IntegerField()
    due_date = serializers.DateTimeField(allow_null=True)
    issued_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)
    voided_at = serializers.DateTimeField(allow_null=True)
    void_reason = serializers.CharField(allow_null=True)
    period_start = serializers.DateTimeField(allow_null=True)
    period_end = serializers.DateTimeField(allow_null=True)
    subscription_id = serializers.CharField(allow_null=True)
    notes = serializers.CharField(allow_null=True)
    payment_instructions = serializers.CharField(allow_null=True)
    skip_tax = serializers.BooleanField()
    items = ItemOutput(many=True, allow_null=True)
    tax_breakdown = TaxRowOutput(many=True, allow_null=True)
    coupons = CouponTakenOutput(many=True)
    provider_id = serializers.CharField(allow_null=True)
    email_status = serializers.ChoiceField(choices=EmailStatus.values)
    metadata = serializers.DictField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class InvoiceResult(InvoiceOutput):
    """The invoice after a change."""

    success = serializers.BooleanField()


class PaidInvoiceResult(InvoiceResult):
    """The invoice after a payment."""

    payment_id = serializers.CharField()


class InvoiceStatusOutput(serializers.Serializer[Any]):
    """What a sibling service polls."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=InvoiceStatus.values)
    total = serializers.IntegerField()
    currency = serializers.CharField()
    paid_at = serializers.DateTimeField(allow_null=True)
