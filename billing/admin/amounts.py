"""Amounts below a minor unit as people read and write them, and prices in a few words."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from django import forms

from billing.enums import BillingInterval
from billing.models import Price
from billing.rating.decimals import PLACES
from billing.rating.prices import PricingModel
from common.currencies import EXPONENTS
from tenants.backoffice import display

_AMOUNT: Final = re.compile(r"(?:[0-9]{1,16}|[0-9]{1,3}(?:,[0-9]{3}){1,5})(?:\.([0-9]{1,16}))?")
_UNITS: Final = {PricingModel.PER_UNIT: " per unit", PricingModel.FLAT: "", PricingModel.PACKAGE: " per package"}


class FineAmountField(forms.CharField):
    """An amount as people write it, which may be a fraction of a minor unit: `0.000035`."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(max_length=40, required=False, widget=forms.TextInput(attrs=attrs), **kwargs)


class QuantityField(forms.CharField):
    """A quantity or a percentage; the engine checks it."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(max_length=40, required=False, widget=forms.TextInput(attrs=attrs), **kwargs)


def minor_text(text: str, currency: str) -> str:
    """`0.000035` in EUR is `0.0035` cents. Raises `forms.ValidationError`."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise forms.ValidationError("Expected an amount such as 49.90 or 0.000035.")
    digits = EXPONENTS[currency]
    if len((found[1] or "").rstrip("0")) > digits + PLACES:
        raise forms.ValidationError(f"At most {digits + PLACES} decimal places.")
    return format(Decimal(text.strip().replace(",", "")).scaleb(digits), "f")


def major_text(text: str | int | None, currency: str) -> str:
    """What a field shows: `49.90` for 4990 cents, with all places of what is finer."""
    if text is None:
        return ""
    digits = EXPONENTS[currency]
    amount = Decimal(text).scaleb(-digits)
    places = max(digits, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:.{places}f}"


def fine_money(text: str | int, currency: str) -> str:
    """`€0.000035`."""
    whole = Decimal(text)
    if whole == whole.to_integral_value():
        return display.money_text(int(whole), currency)
    sign = display.money_text(0, currency).rstrip("0.")
    return sign + major_text(text, currency)


def price_text(price: Price) -> str:
    """What a price charges, in a line: `€49.00 / month`, `Graduated, 3 tiers, USD`."""
    terms, model = price.definition, PricingModel(price.definition["model"])
    if "unitAmount" in terms:
        amount = fine_money(terms["unitAmount"], price.currency)
        package = f" of {terms['packageSize']}" if model is PricingModel.PACKAGE else ""
        said = f"{amount}{_UNITS[model]}{package}"
    elif "tiers" in terms:
        said = f"{model.replace('_', ' ').capitalize()}, {len(terms['tiers'])} tiers, {price.currency}"
    else:
        fixed = Decimal(terms["fixedAmount"])
        said = f"{terms['rate']}%" + (f" + {fine_money(terms['fixedAmount'], price.currency)}" if fixed else "")
        said += "" if fixed else f", {price.currency}"
    return said + every_text(terms)


def every_text(terms: Any) -> str:
    """` / 2 months`; nothing for what is charged once."""
    if "interval" not in terms:
        return ""
    unit, number = BillingInterval(terms["interval"]).label.lower(), terms["intervalCount"]
    return f" / {unit}" if number == 1 else f" / {number} {unit}s"
