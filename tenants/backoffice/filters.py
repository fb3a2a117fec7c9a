"""Filters of lists: text and days. Those on plain columns with choices are Django's own (`list_filter = ("status",)`).

A page with any of these sets `list_filter_submit = True`, so that there is a button to apply them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal
from uuid import UUID

from django import forms
from django.db.models import CharField, Model, Q, QuerySet, Value
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import TextFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from common.ids import InvalidId, decode_id

NOTHING = Q(pk__in=[])
AMONG = 20_000


class _Field(TextFilter):  # type: ignore[misc]
    """A filter with one input."""

    def field(self) -> forms.Field:
        """The input."""
        return forms.CharField(label=self.title, required=False, widget=UnfoldAdminTextInputWidget)

    def condition(self, text: str) -> Q:
        """What the text means."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that match; all without a text."""
        text = (self.value() or "").strip()
        return queryset.filter(self.condition(text)) if text and "\x00" not in text else queryset

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """The form of the template."""
        form = forms.Form(data={self.parameter_name: self.value()})
        form.fields[self.parameter_name] = self.field()
        yield {"form": form}


def text_filter(title: str, parameter: str, condition: Callable[[str], Q]) -> type[_Field]:
    """A filter in which people type. `condition(text)` must be one that an index answers; `NOTHING` matches none."""
    return type("TextCondition", (_Field,), {
        "title": title, "parameter_name": parameter, "condition": lambda self, text: condition(text),
    })  # fmt: skip


def choice_filter(
    title: str, parameter: str, options: list[tuple[str, str]], condition: Callable[[str], Q]
) -> type[_Field]:
    """A filter with a list to choose from."""

    def field(self: _Field) -> forms.Field:
        return forms.ChoiceField(
            label=title, required=False, choices=[("", "All"), *options], widget=UnfoldAdminSelectWidget
        )

    return type("ChoiceCondition", (_Field,), {
        "title": title, "parameter_name": parameter, "field": field,
        "condition": lambda self, text: condition(text) if text in dict(options) else NOTHING,
    })  # fmt: skip


def day_filter(title: str, parameter: str, column: str, bound: Literal["from", "until"]) -> type[_Field]:
    """A first or last day, in the tenant's zone. `column="id"` compares the time inside the ids, which is indexed."""

    def field(self: _Field) -> forms.Field:
        return forms.CharField(label=title, required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))

    def condition(self: _Field, text: str) -> Q:
        try:
            day = dt.date.fromisoformat(text)
            begin = dt.datetime.combine(
                day if bound == "from" else day + dt.timedelta(days=1), dt.time(), timezone.get_current_timezone()
            )
        except (ValueError, OverflowError):
            return NOTHING
        edge: Any = first_id(begin) if column == "id" else begin
        return Q(**{f"{column}__{'gte' if bound == 'from' else 'lt'}": edge})

    return type("DayCondition", (_Field,), {
        "title": title, "parameter_name": parameter, "field": field, "condition": condition,
    })  # fmt: skip


def first_id(at: dt.datetime) -> UUID:
    """The smallest UUIDv7 of an instant: ids made then or later are not below it."""
    milliseconds = max(0, int(at.timestamp() * 1000))
    return UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62))


def id_condition(prefix: str, column: str = "id") -> Callable[[str], Q]:
    """A condition for `text_filter`: an id as the API shows it, or the plain UUID."""

    def condition(text: str) -> Q:
        try:
            return Q(**{column: decode_id(prefix, text)})
        except InvalidId:
            pass
        try:
            return Q(**{column: UUID(text)})
        except ValueError:
            return NOTHING

    return condition


def among_newest(model: type[Model]) -> Q:
    """The newest 20,000 rows of the tenant: what no index answers is looked for among these, and stays quick.

    The bound is read first: the planner knows what a value means, and not what a subquery will say.
    """
    newest = model._default_manager.order_by("-id").values_list("id", flat=True)
    oldest = newest[AMONG - 1 : AMONG].first()
    return Q() if oldest is None else Q(id__gte=oldest)


class Word(Value):
    """A value of a closed list that stands in the statement itself, not beside it.

    A statement that is run often gets one plan for all values of its parameters, which cannot use an index of some
    values only. Raises ValueError for anything but lower-case words.
    """

    def __init__(self, value: str) -> None:
        if not re.fullmatch(r"[a-z_]{1,32}", value):
            raise ValueError("A literal is a word of a closed list.")
        super().__init__(value, output_field=CharField())

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        """The quoted word."""
        return f"'{self.value}'", ()
