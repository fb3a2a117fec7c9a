"""Forms of accounts, transfers, holds and units. They hand the services what these take."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from accounting.admin.showing import digits_of
from accounting.enums import AccountType, GrantSource, OverdraftPolicy
from accounting.models import Account, Unit
from accounting.models.grant import MAX_PRIORITY
from accounting.selectors import with_exponents
from accounting.services.accounts import Overdraft
from common.api.fields import PatternField, TextField
from common.ids import InvalidId, decode_id
from common.prefixes import ACCOUNT
from tenants.backoffice.access import Access
from tenants.backoffice.api import BackofficeForm
from tenants.backoffice.fields import (
    AmountField,
    CheckedField,
    DayTimeField,
    MetadataField,
    amount_in,
    amount_out,
    currency_choices,
)

CODE = r"[A-Z][A-Z0-9_]{2,15}"


class AccountField(forms.CharField):
    """The id of an account of the tenant, `acc_…`; the value of the form is the account."""

    tenant_id: UUID
    """Set before the form is read: `prepare` of the form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, help_text="Its id, such as acc_01h…", **kwargs)

    def clean(self, value: Any) -> Any:
        """The account. Raises `forms.ValidationError` for what is not there."""
        text = super().clean(value)
        if not text:
            return None
        try:
            found = with_exponents(
                Account.objects.filter(tenant_id=self.tenant_id, id=decode_id(ACCOUNT, text))
            ).first()
        except InvalidId:
            found = None
        if found is None:
            raise forms.ValidationError("There is no such account.", code="not_found")
        return found


class OverdraftForm(BackofficeForm):
    """How far an account may fall below zero."""

    policy = forms.ChoiceField(choices=OverdraftPolicy.choices, label="Overdraft")
    limit = AmountField(required=False, help_text="With the overdraft “Limit”: the amount below zero.")
    digits: int | None = None
    currency = ""

    def prepare(self, access: Access, row: Any) -> None:
        """The unit of the account."""
        self.currency, self.digits = row.currency, digits_of(row)

    def clean(self) -> dict[str, Any]:
        """The overdraft as services take it."""
        data = super().clean() or {}
        return {**data, "overdraft": self.overdraft(data, self.currency, self.digits)}

    def overdraft(self, data: dict[str, Any], currency: str, digits: int | None) -> Overdraft | None:
        """Policy and limit belong together."""
        limited = data.get("policy") == OverdraftPolicy.LIMIT
        if limited and not data.get("limit"):
            self.add_error("limit", "A limit is needed.")
            return None
        if not limited:
            return Overdraft(policy=data.get("policy", OverdraftPolicy.NONE))
        try:
            return Overdraft(policy=OverdraftPolicy.LIMIT, limit=amount_in(data["limit"], currency, digits=digits))
        except forms.ValidationError as wrong:
            self.add_error("limit", wrong)
            return None


class NewAccountForm(OverdraftForm):
    """An account of the tenant. Unit, type and code never change."""

    field_order = ("code", "unit", "type", "policy", "limit", "metadata")

    code = CheckedField(TextField(max_length=64), max_length=64, required=False, help_text="Its name in your chart.")
    unit = forms.ChoiceField(label="Currency or unit")
    type = forms.ChoiceField(choices=AccountType.choices, initial=AccountType.LIABILITY)
    metadata = MetadataField()

    def prepare(self, access: Access, row: Any) -> None:
        """Currencies, and the units of the tenant before them."""
        own = Unit.objects.filter(tenant_id=access.tenant_id).order_by("code")
        self.exponents = {unit.code: unit.exponent for unit in own}
        choices = [(unit.code, f"{unit.code} – {unit.name or 'own unit'}") for unit in own]
        self.fields["unit"].choices = [*choices, *currency_choices()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The currency is that of the form."""
        self.currency = self.cleaned_data.get("unit") or "EUR"
        self.digits = self.exponents.get(self.currency)
        return super().clean()


class TransferForm(BackofficeForm):
    """An amount that leaves the account of the page."""

    to_account = AccountField(label="To account")
    amount = AmountField()
    description = CheckedField(TextField(max_length=500), max_length=500, required=False)

    def prepare(self, access: Access, row: Any) -> None:
        """Only accounts of the tenant are there."""
        self.fields["to_account"].tenant_id = access.tenant_id  # type: ignore[attr-defined]
        self.currency, self.digits = row.currency, digits_of(row)

    def clean_amount(self) -> int:
        """In minor units of the account, above zero."""
        return _above_zero(self.cleaned_data["amount"], self.currency, self.digits)


class CaptureForm(TransferForm):
    """What is taken of a hold; the rest is free again."""

    description = None  # type: ignore[assignment]

    def prepare(self, access: Access, row: Any) -> None:
        """By default all of it."""
        super().prepare(access, row)
        self.fields["amount"].initial = amount_out(row.amount, row.currency, digits=digits_of(row))


class GrantForm(BackofficeForm):
    """Credit for the account of the page."""

    amount = AmountField()
    source = forms.ChoiceField(choices=GrantSource.choices, initial=GrantSource.PROMOTIONAL)
    priority = forms.IntegerField(min_value=0, max_value=MAX_PRIORITY, initial=50, help_text="Lower is spent first.")
    expires_at = DayTimeField(required=False, label="Expires")

    def prepare(self, access: Access, row: Any) -> None:
        """The unit of the account."""
        self.currency, self.digits = row.currency, digits_of(row)

    def clean_amount(self) -> int:
        """In minor units of the account, above zero."""
        return _above_zero(self.cleaned_data["amount"], self.currency, self.digits)


class UnitForm(BackofficeForm):
    """A unit of the tenant's own. It never changes."""

    code = CheckedField(
        PatternField(max_length=16, min_length=3, pattern=CODE, hint="Expected capitals, such as CREDITS."),
        max_length=16, help_text="Capital letters, digits and underscores.",
    )  # fmt: skip
    exponent = forms.IntegerField(
        min_value=0, max_value=12, initial=0, help_text="Decimal places: 0 when one unit cannot be divided."
    )
    name = CheckedField(TextField(max_length=255), max_length=255, required=False)


def _above_zero(text: str, currency: str, digits: int | None) -> int:
    amount = amount_in(text, currency, digits=digits)
    if amount == 0:
        raise forms.ValidationError("The amount must be above zero.", code="too_small")
    return amount
