"""How the tenant bills: shown as a whole, changed section by section, checked by the API's own rules."""

from __future__ import annotations

import base64
import zoneinfo
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpRequest

from common.api.names import camel
from common.api.serializers import validate
from common.countries import COUNTRIES
from tenants.api.serializers import SettingsInput
from tenants.backoffice.api import (
    BackofficeAdmin,
    BackofficeForm,
    Press,
    action_button,
    backoffice_page,
    badge,
    code,
    column,
    instant,
)
from tenants.backoffice.forms import style
from tenants.enums import ProrationPolicy
from tenants.models import TenantSettings
from tenants.selectors import find_logo
from tenants.services.settings import update_settings

# Languages for which layouts have words; texts of others can be set through the API and stay untouched here.
TEXT_LANGUAGES = {"en": "English", "de": "German", "fr": "French"}
_ADDRESS = ("line1", "line2", "city", "region", "postalCode", "country")


class CompanyForm(BackofficeForm):
    """Who sells."""

    legal_name = forms.CharField(max_length=255, required=False)
    vat_id = forms.CharField(label="VAT id", max_length=64, required=False)
    address_line1 = forms.CharField(label="Address", max_length=255, required=False)
    address_line2 = forms.CharField(label="Second line", max_length=255, required=False)
    address_city = forms.CharField(label="City", max_length=255, required=False)
    address_region = forms.CharField(label="Region", max_length=255, required=False)
    address_postal_code = forms.CharField(label="Postal code", max_length=32, required=False)
    address_country = forms.ChoiceField(
        label="Country", required=False, choices=[("", "–"), *((code, code) for code in sorted(COUNTRIES))]
    )


class BillingForm(BackofficeForm):
    """What new documents take from the tenant."""

    sections = (
        ("Money", ("default_currency", "tax_rate", "tax_label", "payment_terms_days", "proration_policy")),
        ("Place", ("time_zone", "locale")),
        ("Rules", ("allow_self_cancel", "data_retention_days")),
    )
    default_currency = forms.CharField(max_length=3, help_text="ISO 4217, such as EUR.")
    tax_rate = forms.DecimalField(label="Tax rate in percent", min_value=0, max_value=100, decimal_places=2)
    tax_label = forms.CharField(max_length=50)
    payment_terms_days = forms.IntegerField(label="Days to pay", min_value=0, max_value=365)
    proration_policy = forms.ChoiceField(choices=ProrationPolicy.choices)
    time_zone = forms.ChoiceField(
        choices=[(name, name) for name in sorted(zoneinfo.available_timezones())],
        help_text="Days begin and end here: due dates, and the year of an invoice number.",
    )
    locale = forms.CharField(
        label="Language", max_length=16, help_text="Of documents and mail, such as en, or de-AT for Austrian German."
    )
    allow_self_cancel = forms.BooleanField(label="Customers may cancel by themselves", required=False)
    data_retention_days = forms.IntegerField(
        label="Days until personal data is erased", min_value=1, max_value=100_000,
        help_text="Counted from the end of an invoice. Amounts, dates and numbers stay.",
    )  # fmt: skip


class MailForm(BackofficeForm):
    """The tenant's own mail server. The password goes in and never comes out."""

    smtp_host = forms.CharField(label="Host", max_length=255, required=False, help_text="Empty: the server's own mail.")
    smtp_port = forms.IntegerField(label="Port", min_value=1, max_value=65_535, required=False)
    smtp_user = forms.CharField(label="User", max_length=255, required=False)
    smtp_password = forms.CharField(
        label="Password", max_length=1000, required=False, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), help_text="Empty: the stored one stays.",
    )  # fmt: skip
    forget_password = forms.BooleanField(label="Forget the stored password", required=False)
    smtp_from = forms.CharField(
        label="Sender", max_length=320, required=False, help_text="billing@example.com, or Name <billing@example.com>."
    )


_TEXTS = (("intro", "Above the lines"), ("footer", "At the foot"), ("payment_instructions", "How to pay"))


def _text_fields() -> dict[str, forms.Field]:
    """A field for each text of each language that layouts have words for."""
    return {
        f"{language}_{name}": forms.CharField(
            label=label, max_length=1000 if name == "footer" else 2000, required=False,
            widget=forms.Textarea(attrs={"rows": 2}),
        )
        for language in TEXT_LANGUAGES
        for name, label in _TEXTS
    }  # fmt: skip


class DocumentsForm(BackofficeForm):
    """How documents look and what they say. Documents that are issued keep what they had."""

    sections = (
        ("Look", ("brand_color", "logo", "remove_logo")),
        ("Payment", ("payment_instructions",)),
        *((name, tuple(f"{language}_{text}" for text, _ in _TEXTS)) for language, name in TEXT_LANGUAGES.items()),
    )
    brand_color = forms.CharField(label="Colour", max_length=7, required=False, help_text="Such as #1f4e79.")
    logo = forms.FileField(
        required=False, widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg"}),
        help_text="PNG or JPEG, at most 256 KiB and 2,000 by 2,000 pixels. Empty: the present one stays.",
    )  # fmt: skip
    remove_logo = forms.BooleanField(label="Remove the logo", required=False)
    payment_instructions = forms.CharField(
        max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Used where the language of the customer has none of its own below.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(_text_fields())
        style(self)


def _documents(page: Any, request: HttpRequest, row: TenantSettings) -> Mapping[str, Any]:
    texts = {
        f"{language}_{name}": (row.invoice_texts.get(language) or {}).get(camel(name)) or ""
        for language in TEXT_LANGUAGES
        for name, _ in _TEXTS
    }
    return {
        "brand_color": row.brand_color or "", "payment_instructions": row.payment_instructions or "", **texts,
    }  # fmt: skip


def _company(page: Any, request: HttpRequest, row: TenantSettings) -> Mapping[str, Any]:
    address = row.address or {}
    lines = {f"address_{_snake(name)}": address.get(name) or "" for name in _ADDRESS}
    return {"legal_name": row.legal_name or "", "vat_id": row.vat_id or "", **lines}


def _billing(page: Any, request: HttpRequest, row: TenantSettings) -> Mapping[str, Any]:
    names = BillingForm.base_fields
    values = {name: getattr(row, name) for name in names}
    return {**values, "tax_rate": Decimal(row.tax_rate) / 100}


def _mail(page: Any, request: HttpRequest, row: TenantSettings) -> Mapping[str, Any]:
    return {name: getattr(row, name) for name in ("smtp_host", "smtp_port", "smtp_user", "smtp_from")}


def _snake(name: str) -> str:
    return "postal_code" if name == "postalCode" else name


@backoffice_page(TenantSettings)
class SettingsPage(BackofficeAdmin):
    """The settings."""

    area, nav_group, nav_icon, nav_order = "settings", "Tenant", "tune", 20
    title = "Settings"
    singleton = True
    fieldsets = (
        ("Company", {"fields": ("legal_name", "shown_vat", "shown_address")}),
        (
            "Billing",
            {
                "fields": (
                    ("default_currency", "shown_tax"), ("payment_terms_days", "proration_policy"),
                    ("time_zone", "locale"), ("allow_self_cancel", "data_retention_days"),
                )
            },
        ),
        ("Documents", {"fields": (("shown_color", "shown_logo"), "payment_instructions", "shown_texts")}),
        ("Mail server", {"fields": (("shown_host", "shown_user"), ("shown_sender", "shown_password"))}),
        ("", {"fields": (("version", "changed"),)}),
    )  # fmt: skip

    def name_of(self, row: TenantSettings) -> str:
        """There is one."""
        return "Settings"

    @column("VAT id")
    def shown_vat(self, row: TenantSettings) -> str:
        """As on invoices."""
        return row.vat_id or "–"

    @column("Colour")
    def shown_color(self, row: TenantSettings) -> str:
        """Of headings and rules."""
        return code(row.brand_color) if row.brand_color else "–"

    @column("Logo")
    def shown_logo(self, row: TenantSettings) -> str:
        """Kind and size."""
        logo = find_logo(tenant_id=row.tenant_id, logo_id=row.logo_id)
        return f"{logo.media_type}, {logo.width} × {logo.height} pixels" if logo else "–"

    @column("Own texts")
    def shown_texts(self, row: TenantSettings) -> str:
        """In which languages."""
        return ", ".join(sorted(row.invoice_texts)) or "–"

    @column("User")
    def shown_user(self, row: TenantSettings) -> str:
        """At the mail server."""
        return row.smtp_user or "–"

    @column("Sender")
    def shown_sender(self, row: TenantSettings) -> str:
        """Of the tenant's mail."""
        return row.smtp_from or "–"

    @column("Address")
    def shown_address(self, row: TenantSettings) -> str:
        """On one line."""
        return ", ".join(str(row.address[name]) for name in _ADDRESS if row.address.get(name)) if row.address else "–"

    @column("Tax")
    def shown_tax(self, row: TenantSettings) -> str:
        """In percent."""
        return f"{Decimal(row.tax_rate) / 100:f} % {row.tax_label}"

    @column("Host")
    def shown_host(self, row: TenantSettings) -> str:
        """With its port."""
        return f"{row.smtp_host}:{row.smtp_port}" if row.smtp_host else "The server's own"

    @column("Password")
    def shown_password(self, row: TenantSettings) -> str:
        """Only whether there is one."""
        return (
            badge("set", "Stored, encrypted", tone="success") if row.smtp_password_encrypted else badge("none", "None")
        )

    @column("Changed")
    def changed(self, row: TenantSettings) -> str:
        """When."""
        return instant(row.updated_at)

    @action_button("Edit company", "settings:write", fields=CompanyForm, initial=_company, versioned=True, icon="edit")
    def edit_company(self, press: Press) -> str:
        """Name, address, VAT id."""
        given = press.data
        address = {name: given[f"address_{_snake(name)}"] for name in _ADDRESS if given[f"address_{_snake(name)}"]}
        return self._save(
            press,
            {"legalName": given["legal_name"] or None, "vatId": given["vat_id"] or None, "address": address or None},
        )

    @action_button("Edit billing", "settings:write", fields=BillingForm, initial=_billing, versioned=True, icon="edit")
    def edit_billing(self, press: Press) -> str:
        """Currency, tax, terms, place."""
        given = press.data
        return self._save(
            press,
            {
                "defaultCurrency": given["default_currency"].upper(),
                "taxRate": int(given["tax_rate"] * 100),
                "taxLabel": given["tax_label"],
                "paymentTermsDays": given["payment_terms_days"],
                "prorationPolicy": given["proration_policy"],
                "timeZone": given["time_zone"],
                "locale": given["locale"],
                "allowSelfCancel": given["allow_self_cancel"],
                "dataRetentionDays": given["data_retention_days"],
            },
        )

    @action_button(
        "Edit documents", "settings:write", fields=DocumentsForm, initial=_documents, versioned=True, icon="edit"
    )
    def edit_documents(self, press: Press) -> str:
        """Logo, colour and texts."""
        given = press.data
        own = {
            language: {camel(name): given[f"{language}_{name}"] for name, _ in _TEXTS if given[f"{language}_{name}"]}
            for language in TEXT_LANGUAGES
        }
        others = {name: texts for name, texts in press.object.invoice_texts.items() if name not in TEXT_LANGUAGES}
        body: dict[str, Any] = {
            "brandColor": given["brand_color"] or None,
            "paymentInstructions": given["payment_instructions"] or None,
            "invoiceTexts": {**others, **{language: texts for language, texts in own.items() if texts}},
        }
        if given["logo"]:
            body["logo"] = base64.b64encode(given["logo"].read()).decode()
        elif given["remove_logo"]:
            body["logo"] = None
        return self._save(press, body)

    @action_button("Edit mail server", "settings:write", fields=MailForm, initial=_mail, versioned=True, icon="edit")
    def edit_mail(self, press: Press) -> str:
        """The server, and its password."""
        given = press.data
        smtp: dict[str, Any] = {
            "host": given["smtp_host"] or None, "port": given["smtp_port"], "user": given["smtp_user"] or None,
            "from": given["smtp_from"] or None,
        }  # fmt: skip
        if given["smtp_password"]:
            smtp["password"] = given["smtp_password"]
        elif given["forget_password"]:
            smtp["password"] = None
        return self._save(press, {"smtp": smtp})

    def _save(self, press: Press, body: Mapping[str, Any]) -> str:
        """Check as the API does, then change."""
        changes = validate(SettingsInput, dict(body), partial=True)
        before = press.object.version
        after = update_settings(tenant_id=press.tenant_id, changes=changes, at=press.at)
        return "The settings have been saved." if after.version != before else "Nothing was different."
