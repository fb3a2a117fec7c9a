"""What `<app>/admin.py` imports: the whole vocabulary of the back office in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.admin import display as _display
from django.db.models import Model

from tenants.backoffice.access import Access, access_of
from tenants.backoffice.buttons import Press, Secret, action_button
from tenants.backoffice.cards import Card, Line, cards
from tenants.backoffice.display import (
    actor,
    badge,
    changes,
    code,
    day,
    instant,
    json_block,
    link,
    money,
    money_text,
    person,
    type_id,
)
from tenants.backoffice.filters import choice_filter, day_filter, id_condition, text_filter
from tenants.backoffice.forms import BackofficeForm
from tenants.backoffice.pages import BackofficeAdmin, audit_moment
from tenants.backoffice.panels import Block, Moment, Panel, Pictures, Table, Timeline, json_panel
from tenants.backoffice.reports import Asked, BackofficeReport, download
from tenants.backoffice.site import backoffice

__all__ = [
    "Access", "Asked", "BackofficeAdmin", "BackofficeForm", "BackofficeReport", "Block", "Card", "Line", "Moment",
    "Panel", "Pictures", "Press", "Secret", "Table", "Timeline", "access_of", "action_button", "actor", "audit_moment",
    "backoffice", "backoffice_page", "backoffice_report", "badge", "cards", "changes", "choice_filter", "code",
    "column", "day", "day_filter", "download", "id_condition", "instant", "json_block", "json_panel", "link", "money",
    "money_text", "person", "text_filter", "type_id",
]  # fmt: skip

Page = TypeVar("Page", bound=type[BackofficeAdmin])
Report = TypeVar("Report", bound=type[BackofficeReport])
Function = TypeVar("Function", bound=Callable[..., Any])


def backoffice_page(model: type[Model]) -> Callable[[Page], Page]:
    """Register a page for a model."""

    def register(page: Page) -> Page:
        backoffice.register(model, page)
        return page

    return register


def backoffice_report(name: str) -> Callable[[Report], Report]:
    """Register a report under its name in addresses."""

    def register(report: Report) -> Report:
        backoffice.register_report(name, report)
        return report

    return register


def column(title: str, *, ordering: str | None = None, boolean: bool | None = None) -> Callable[[Function], Function]:
    """A column of a list, or a field of an object: a method `(self, row)`. `ordering` needs an index."""

    def decorate(function: Function) -> Function:
        shown: Function = _display(function, description=title, ordering=ordering, boolean=boolean)
        return shown

    return decorate
