"""The taxes of a customer in its form: tax numbers, and the certificate that frees it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from billing.models import Customer
from billing.tax_ids import CHECKS, InvalidTaxId
from common.api.fields import TextField
from common.clock import format_instant, parse_instant
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeForm
from tenants.backoffice.fields import CheckedField, DayTimeField, country_choices, local

TAX_FIELDS: Final = ("vat_id", *CHECKS, "tax_exempt")
EXEMPTION_FIELDS: Final = (
    "certificate", "exemption_reason", "exemption_country", "exemption_region", "exempt_from", "exempt_until",
)  # fmt: skip
LABELS: Final = {"us_ein": "US EIN", "au_abn": "Australian ABN", "in_gst": "Indian GSTIN"}
_BREAK = SafeString("<br>")


class TaxNumberField(forms.CharField):
    """A tax number with its check digits; None where it is empty."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        super().__init__(max_length=64, required=False, label=LABELS[kind], **kwargs)
        self.checked: Callable[[str], str] = CHECKS[kind]

    def clean(self, value: Any) -> Any:
        """The number as it is stored."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return self.checked(text)
        except InvalidTaxId as wrong:
            raise forms.ValidationError(str(wrong)) from wrong


class CustomerTaxesForm(BackofficeForm):
    """The part of a customer's form that is about taxes."""

    us_ein = TaxNumberField("us_ein")
    au_abn = TaxNumberField("au_abn")
    in_gst = TaxNumberField("in_gst")
    tax_exempt = forms.BooleanField(
        required=False, label="Exempt from tax", help_text="From every tax, without a certificate."
    )
    certificate = CheckedField(
        TextField(max_length=255), max_length=255, required=False,
        help_text="While it is in force, and where it counts, the customer is exempt.",
    )  # fmt: skip
    exemption_reason = CheckedField(TextField(max_length=500), max_length=500, required=False, label="Reason")
    exemption_country = forms.ChoiceField(required=False, label="Only in", help_text="Empty: everywhere.")
    exemption_region = CheckedField(TextField(max_length=255), max_length=255, required=False, label="Only in region")
    exempt_from = DayTimeField(required=False, label="From")
    exempt_until = DayTimeField(required=False, label="Until", help_text="Then it does not count any more.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["exemption_country"].choices = [("", "–"), *country_choices()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """As the API has it: everything belongs to a certificate, a region to a country, and the end is later."""
        data: dict[str, Any] = super().clean() or {}
        rest = [name for name in EXEMPTION_FIELDS[1:] if data.get(name)]
        if rest and not data.get("certificate") and "certificate" not in self.errors:
            self.add_error("certificate", "This field is required.")
        if data.get("exemption_region") and not data.get("exemption_country"):
            self.add_error("exemption_country", "A region is one of a country.")
        start, end = data.get("exempt_from"), data.get("exempt_until")
        if start and end and end <= start:
            self.add_error("exempt_until", "Must be later.")
        return data


def tax_arguments(data: Mapping[str, Any], before: Customer | None = None) -> dict[str, Any]:
    """What the services take. A time that shows the minute it had `before` is that time, to the millisecond."""
    numbers = [{"type": kind, "value": data[kind]} for kind in CHECKS if data[kind]]
    stored = (before.tax_exemption if before else None) or {}
    exemption = None
    if data["certificate"]:
        exemption = {
            "certificate": data["certificate"], "reason": data["exemption_reason"],
            "country": data["exemption_country"] or None, "region": data["exemption_region"],
            "validFrom": _kept(stored.get("validFrom"), data["exempt_from"]),
            "validUntil": _kept(stored.get("validUntil"), data["exempt_until"]),
        }  # fmt: skip
    return {"tax_exempt": data["tax_exempt"], "tax_ids": numbers or None, "tax_exemption": exemption}


def tax_values(customer: Customer) -> dict[str, Any]:
    """What the form begins with."""
    exemption = customer.tax_exemption or {}
    start, end = (exemption.get(name) for name in ("validFrom", "validUntil"))
    return {
        "tax_exempt": customer.tax_exempt, **{one["type"]: one["value"] for one in customer.tax_ids or ()},
        "certificate": exemption.get("certificate"), "exemption_reason": exemption.get("reason"),
        "exemption_country": exemption.get("country"), "exemption_region": exemption.get("region"),
        "exempt_from": local(parse_instant(start)) if start else None,
        "exempt_until": local(parse_instant(end)) if end else None,
    }  # fmt: skip


def tax_numbers_of(row: Customer) -> Any:
    """The numbers beside the European one, line by line."""
    named = [(LABELS[one["type"]], one["value"]) for one in row.tax_ids or ()]
    return format_html_join(_BREAK, "{} {}", named) if named else display.EMPTY


def exemption_of(row: Customer) -> Any:
    """The flag, or the certificate with its place and its window."""
    if row.tax_exempt:
        return "Yes, from every tax"
    exemption = row.tax_exemption
    if not exemption:
        return "No"
    place = "-".join(exemption[name] for name in ("country", "region") if exemption[name])
    lines = [f"By certificate {exemption['certificate']}", exemption["reason"], f"In {place}" if place else None]
    times = [(word, exemption[name]) for word, name in (("From", "validFrom"), ("Until", "validUntil"))]
    shown = [(word, display.instant(parse_instant(at))) for word, at in times if at]
    return format_html_join(_BREAK, "{} {}", [*((line, "") for line in lines if line), *shown])


def _kept(stored: str | None, given: dt.datetime | None) -> str | None:
    if given is None:
        return None
    if stored is not None and parse_instant(stored).replace(second=0, microsecond=0) == given:
        return stored
    return format_instant(given)
