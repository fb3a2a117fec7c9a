"""Forms of coupons. What they take off is checked by the service, and what it finds stands at the field."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms

from billing.admin.amounts import QuantityField, price_text
from billing.admin.features import application_choices
from billing.enums import PlanStatus
from billing.models import Coupon, Plan, Price, Product
from billing.models.coupon import MAX_LIMIT, MAX_ORDER, MAX_PERIODS
from billing.patterns import COUPON_CODE, COUPON_CODE_HINT
from billing.rating.coupons import CouponType, Duration
from common.api.fields import PatternField, TextField
from tenants.backoffice.api import Access, BackofficeForm
from tenants.backoffice.fields import (
    AmountField,
    CheckedField,
    DayTimeField,
    MetadataField,
    amount_in,
    currency_choices,
    local,
    metadata_change,
)

OFFERED: Final = 1000
_AS_THEY_ARE = (
    "code", "name", "type", "amount", "duration", "duration_periods", "keep_remainder", "valid_from", "valid_until",
    "max_redemptions", "max_redemptions_per_customer", "stacking_order", "metadata",
)  # fmt: skip


def _named(values: Any) -> list[tuple[str, str]]:
    return [(str(one), str(one).capitalize()) for one in values]


class CouponForm(BackofficeForm):
    """What of a coupon may change."""

    sections: Sequence[tuple[str, Sequence[str]]] = (
        ("", ("name", "valid_until", "max_redemptions")),
        ("For programs", ("metadata",)),
    )

    name = CheckedField(TextField(max_length=255), max_length=255)
    valid_until = DayTimeField(required=False, label="Until", help_text="No longer at this time. Empty: no end.")
    max_redemptions = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_LIMIT, label="Redemptions in all", help_text="Empty: no limit."
    )
    metadata = MetadataField()


class NewCouponForm(CouponForm):
    """A new coupon also has what never changes."""

    sections = (
        ("", ("code", "name", "application")),
        (
            "What it takes off",
            ("type", "percentage", "amount", "currency", "duration", "duration_periods", "keep_remainder"),
        ),
        ("When and how often", ("valid_from", "valid_until", "max_redemptions", "max_redemptions_per_customer")),
        ("From which lines", ("plans", "products", "prices", "stacking_order")),
        CouponForm.sections[1],
    )

    code = CheckedField(
        PatternField(max_length=64, pattern=COUPON_CODE, hint=COUPON_CODE_HINT), max_length=64,
        help_text="What customers enter, in any case.",
    )  # fmt: skip
    application = forms.ChoiceField(required=False, help_text="Empty: of every application.")
    type = forms.ChoiceField(choices=_named(CouponType))
    percentage = QuantityField(label="Percent", help_text="Such as 10 or 12.5.")
    amount = AmountField(required=False, help_text="In the currency beside it, such as 5.00.")
    currency = forms.ChoiceField(required=False)
    duration = forms.ChoiceField(
        choices=_named(Duration), label="Counts", help_text="For one invoice of a customer, for so many, or for all."
    )
    duration_periods = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_PERIODS, label="How many", help_text="Of a repeating coupon."
    )
    keep_remainder = forms.BooleanField(
        required=False, label="Keep what is left", help_text="Of an amount that counts once, for the next invoice."
    )
    valid_from = DayTimeField(required=False, label="From", help_text="Empty: at once.")
    max_redemptions_per_customer = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_LIMIT, label="Redemptions of each customer", help_text="Empty: one."
    )
    plans = forms.MultipleChoiceField(required=False, widget=forms.SelectMultiple)
    products = forms.MultipleChoiceField(required=False, widget=forms.SelectMultiple)
    prices = forms.MultipleChoiceField(
        required=False, widget=forms.SelectMultiple, help_text="Nothing chosen: it counts for every line."
    )
    stacking_order = forms.IntegerField(
        min_value=-MAX_ORDER, max_value=MAX_ORDER, initial=100, label="Order", help_text="Lower first."
    )

    def prepare(self, access: Access, row: Any) -> None:
        """Offer applications, currencies, and the newest of what a coupon may be restricted to."""
        sold = Plan.objects.filter(tenant_id=access.tenant_id).exclude(status=PlanStatus.ARCHIVED)
        plans = sold.order_by("-id")[:OFFERED]
        products = Product.objects.filter(tenant_id=access.tenant_id, active=True).order_by("-id")[:OFFERED]
        prices = Price.objects.filter(tenant_id=access.tenant_id, active=True).select_related("product")
        self._offer("application", application_choices(access))
        self._offer("currency", [("", "–"), *currency_choices()])
        self._offer("plans", [(str(one.id), one.name) for one in plans])
        self._offer("products", [(str(one.id), one.name) for one in products])
        named = [(str(one.id), f"{one.product.name}: {price_text(one)}") for one in prices.order_by("-id")[:OFFERED]]
        self._offer("prices", sorted(named, key=lambda one: one[1].lower()))

    def clean(self) -> dict[str, Any]:
        """The amount in minor units."""
        data: dict[str, Any] = super().clean() or {}
        amount, currency = data.get("amount"), data.get("currency")
        data["amount"] = None
        if amount and currency:
            try:
                data["amount"] = amount_in(amount, currency)
            except forms.ValidationError as wrong:
                self.add_error("amount", wrong)
        elif amount:
            self.add_error("currency", "An amount needs its currency.")
        return data

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


def coupon_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_coupon` takes."""
    named = {f"{kind}_ids": [UUID(one) for one in data[f"{kind}s"]] for kind in ("plan", "product", "price")}
    given = {name: data[name] for name in _AS_THEY_ARE}
    application_id = UUID(data["application"]) if data["application"] else None
    optional = {name: data[name] or None for name in ("percentage", "currency")}
    return {**given, **named, **optional, "application_id": application_id}


def coupon_changes(coupon: Coupon, data: Mapping[str, Any]) -> dict[str, Any]:
    """What `update_coupon` takes. An end that was shown to the minute and left alone stays what it is."""
    changes = {
        "name": data["name"], "max_redemptions": data["max_redemptions"],
        "metadata": metadata_change(coupon.metadata, data["metadata"]),
    }  # fmt: skip
    return (
        changes
        if data["valid_until"] == _minute(coupon.valid_until)
        else changes | {"valid_until": data["valid_until"]}
    )


def coupon_values(coupon: Coupon) -> dict[str, Any]:
    """A stored coupon as the form shows it."""
    return {
        "name": coupon.name, "valid_until": local(coupon.valid_until), "max_redemptions": coupon.max_redemptions,
        "metadata": coupon.metadata,
    }  # fmt: skip


def _minute(at: dt.datetime | None) -> dt.datetime | None:
    return None if at is None else at.replace(second=0, microsecond=0)
