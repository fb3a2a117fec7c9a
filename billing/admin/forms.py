"""Forms of customers and products. They validate as the API does and hand the services their arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from billing.admin.customer_taxes import EXEMPTION_FIELDS, TAX_FIELDS, CustomerTaxesForm, tax_arguments, tax_values
from billing.enums import BillingInterval, ProductType
from billing.models import Customer, Product
from billing.patterns import LOCALE, VAT_ID, VAT_ID_HINT
from common.api.fields import EmailField, PatternField, TextField
from tenants.backoffice.api import BackofficeForm
from tenants.backoffice.fields import (
    AmountField,
    CheckedField,
    MetadataField,
    amount_in,
    amount_out,
    country_choices,
    currency_choices,
    metadata_change,
)

_ADDRESS = (
    ("line1", "line1"), ("line2", "line2"), ("city", "city"), ("region", "region"), ("postal_code", "postalCode"),
    ("country", "country"),
)  # fmt: skip


class CustomerForm(CustomerTaxesForm):
    """What a customer is known by."""

    sections: Sequence[tuple[str, Sequence[str]]] = (
        ("", ("name", "email", "currency", "locale")),
        ("Address", tuple(name for name, _ in _ADDRESS)),
        ("Tax", TAX_FIELDS),
        ("Certificate of exemption", EXEMPTION_FIELDS),
        ("For programs", ("metadata",)),
    )

    name = CheckedField(TextField(max_length=255), max_length=255, required=False)
    email = CheckedField(EmailField(), max_length=254, required=False, label="E-mail")
    currency = forms.ChoiceField(required=False, help_text="Of new invoices, unless they name another.")
    locale = CheckedField(
        PatternField(max_length=16, min_length=2, pattern=LOCALE, hint="Expected a language such as en, de or pt-BR."),
        max_length=16, required=False, label="Language", help_text="Of documents and e-mails: en, de, fr, pt-BR …",
    )  # fmt: skip
    line1 = CheckedField(TextField(max_length=255), max_length=255, required=False, label="Line 1")
    line2 = CheckedField(TextField(max_length=255), max_length=255, required=False, label="Line 2")
    city = CheckedField(TextField(max_length=255), max_length=255, required=False)
    region = CheckedField(TextField(max_length=255), max_length=255, required=False)
    postal_code = CheckedField(TextField(max_length=32), max_length=32, required=False)
    country = forms.ChoiceField(required=False)
    vat_id = CheckedField(
        PatternField(max_length=64, min_length=2, pattern=VAT_ID, hint=VAT_ID_HINT), max_length=64, required=False,
        label="VAT number",
    )  # fmt: skip
    metadata = MetadataField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (("currency", currency_choices()), ("country", country_choices())):
            self.fields[name].choices = [("", "–"), *choices]  # type: ignore[attr-defined]


class NewCustomerForm(CustomerForm):
    """A new customer also has the name that services know it by."""

    sections = (("", ("external_id", *CustomerForm.sections[0][1])), *CustomerForm.sections[1:])

    external_id = CheckedField(
        TextField(max_length=255), max_length=255, required=False, help_text="How your services name it. Unique."
    )


def customer_arguments(data: Mapping[str, Any], before: Customer | None = None) -> dict[str, Any]:
    """What `create_customer` takes; `before` is the customer that is changed."""
    lines = {stored: data[name] or None for name, stored in _ADDRESS}
    address = lines if any(lines.values()) else None
    plain = {
        name: data[name] or None for name in ("name", "email", "currency", "locale", "vat_id", "external_id")
        if name in data
    }  # fmt: skip
    return {**plain, "address": address, **tax_arguments(data, before), "metadata": data["metadata"]}


def customer_changes(customer: Customer, data: Mapping[str, Any]) -> dict[str, Any]:
    """What `update_customer` takes."""
    return {**customer_arguments(data, customer), "metadata": metadata_change(customer.metadata, data["metadata"])}


def customer_values(customer: Customer) -> dict[str, Any]:
    """A stored customer as the form shows it."""
    address = customer.address or {}
    return {
        "name": customer.name, "email": customer.email, "currency": customer.currency, "locale": customer.locale,
        "vat_id": customer.vat_id, **tax_values(customer), "metadata": customer.metadata,
        **{name: address.get(stored) for name, stored in _ADDRESS},
    }  # fmt: skip


class ProductForm(BackofficeForm):
    """What a product is sold as. Its type never changes."""

    sections: Sequence[tuple[str, Sequence[str]]] = (
        ("", ("name", "description")),
        ("Price", ("price", "currency", "interval", "prorate_on_change")),
        ("For programs", ("metadata",)),
    )

    name = CheckedField(TextField(max_length=255), max_length=255)
    description = CheckedField(
        TextField(max_length=5000, multiline=True), max_length=5000, required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    price = AmountField(required=False, help_text="In the currency beside it, such as 49.90.")
    currency = forms.ChoiceField(required=False)
    interval = forms.ChoiceField(
        required=False, choices=[("", "–"), *BillingInterval.choices], help_text="Of a price that recurs."
    )
    prorate_on_change = forms.BooleanField(required=False, label="Prorate changes")
    metadata = MetadataField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = [("", "–"), *currency_choices()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The price in minor units."""
        data: dict[str, Any] = super().clean() or {}
        price, currency = data.get("price"), data.get("currency")
        if price and not currency and "currency" not in self.errors:
            self.add_error("currency", "A price needs its currency.")
        elif price and currency:
            try:
                data["price"] = amount_in(price, currency)
            except forms.ValidationError as wrong:
                self.add_error("price", wrong)
        else:
            data["price"] = None
        return data


class NewProductForm(ProductForm):
    """A new product has a type."""

    sections = (("", ("name", "type", "description")), *ProductForm.sections[1:])

    type = forms.ChoiceField(choices=ProductType.choices)

    def clean(self) -> dict[str, Any]:
        """A price that recurs needs its interval."""
        data = super().clean()
        if data.get("type") == ProductType.RECURRING and data.get("price") is not None and not data.get("interval"):
            self.add_error("interval", "A recurring product with a price needs an interval.")
        return data


def product_arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """What `create_product` takes."""
    nothing = {name: data[name] or None for name in ("description", "currency", "interval")}
    return {**data, **nothing}


def product_changes(product: Product, data: Mapping[str, Any]) -> dict[str, Any]:
    """What `update_product` takes."""
    return {**product_arguments(data), "metadata": metadata_change(product.metadata, data["metadata"])}


def product_values(product: Product) -> dict[str, Any]:
    """A stored product as the form shows it."""
    return {
        "name": product.name, "description": product.description, "currency": product.currency,
        "price": amount_out(product.price, product.currency or ""), "interval": product.interval,
        "prorate_on_change": product.prorate_on_change, "metadata": product.metadata,
    }  # fmt: skip
