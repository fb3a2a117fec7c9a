"""The page of tax rates and its forms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest

from billing.models import TaxRate
from billing.models.tax_rate import MAX_REGION, RATE_PLACES
from billing.patterns import TAX_CATEGORY, TAX_CATEGORY_HINT
from billing.rating.decimals import scaled, scaled_text
from billing.services.tax_rates import create_tax_rate, update_tax_rate
from billing.taxation import STANDARD
from common.api.fields import DecimalField, PatternField, TextField
from common.prefixes import TAX_RATE
from tenants.backoffice import display
from tenants.backoffice.api import (
    BackofficeAdmin,
    BackofficeForm,
    Press,
    action_button,
    backoffice_page,
    column,
)
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import CheckedField, DayTimeField, country_choices, local
from tenants.backoffice.filters import choice_filter
from tenants.backoffice.references import subject_named

_COUNTRIES = dict(country_choices())
COUNTRY = choice_filter("Country", "country", country_choices(), lambda code: Q(country=code))


class TaxRateForm(BackofficeForm):
    """What of a rate may change."""

    sections: Sequence[tuple[str, Sequence[str]]] = (("", ("label", "valid_until")),)

    label = CheckedField(TextField(max_length=50), max_length=50, help_text="On documents, such as VAT.")
    valid_until = DayTimeField(
        required=False, label="Until", help_text="The first instant it is not in force any more. Empty: it has no end."
    )


class NewTaxRateForm(TaxRateForm):
    """A new rate also has what never changes."""

    sections = (
        ("", ("country", "region", "category", "rate", "label")),
        ("In force", ("valid_from", "valid_until")),
    )

    country = forms.ChoiceField()
    region = CheckedField(
        TextField(max_length=MAX_REGION), max_length=MAX_REGION, required=False,
        help_text="As addresses name it, such as QC. It is owed beside that of the country. Empty: the whole country.",
    )  # fmt: skip
    category = CheckedField(
        PatternField(max_length=32, pattern=TAX_CATEGORY, hint=TAX_CATEGORY_HINT), max_length=32, required=False,
        help_text="The tax code of what is sold, such as reduced or books. Empty: standard.",
    )  # fmt: skip
    rate = CheckedField(
        DecimalField(places=RATE_PLACES, min_value=Decimal(0), max_value=Decimal(100)), max_length=12,
        label="Rate in percent",
    )  # fmt: skip
    valid_from = DayTimeField(label="From", help_text="In the tenant's time zone.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [("", "–"), *country_choices()]  # type: ignore[attr-defined]


@backoffice_page(TaxRate)
class TaxRatePage(BackofficeAdmin):
    """What is owed where, and since when."""

    area = "catalogue"
    nav_group = "Billing"
    nav_icon = "percent"
    nav_order = 35
    sortable_by = ()
    list_display = ("place", "category", "percent", "label", "starts", "ends")
    list_filter = (COUNTRY,)
    list_filter_submit = True
    search_fields = ("id",)
    search_help_text = "Id, country or category"
    fieldsets = ((None, {"fields": ("place", "own_id", "category", "percent", "label", "starts", "ends", "since")}),)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id, by the code of the country, or by the category."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is not None:
            return queryset.filter(id=subject.id), False
        return queryset.filter(Q(country=term.upper()) | Q(category=term.lower())), False

    @action_button("New tax rate", "catalogue:write", on="list", fields=NewTaxRateForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_tax_rate`."""
        given = {**press.data, "category": press.data["category"] or STANDARD}
        made = create_tax_rate(tenant_id=press.tenant_id, at=press.at, **given)
        return f"{made} has been created."

    def values(self, request: HttpRequest, row: TaxRate) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return {"label": row.label, "valid_until": local(row.valid_until)}

    @action_button(
        "Edit", "catalogue:write", fields=TaxRateForm, initial=values, icon="edit", versioned=True,
        help="For another rate, end this one and make a new one. Documents keep the rates they were issued with.",
    )  # fmt: skip
    def edit(self, press: Press) -> Outcome:
        """`update_tax_rate`."""
        self._change(press, {**press.data, "valid_until": _kept(press.object.valid_until, press.data["valid_until"])})
        return "The tax rate has been changed."

    @action_button(
        "End", "catalogue:write", icon="event_busy", tone="danger", shown=lambda row: row.valid_until is None,
        confirm="It is not in force any more from now on; one that has not begun will never be.",
    )  # fmt: skip
    def end(self, press: Press) -> Outcome:
        """`update_tax_rate`."""
        self._change(press, {"valid_until": max(press.at, press.object.valid_from)})
        return "The tax rate has ended."

    def _change(self, press: Press, changes: Mapping[str, Any]) -> None:
        update_tax_rate(tenant_id=press.tenant_id, rate_id=press.object.id, at=press.at, changes=changes)

    @column("Place")
    def place(self, row: TaxRate) -> Any:
        """Country, and the region in it."""
        country = _COUNTRIES.get(row.country, row.country)
        return f"{country}, {row.region}" if row.region else country

    @column("Id")
    def own_id(self, row: TaxRate) -> Any:
        """As the API shows it."""
        return display.type_id(TAX_RATE, row.id)

    @column("Rate")
    def percent(self, row: TaxRate) -> Any:
        """In percent."""
        return f"{scaled_text(scaled(row.rate))} %"

    @column("From")
    def starts(self, row: TaxRate) -> Any:
        """The first instant."""
        return display.instant(row.valid_from)

    @column("Until")
    def ends(self, row: TaxRate) -> Any:
        """The first instant that it is not in force any more."""
        if row.valid_until == row.valid_from:
            return display.badge("inactive", "Withdrawn")
        return display.instant(row.valid_until)

    @column("Since")
    def since(self, row: TaxRate) -> Any:
        """When it was made."""
        return display.instant(row.created_at)


def _kept(stored: dt.datetime | None, given: dt.datetime | None) -> dt.datetime | None:
    """The end that the row has, to the microsecond, where the form shows the same minute."""
    same = stored is not None and given is not None and stored.replace(second=0, microsecond=0) == given
    return stored if same else given
