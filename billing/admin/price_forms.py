"""Forms of prices. The engine checks them, and what it finds stands at the field, those of tiers in their row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms

from billing.admin.amounts import FineAmountField, QuantityField, major_text, minor_text
from billing.enums import BillingInterval, FeatureStatus, FeatureType
from billing.models import Feature, Price, Product
from billing.price_terms import MAX_TIERS, definition_from
from billing.rating.errors import InvalidPrice
from billing.rating.prices import Billing, PricingModel, TaxBehavior
from common.api.fields import TextField
from common.api.names import camel, snake
from common.money import MAX_AMOUNT
from tenants.backoffice.api import Access, BackofficeForm
from tenants.backoffice.fields import CheckedField, MetadataField, currency_choices

OFFERED: Final = 300
_AMOUNTS = (
    "unit_amount",
    "fixed_amount",
    "per_transaction_min",
    "per_transaction_max",
    "minimum_spend",
    "maximum_spend",
)
_PLAIN = ("package_size", "rate", "included_units")
_COUNTS = ("interval_count", "free_units")
_CHOICES = ("interval", "billing", "tax_behavior")
_WHOLE = ("minimum_spend", "maximum_spend")
_TIER = re.compile(r"tiers\[(\d+)\]\.(\w+)")


def _named(values: Any, *, first: str = "") -> list[tuple[str, str]]:
    named = [(str(one), str(one).replace("_", " ").capitalize()) for one in values]
    return [("", first), *named] if first else named


class TierForm(forms.Form):
    """One tier: units above the row before, up to and including its bound."""

    up_to = QuantityField(label="Up to")
    unit_amount = FineAmountField(label="Price per unit")
    flat_amount = FineAmountField(label="Flat amount")
    rate = QuantityField(label="Percent")


class PriceForm(BackofficeForm):
    """What a price charges. `cleaned_data["terms"]` are its terms as the services take them, None where empty."""

    sections: Sequence[tuple[str, Sequence[str]]] = (
        ("", ("product", "currency", "model", "unit_amount", "interval", "interval_count")),
        ("Usage", ("feature", "included_units", "package_size")),
        ("Percentages", ("rate", "fixed_amount", "free_units", "per_transaction_min", "per_transaction_max")),
        ("Bounds of a period", ("minimum_spend", "maximum_spend")),
        ("Billing", ("billing", "tax_behavior", "tax_code")),
        ("For programs", ("metadata",)),
    )
    row_form = TierForm
    rows_title = "Tiers, of graduated and volume prices. The last one has no bound"
    rows_required = False
    rows_max = MAX_TIERS

    product = forms.ChoiceField()
    currency = forms.ChoiceField(choices=currency_choices)
    model = forms.ChoiceField(choices=_named(PricingModel), initial=PricingModel.PER_UNIT)
    unit_amount = FineAmountField(label="Price", help_text="Such as 49.90, or 0.000035 below a cent.")
    interval = forms.ChoiceField(required=False, choices=[("", "Once"), *BillingInterval.choices], label="Charged each")
    interval_count = forms.IntegerField(required=False, min_value=1, label="How many of them", help_text="Empty: 1.")
    feature = forms.ChoiceField(required=False, help_text="With a metered one the price charges for what is used.")
    included_units = QuantityField(help_text="Free in each period.")
    package_size = QuantityField(help_text="Units in a package.")
    rate = QuantityField(label="Percent")
    fixed_amount = FineAmountField(label="Per transaction")
    free_units = forms.IntegerField(required=False, min_value=0, max_value=MAX_AMOUNT, label="Free transactions")
    per_transaction_min = FineAmountField(label="At least, per transaction")
    per_transaction_max = FineAmountField(label="At most, per transaction")
    minimum_spend = FineAmountField(label="At least")
    maximum_spend = FineAmountField(label="At most")
    billing = forms.ChoiceField(
        required=False, choices=_named(Billing, first="As usual"), help_text="Usage is charged in arrears."
    )
    tax_behavior = forms.ChoiceField(choices=_named(TaxBehavior), label="Tax")
    tax_code = CheckedField(TextField(max_length=64), max_length=64, required=False)
    metadata = MetadataField()

    def prepare(self, access: Access, row: Price | None) -> None:
        """Offer products and features; called before the form is shown or read."""
        products = list(Product.objects.filter(tenant_id=access.tenant_id, active=True).order_by("-id")[:OFFERED])
        counted = Feature.objects.filter(tenant_id=access.tenant_id).exclude(type=FeatureType.BOOLEAN)
        features = list(counted.filter(status=FeatureStatus.ACTIVE).order_by("-id")[:OFFERED])
        if row is not None:
            products += [] if row.product in products else [row.product]
            features += [] if row.feature is None or row.feature in features else [row.feature]
        self.features = {str(one.id): one for one in features}
        self._offer("product", [(str(one.id), one.name) for one in products])
        self._offer("feature", [("", "–"), *((key, one.name) for key, one in self.features.items())])

    def is_valid(self) -> bool:
        """Fields, rows, and the price as a whole."""
        if not super().is_valid():
            return False
        data = self.cleaned_data
        self.kept = [
            row for row in self.rows.forms
            if (row.has_changed() or row.initial) and not row.cleaned_data.get("DELETE")
        ]  # fmt: skip
        terms = self._terms(data)
        if self.errors or any(row.errors for row in self.kept):
            return False
        feature = self.features.get(data["feature"])
        try:
            counted = feature is not None and feature.type == FeatureType.METERED
            definition_from({name: value for name, value in terms.items() if value is not None}, counted=counted)
        except InvalidPrice as refused:
            for problem in refused.details:
                self._show(problem.path, problem.message)
            return False
        data["terms"] = terms
        return True

    def _terms(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The terms in the spelling of the API; errors at amounts that are none."""
        currency = data["currency"]
        amounts = {name: self._amount(self, name, data[name], currency) for name in _AMOUNTS}
        whole = {name: _whole(amounts[name]) for name in _WHOLE}
        plain = {name: data[name] or None for name in (*_PLAIN, *_CHOICES)}
        counts = {name: data[name] for name in _COUNTS}
        terms = {camel(name): value for name, value in {**amounts, **whole, **plain, **counts}.items()}
        tiers = [self._tier(row, currency) for row in self.kept]
        return {**terms, "currency": currency, "model": data["model"], "tiers": tiers or None}

    def _tier(self, row: Any, currency: str) -> dict[str, Any]:
        data = row.cleaned_data
        amounts = {name: self._amount(row, name, data[name], currency) for name in ("unit_amount", "flat_amount")}
        values = {**amounts, "up_to": data["up_to"] or None, "rate": data["rate"] or None}
        return {camel(name): value for name, value in values.items() if value is not None}

    @staticmethod
    def _amount(form: forms.Form, name: str, text: str, currency: str) -> str | None:
        if not text:
            return None
        try:
            return minor_text(text, currency)
        except forms.ValidationError as wrong:
            form.add_error(name, wrong)
            return None

    def _show(self, path: str, message: str) -> None:
        """Where the field is, else above the form."""
        tier = _TIER.fullmatch(path)
        if tier is not None:
            row, name = self.kept[int(tier[1])], snake(tier[2])
            row.add_error(name if name in row.fields else None, message)
            return
        name = {"featureId": "feature"}.get(path, snake(path))
        self.add_error(name if name in self.fields else None, message)

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


class PriceInUseForm(BackofficeForm):
    """What of a price in use may change."""

    metadata = MetadataField()


def price_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_price` takes, and `update_price` besides the terms."""
    return {
        "product_id": UUID(data["product"]), "feature_id": UUID(data["feature"]) if data["feature"] else None,
        "tax_code": data["tax_code"] or None, "metadata": data["metadata"],
    }  # fmt: skip


def price_values(price: Price) -> dict[str, Any]:
    """A stored price as the form shows it."""
    terms, currency = price.definition, price.currency
    amounts = {name: major_text(terms.get(camel(name)), currency) for name in _AMOUNTS}
    plain = {name: terms.get(camel(name)) for name in (*_PLAIN, *_COUNTS, *_CHOICES)}
    rows = [
        {
            "up_to": tier["upTo"] or "", "rate": tier.get("rate", ""),
            "unit_amount": major_text(tier.get("unitAmount"), currency),
            "flat_amount": major_text(tier["flatAmount"], currency),
        }
        for tier in terms.get("tiers", ())
    ]  # fmt: skip
    return {
        **amounts, **plain, "currency": currency, "model": terms["model"], "product": str(price.product_id),
        "feature": str(price.feature_id or ""), "tax_code": price.tax_code, "metadata": price.metadata, "rows": rows,
    }  # fmt: skip


def _whole(text: str | None) -> Any:
    """An integer where it is one; what is not the engine refuses."""
    return int(text.partition(".")[0]) if text is not None and not text.partition(".")[2].strip("0") else text
