"""The page of prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from billing.admin.amounts import every_text, fine_money, price_text
from billing.admin.customers import pairs_of
from billing.admin.price_forms import PriceForm, PriceInUseForm, price_arguments, price_values
from billing.models import Price
from billing.rating.prices import PricingModel
from billing.services.prices import create_price, update_price
from common.prefixes import PRICE
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Panel, Press, Table, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome
from tenants.backoffice.fields import metadata_change
from tenants.backoffice.references import link_to, subject_named
from tenants.backoffice.subjects import Subject


def is_unused(row: Price) -> bool:
    """Whether all of it may change."""
    return row.used_at is None


@backoffice_page(Price)
class PricePage(BackofficeAdmin):
    """What products cost."""

    area = "catalogue"
    nav_group = "Billing"
    nav_icon = "sell"
    nav_order = 31
    sortable_by = ()
    optional = ("of_feature", "bounds", "tax_class", "included", "pairs")
    list_display = ("charges", "of_product", "model", "of_feature", "used", "state")
    list_select_related = ("product", "feature")
    search_fields = ("id",)
    search_help_text = "Id of a price, product or feature"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "charges", "own_id", "of_product", "model", "of_feature", "included", "bounds", "charged", "tax",
                    "tax_class", "used", "state", "since", "pairs",
                )
            },
        ),
    )  # fmt: skip

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """By id, product or feature."""
        term = search_term.strip()
        if not term:
            return queryset, False
        subject = subject_named(term)
        if subject is None:
            return queryset.none(), False
        return queryset.filter(Q(id=subject.id) | Q(product_id=subject.id) | Q(feature_id=subject.id)), False

    def name_of(self, row: Price) -> str:
        """What it charges."""
        return price_text(row)

    def panels(self, request: HttpRequest, row: Price) -> Sequence[Panel]:
        """The tiers."""
        tiers, lower, rows = row.definition.get("tiers", ()), "0", []
        for tier in tiers:
            each = f"{tier['rate']}%" if "rate" in tier else fine_money(tier["unitAmount"], row.currency)
            rows.append([lower, tier["upTo"] or "∞", each, fine_money(tier["flatAmount"], row.currency)])
            lower = tier["upTo"] or ""
        columns = ["Above", "Up to", "Each", "Flat"]
        return [Table("Tiers", columns, rows, numeric=(0, 1, 2, 3))] if rows else []

    @action_button("New price", "catalogue:write", on="list", fields=PriceForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_price`."""
        terms = {name: value for name, value in press.data["terms"].items() if value is not None}
        made = create_price(tenant_id=press.tenant_id, at=press.at, terms=terms, **price_arguments(press.data))
        return f"The price of {price_text(made)} has been created."

    def values(self, request: HttpRequest, row: Price) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return price_values(row)

    @action_button(
        "Edit", "catalogue:write", fields=PriceForm, initial=values, icon="edit", versioned=True, shown=is_unused,
        help="Once something uses the price it does not change any more.",
    )  # fmt: skip
    def edit(self, press: Press) -> Outcome:
        """`update_price`."""
        changes = price_arguments(press.data)
        changes["metadata"] = metadata_change(press.object.metadata, press.data["metadata"])
        self._change(press, changes, terms=press.data["terms"])
        return "The price has been changed."

    def pairs_in(self, request: HttpRequest, row: Price) -> Mapping[str, Any]:
        """What the form of metadata begins with."""
        return {"metadata": row.metadata}

    @action_button(
        "Edit metadata", "catalogue:write", fields=PriceInUseForm, initial=pairs_in, icon="edit", versioned=True,
        shown=lambda row: row.used_at is not None, help="The price is in use; the rest of it never changes.",
    )  # fmt: skip
    def annotate(self, press: Press) -> Outcome:
        """`update_price`."""
        self._change(press, {"metadata": metadata_change(press.object.metadata, press.data["metadata"])})
        return "The metadata have been changed."

    @action_button(
        "Stop offering", "catalogue:write", icon="toggle_off", shown=lambda row: row.active,
        confirm="It enters no plan any more. What uses it keeps it.",
    )  # fmt: skip
    def stop(self, press: Press) -> Outcome:
        """`update_price`."""
        self._change(press, {"active": False})
        return "The price is not offered any more."

    @action_button(
        "Offer again", "catalogue:write", icon="toggle_on", shown=lambda row: not row.active,
        confirm="It may enter plans again.",
    )  # fmt: skip
    def resume(self, press: Press) -> Outcome:
        """`update_price`."""
        self._change(press, {"active": True})
        return "The price is offered again."

    def _change(self, press: Press, changes: Mapping[str, Any], terms: Mapping[str, Any] | None = None) -> None:
        update_price(
            tenant_id=press.tenant_id, price_id=press.object.id, at=press.at, changes=changes, terms=terms or {}
        )

    @column("Price")
    def charges(self, row: Price) -> Any:
        """In a line."""
        return price_text(row)

    @column("Id")
    def own_id(self, row: Price) -> Any:
        """As the API shows it."""
        return display.type_id(PRICE, row.id)

    @column("Product")
    def of_product(self, row: Price) -> Any:
        """What is sold."""
        return link_to(Subject("product", row.product_id), row.product.name)

    @column("Feature")
    def of_feature(self, row: Price) -> Any:
        """What is counted."""
        return link_to(Subject("feature", row.feature.id), row.feature.name) if row.feature else display.EMPTY

    @column("Model")
    def model(self, row: Price) -> Any:
        """How an amount follows from a quantity."""
        return PricingModel(row.definition["model"]).replace("_", " ").capitalize()

    @column("Included")
    def included(self, row: Price) -> Any:
        """Units that cost nothing."""
        units = row.definition.get("includedUnits", "0")
        return display.EMPTY if units == "0" else units

    @column("Bounds of a period")
    def bounds(self, row: Price) -> Any:
        """At least, at most."""
        sides = (("at least", "minimumSpend"), ("at most", "maximumSpend"))
        said = [
            f"{words} {display.money_text(row.definition[name], row.currency)}"
            for words, name in sides
            if name in row.definition
        ]
        return ", ".join(said) or display.EMPTY

    @column("Charged")
    def charged(self, row: Price) -> Any:
        """When, and how often."""
        return row.definition["billing"].capitalize() + (every_text(row.definition) or ", once")

    @column("Tax")
    def tax(self, row: Price) -> Any:
        """Added or contained."""
        return row.definition["taxBehavior"].capitalize()

    @column("Tax code")
    def tax_class(self, row: Price) -> Any:
        """Of what is sold."""
        return row.tax_code or display.EMPTY

    @column("In use")
    def used(self, row: Price) -> Any:
        """Since when it never changes."""
        return display.instant(row.used_at)

    @column("State")
    def state(self, row: Price) -> Any:
        """Whether it is offered."""
        return display.badge("active", "Offered") if row.active else display.badge("inactive", "Not offered")

    @column("Since")
    def since(self, row: Price) -> Any:
        """When it was made."""
        return display.instant(row.created_at)

    @column("Metadata")
    def pairs(self, row: Price) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)
