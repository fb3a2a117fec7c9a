"""The runs of the retention: what was erased, when, and why."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest

from tenants.backoffice.api import (
    BackofficeAdmin,
    Panel,
    backoffice_page,
    badge,
    column,
    instant,
    json_panel,
)
from tenants.models import RetentionRun


@backoffice_page(RetentionRun)
class RetentionPage(BackofficeAdmin):
    """Runs of the retention."""

    area, nav_group, nav_icon, nav_order = "audit", "Tenant", "auto_delete", 91
    title = "Retention"
    intro = (
        "Each day finished invoices that are older than the settings keep them lose what names somebody, and so do "
        "customers all of whose invoices have lost it. manage.py anonymise does it at once, or for one who asks."
    )
    list_display = ("shown_day", "cause", "shown_status", "invoices", "customers", "blocked", "began")
    list_display_links = ("shown_day",)
    list_filter = ("cause", "status")
    fields = ("shown_day", "cause", "shown_status", "invoices", "customers", "blocked", "began", "ended")

    def name_of(self, row: RetentionRun) -> str:
        """Its day."""
        return f"Retention of {row.day}"

    def panels(self, request: HttpRequest, row: RetentionRun) -> Sequence[Panel]:
        """Rows by kind, so far or in the end."""
        return [json_panel("Rows erased", row.progress if row.erased is None else row.erased)]

    @column("Day", ordering="id")
    def shown_day(self, row: RetentionRun) -> str:
        """The tenant's calendar day."""
        return row.day.isoformat()

    @column("Status")
    def shown_status(self, row: RetentionRun) -> str:
        """Whether it has ended."""
        return badge(row.status)

    @column("Began")
    def began(self, row: RetentionRun) -> str:
        """When."""
        return instant(row.created_at)

    @column("Ended")
    def ended(self, row: RetentionRun) -> str:
        """When, or a dash."""
        return instant(row.finished_at)
