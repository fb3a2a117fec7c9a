"""The page of exchange rates and its form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest

from billing.api.exchange_rates import RateField
from billing.exchange import exchange_rate, in_force_at, recorded_exchange_rates
from billing.models import ExchangeRate
from billing.rating.decimals import scaled, scaled_text
from billing.services.exchange_rates import record_exchange_rate
from common.api.fields import TextField
from common.prefixes import EXCHANGE_RATE
from tenants.backoffice import display
from tenants.backoffice.access import access_of
from tenants.backoffice.api import (
    BackofficeAdmin,
    BackofficeForm,
    Panel,
    Press,
    Table,
    action_button,
    backoffice_page,
    column,
)
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import CheckedField, DayTimeField, currency_choices
from tenants.backoffice.filters import choice_filter, day_filter, text_filter
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject
from tenants.clocks import business_now
from tenants.scope import current_tenant_id

SHOWN = 20
STATES = [("in_force", "In force"), ("ahead", "Yet to begin")]


def state_condition(state: str) -> Q:
    """Rates in force now, one of each two currencies, or those that begin later."""
    at = business_now(current_tenant_id())
    return in_force_at(at) if state == "in_force" else Q(valid_from__gt=at)


def rate_text(row: ExchangeRate) -> str:
    """`1 USD = 0.9213 EUR`."""
    return f"1 {row.from_currency} = {scaled_text(scaled(row.rate))} {row.to_currency}"


class ExchangeRateForm(BackofficeForm):
    """A new rate."""

    from_currency = forms.ChoiceField(choices=currency_choices, label="One unit of")
    rate = CheckedField(RateField(), max_length=40, label="Is", help_text="Such as 0.9213, up to 12 decimal places.")
    to_currency = forms.ChoiceField(choices=currency_choices, initial="USD", label="Units of")
    valid_from = DayTimeField(label="From", help_text="Until the next rate of the two currencies begins.")
    source = CheckedField(
        TextField(max_length=255),
        max_length=255,
        required=False,
        help_text="Who says so, such as European Central Bank.",
    )

    def clean(self) -> dict[str, Any]:
        """Two currencies."""
        data = super().clean() or self.cleaned_data
        if data.get("from_currency") and data["from_currency"] == data.get("to_currency"):
            self.add_error("to_currency", "Expected another currency.")
        return data


@backoffice_page(ExchangeRate)
class ExchangeRatePage(BackofficeAdmin):
    """What currencies are in others."""

    area = "catalogue"
    nav_group = "Billing"
    nav_icon = "currency_exchange"
    nav_order = 36
    intro = (
        "A rate never changes. A correction is a rate that begins later; documents keep the one they were made with."
    )
    sortable_by = ()
    optional = ("said_by",)
    list_display = ("says", "begins", "said_by", "recorded")
    list_filter = (
        text_filter("From currency", "from", lambda text: Q(from_currency=text.upper())),
        text_filter("To currency", "to", lambda text: Q(to_currency=text.upper())),
        choice_filter("State", "state", STATES, state_condition),
        day_filter("Begins from", "begins_from", "valid_from", "from"),
        day_filter("Begins until", "begins_until", "valid_from", "until"),
    )
    list_filter_submit = True
    search_fields = ("id",)
    search_help_text = "Id, a currency, or two: USD EUR"
    fieldsets = ((None, {"fields": ("says", "own_id", "state", "begins", "said_by", "recorded")}),)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id, by one currency on either side, by two in their order."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is not None:
            return queryset.filter(id=subject.id), False
        codes = re.findall(r"\b[A-Z]{3}\b", term.upper())
        if len(codes) == 1:
            return queryset.filter(Q(from_currency=codes[0]) | Q(to_currency=codes[0])), False
        if len(codes) == 2:
            return queryset.filter(from_currency=codes[0], to_currency=codes[1]), False
        return queryset.none(), False

    def name_of(self, row: ExchangeRate) -> str:
        """What it says."""
        return rate_text(row)

    def panels(self, request: HttpRequest, row: ExchangeRate) -> Sequence[Panel]:
        """The newest rates of the same two currencies."""
        pair = Q(from_currency=row.from_currency, to_currency=row.to_currency)
        others = recorded_exchange_rates(tenant_id=row.tenant_id, condition=pair & ~Q(id=row.id))
        rows = [
            [link_to(Subject("exchangeRate", one.id), rate_text(one)), display.instant(one.valid_from),
             one.source or display.EMPTY]
            for one in others.order_by("-valid_from")[:SHOWN]
        ]  # fmt: skip
        return [Table("Other rates of these currencies", ["Rate", "From", "Source"], rows)] if rows else []

    def values(self, request: HttpRequest, row: Any) -> Mapping[str, Any]:
        """What the form begins with: now."""
        return {"valid_from": business_now(access_of(request).tenant_id)}

    @action_button(
        "New rate", "catalogue:write", on="list", fields=ExchangeRateForm, initial=values, tone="primary", icon="add",
    )  # fmt: skip
    def create(self, press: Press) -> Outcome:
        """`record_exchange_rate`."""
        made = record_exchange_rate(tenant_id=press.tenant_id, at=press.at, **press.data)
        return f"{rate_text(made)} has been recorded."

    @column("Rate")
    def says(self, row: ExchangeRate) -> Any:
        """In a line."""
        return rate_text(row)

    @column("Id")
    def own_id(self, row: ExchangeRate) -> Any:
        """As the API shows it."""
        return display.type_id(EXCHANGE_RATE, row.id)

    @column("State")
    def state(self, row: ExchangeRate) -> Any:
        """Whether it counts now."""
        at = business_now(row.tenant_id)
        if row.valid_from > at:
            return display.badge("pending", "Yet to begin")
        pair = {"source": row.from_currency, "target": row.to_currency}
        if exchange_rate(tenant_id=row.tenant_id, at=at, **pair) == row:
            return display.badge("active", "In force")
        return display.badge("closed", "Followed by another")

    @column("From")
    def begins(self, row: ExchangeRate) -> Any:
        """Since when it counts."""
        return display.instant(row.valid_from)

    @column("Source")
    def said_by(self, row: ExchangeRate) -> Any:
        """Who says so."""
        return row.source or display.EMPTY

    @column("Recorded")
    def recorded(self, row: ExchangeRate) -> Any:
        """When it was written down."""
        return display.instant(row.created_at)
