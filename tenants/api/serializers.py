"""Shapes of the tenants app on the wire."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from common.api.address import AddressInput, AddressOutput
from common.api.fields import (
    BooleanField,
    ChoiceField,
    CurrencyField,
    EmailField,
    IntegerField,
    PatternField,
    TextField,
    refuse,
)
from common.api.places import LocaleField, TimeZoneField
from common.api.serializers import InputSerializer
from tenants.api.branding import (
    ColorField,
    InvoiceTextOutput,
    InvoiceTextsField,
    LogoField,
    LogoOutput,
)
from tenants.context import ActorType
from tenants.enums import AuditOutcome, JobStatus, ProrationPolicy


class SenderField(TextField):
    """The sender of mail: an e-mail address, or `Name <address>`."""

    _named = re.compile(r'("?)([^"<>@,;]{1,64})\1\s*<([^<>]+)>')

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=320, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        named = self._named.fullmatch(text)
        try:
            EmailField().to_internal_value(named.group(3) if named else text)
        except serializers.ValidationError as wrong:
            raise refuse("invalid", "Expected an e-mail address, or Name <address>.") from wrong
        return text


class SmtpInput(InputSerializer):
    """How the tenant's mail is sent. What is not given stays; null clears."""

    host = PatternField(
        max_length=255, pattern=r"[A-Za-z0-9._:\[\]-]+", hint="Expected a host name or an IP address.",
        required=False, allow_null=True,
    )  # fmt: skip
    port = IntegerField(min_value=1, max_value=65_535, required=False, allow_null=True)
    user = TextField(max_length=255, required=False, allow_null=True)
    password = TextField(max_length=1000, required=False, allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python and can be no attribute."""
        return {**super().get_fields(), "from": SenderField(required=False, allow_null=True)}


class SettingsInput(InputSerializer):
    """PATCH of the settings."""

    default_currency = CurrencyField(required=False)
    tax_rate = IntegerField(min_value=0, max_value=10_000, required=False)
    tax_label = TextField(max_length=50, required=False)
    data_retention_days = IntegerField(min_value=1, max_value=100_000, required=False)
    allow_self_cancel = BooleanField(required=False)
    time_zone = TimeZoneField(required=False)
    payment_terms_days = IntegerField(min_value=0, max_value=365, required=False)
    legal_name = TextField(max_length=255, required=False, allow_null=True)
    address = AddressInput(required=False, allow_null=True)
    vat_id = TextField(max_length=64, required=False, allow_null=True)
    locale = LocaleField(required=False)
    smtp = SmtpInput(partial=True, required=False, allow_null=True)
    email_invoices = BooleanField(required=False)
    proration_policy = ChoiceField(ProrationPolicy.choices, required=False)
    payment_instructions = TextField(max_length=2000, multiline=True, required=False, allow_null=True)
    invoice_texts = InvoiceTextsField(required=False)
    brand_color = ColorField(required=False, allow_null=True)
    logo = LogoField(required=False, allow_null=True)


class SmtpOutput(serializers.Serializer[Any]):
    """How the tenant's mail is sent; without host, by the server's own settings."""

    host = serializers.CharField(allow_null=True)
    port = serializers.IntegerField()
    user = serializers.CharField(allow_null=True)
    password = serializers.CharField(allow_null=True, help_text="Always null: it is never shown.")
    password_set = serializers.BooleanField()

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python and can be no attribute."""
        return {**super().get_fields(), "from": serializers.CharField(allow_null=True)}


class SettingsOutput(serializers.Serializer[Any]):
    """The settings of a tenant. `tax_rate` is in basis points."""

    default_currency = serializers.CharField()
    tax_rate = serializers.IntegerField()
    tax_label = serializers.CharField()
    data_retention_days = serializers.IntegerField()
    allow_self_cancel = serializers.BooleanField()
    time_zone = serializers.CharField()
    payment_terms_days = serializers.IntegerField()
    legal_name = serializers.CharField(allow_null=True)
    address = AddressOutput(allow_null=True)
    vat_id = serializers.CharField(allow_null=True)
    locale = serializers.CharField()
    smtp = SmtpOutput()
    email_invoices = serializers.BooleanField()
    proration_policy = serializers.ChoiceField(ProrationPolicy.choices)
    payment_instructions = serializers.CharField(allow_null=True)
    invoice_texts = serializers.DictField(child=InvoiceTextOutput())
    brand_color = serializers.CharField(allow_null=True)
    logo = LogoOutput(allow_null=True)


class ActorOutput(serializers.Serializer[Any]):
    """Who acted."""

    type = serializers.ChoiceField([kind.value for kind in ActorType])
    id = serializers.CharField()


class ChangeOutput(serializers.Serializer[Any]):
    """One changed field: `from` and `to` hold any JSON value."""

    to = serializers.JSONField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python and can be no attribute."""
        return {"from": serializers.JSONField(allow_null=True), **super().get_fields()}


class AuditEntryOutput(serializers.Serializer[Any]):
    """One act: who did what to which object, when, from where and why."""

    id = serializers.CharField()
    object = serializers.CharField()
    action = serializers.CharField()
    entity_type = serializers.CharField()
    entity_id = serializers.CharField(allow_null=True)
    actor = ActorOutput()
    trace_id = serializers.CharField(allow_null=True)
    ip_address = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    changes = serializers.DictField(child=ChangeOutput())
    outcome = serializers.ChoiceField(AuditOutcome.choices)
    created_at = serializers.DateTimeField()


class JobOutput(serializers.Serializer[Any]):
    """Work accepted for later. `progress` is in percent."""

    id = serializers.CharField()
    object = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.ChoiceField(JobStatus.choices)
    progress = serializers.IntegerField()
    result = serializers.JSONField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
