"""The page of products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest

from billing.admin.customers import pairs_of
from billing.admin.forms import NewProductForm, ProductForm, product_arguments, product_changes, product_values
from billing.enums import BillingInterval, ProductType
from billing.models import Product
from billing.services.products import create_product, toggle_product, update_product
from common.prefixes import PRODUCT
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Press, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome


@backoffice_page(Product)
class ProductPage(BackofficeAdmin):
    """What the tenant sells."""

    area = "products"
    nav_group = "Billing"
    nav_icon = "inventory_2"
    nav_order = 30
    sortable_by = ()
    optional = ("text", "pairs")
    list_display = ("name", "price_shown", "kind", "state", "since")
    fieldsets = (
        (None, {"fields": ("name", "own_id", "text", "kind", "price_shown", "prorated", "state", "since", "pairs")}),
    )

    @action_button("New product", "products:write", on="list", fields=NewProductForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_product`."""
        made = create_product(tenant_id=press.tenant_id, at=press.at, **product_arguments(press.data))
        return f"{made} has been created."

    def values(self, request: HttpRequest, row: Product) -> Mapping[str, Any]:
        """What the form of changes begins with."""
        return product_values(row)

    @action_button(
        "Edit", "products:write", fields=ProductForm, initial=values, icon="edit", versioned=True,
        help="Invoices keep the texts and prices they were written with.",
    )  # fmt: skip
    def edit(self, press: Press) -> Outcome:
        """`update_product`."""
        changes = product_changes(press.object, press.data)
        update_product(tenant_id=press.tenant_id, product_id=press.object.id, at=press.at, changes=changes)
        return "The product has been changed."

    @action_button(
        "Stop selling", "products:write", icon="toggle_off", shown=lambda row: row.active,
        confirm="It is not offered any more. What refers to it keeps working.",
    )  # fmt: skip
    def stop(self, press: Press) -> Outcome:
        """`toggle_product`, unless somebody was quicker."""
        return self._toggled(press, active=False)

    @action_button(
        "Sell again",
        "products:write",
        icon="toggle_on",
        shown=lambda row: not row.active,
        confirm="It is offered again.",
    )
    def resume(self, press: Press) -> Outcome:
        """`toggle_product`, unless somebody was quicker."""
        return self._toggled(press, active=True)

    def _toggled(self, press: Press, *, active: bool) -> str:
        if press.object.active != active:
            toggle_product(tenant_id=press.tenant_id, product_id=press.object.id, at=press.at)
        return "The product is sold again." if active else "The product is not sold any more."

    @column("Id")
    def own_id(self, row: Product) -> Any:
        """As the API shows it."""
        return display.type_id(PRODUCT, row.id)

    @column("Description")
    def text(self, row: Product) -> Any:
        """For people."""
        return row.description or display.EMPTY

    @column("Price")
    def price_shown(self, row: Product) -> Any:
        """With the interval it recurs at."""
        if row.price is None or row.currency is None:
            return display.EMPTY
        every = f" / {BillingInterval(row.interval).label.lower()}" if row.interval else ""
        return display.money_text(row.price, row.currency) + every

    @column("Type")
    def kind(self, row: Product) -> Any:
        """Once or again and again."""
        return ProductType(row.type).label

    @column("Prorates changes")
    def prorated(self, row: Product) -> Any:
        """Yes or no."""
        return "Yes" if row.prorate_on_change else "No"

    @column("State")
    def state(self, row: Product) -> Any:
        """Whether it is sold."""
        return display.badge("active", "Sold") if row.active else display.badge("inactive", "Not sold")

    @column("Since")
    def since(self, row: Product) -> Any:
        """When it was made."""
        return display.instant(row.created_at)

    @column("Metadata")
    def pairs(self, row: Product) -> Any:
        """What programs wrote down."""
        return pairs_of(row.metadata)
