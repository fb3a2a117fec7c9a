"""The page of a tenant's own units."""

from __future__ import annotations

from typing import Any

from accounting.admin.forms import UnitForm
from accounting.models import Unit
from accounting.services.units import create_unit
from tenants.backoffice import display
from tenants.backoffice.api import BackofficeAdmin, Press, action_button, backoffice_page, column
from tenants.backoffice.buttons import Outcome


@backoffice_page(Unit)
class UnitPage(BackofficeAdmin):
    """What accounts may count besides currencies."""

    area = "accounts"
    nav_group = "Books"
    nav_icon = "toll"
    nav_order = 50
    sortable_by = ()
    optional = ("called",)
    list_display = ("code", "called", "places", "since")
    search_fields = ()
    fieldsets = ((None, {"fields": ("code", "called", "places", "since")}),)

    @action_button("New unit", "accounts:write", on="list", fields=UnitForm, tone="primary", icon="add")
    def create(self, press: Press) -> Outcome:
        """`create_unit`."""
        data = press.data
        made = create_unit(
            tenant_id=press.tenant_id, code=data["code"], exponent=data["exponent"], at=press.at,
            name=data["name"] or None,
        )  # fmt: skip
        return f"{made.code} may be used from now on."

    @column("Name")
    def called(self, row: Unit) -> Any:
        """For people."""
        return row.name or display.EMPTY

    @column("Decimal places")
    def places(self, row: Unit) -> Any:
        """How far one is divided."""
        return row.exponent

    @column("Since")
    def since(self, row: Unit) -> Any:
        """When it was made."""
        return display.instant(row.created_at)
