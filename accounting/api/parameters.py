"""Query parameters that are no conditions on rows, read as strictly as filters are."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from rest_framework import serializers

from common.api.fields import read_instant
from common.api.filters import Filter, Refused
from common.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from tenants.api.view import Call


def instant_parameter(name: str, description: str) -> Filter:
    """An instant with its offset, such as `at=2026-03-01T00:00:00Z`."""

    def read(text: str, _zone: Any) -> dt.datetime:
        try:
            # In a query string `+` means a space unless it was escaped; an offset never contains one.
            return read_instant(text.replace(" ", "+"), zone=None)
        except serializers.ValidationError as wrong:
            raise Refused("invalid_datetime", "Expected an instant such as 2026-03-01T00:00:00Z.") from wrong

    return Filter(name, name, read, schema={"type": "string", "format": "date-time"}, description=description)


def _given(text: str, _zone: Any) -> str:
    return text


PAGE_FILTERS: Final = (
    Filter(
        "limit", "limit", _given, description="How many at most.",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    Filter("cursor", "cursor", _given, description="`nextCursor` of the page before."),
)  # fmt: skip
"""For answers that are an object with a list in it; `paged` describes those that are a list."""


def parameters_of(call: Call) -> dict[str, Any]:
    """The values of the given parameters by name."""
    return dict(call.filters().children)  # type: ignore[arg-type]
