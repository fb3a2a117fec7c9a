"""Query parameters of lists, declared once: parsed, validated, turned into a `Q` and described in the schema."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from rest_framework import serializers

from common.api.fields import id_pattern, read_instant
from common.api.names import snake
from common.currencies import EXPONENTS
from common.errors import InvalidRequest, Problem
from common.ids import InvalidId, decode_id

Zone = Callable[[], str]  # asked only where a bare date has to be read
_COMPARISONS = ("gte", "gt", "lte", "lt")


class Refused(Exception):
    """One parameter is wrong: a code of the contract and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter: its parameter, the lookup it means, how a text becomes a value, and its schema."""

    name: str
    lookup: str
    read: Callable[[str, Zone], Any]
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    comparable: bool = False
    many: bool = False
    description: str = ""

    @property
    def parameters(self) -> list[str]:
        """The query parameters it owns: `createdAt` compares, so it owns `createdAt[gte]` and its siblings."""
        return [f"{self.name}[{comparison}]" for comparison in _COMPARISONS] if self.comparable else [self.name]

    def condition(self, parameter: str, text: str, zone: Zone) -> Q:
        """The condition of one given parameter; raises `Refused`."""
        if self.many:
            values = [self.read(part.strip(), zone) for part in text.split(",")]
            return Q(**{f"{self.lookup}__in": values})
        value = self.read(text, zone)
        if self.comparable:
            return Q(**{f"{self.lookup}__{parameter[len(self.name) + 1 : -1]}": value})
        return Q(**{self.lookup: value})


def id_filter(name: str, prefix: str, lookup: str | None = None) -> Filter:
    """A TypeID of one prefix."""

    def read(text: str, _zone: Zone) -> Any:
        try:
            return decode_id(prefix, text)
        except InvalidId as wrong:
            raise Refused("invalid_id", f"Expected an id that starts with {prefix}_.") from wrong

    return Filter(name, lookup or snake(name), read, schema={"type": "string", "pattern": id_pattern(prefix)})


def choice_filter(name: str, choices: Iterable[str], lookup: str | None = None) -> Filter:
    """One or several (comma list) of a closed list."""
    allowed = [str(choice) for choice in choices]

    def read(text: str, _zone: Zone) -> str:
        if text not in allowed:
            raise Refused("invalid_choice", "Expected one of: " + ", ".join(allowed) + ".")
        return text

    return Filter(name, lookup or snake(name), read, many=True, description="One or several of: " + ", ".join(allowed))


def text_filter(name: str, lookup: str | None = None, *, max_length: int = 255) -> Filter:
    """An exact string."""

    def read(text: str, _zone: Zone) -> str:
        if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise Refused("invalid", "Control characters are not allowed.")
        if not text.strip():
            raise Refused("too_short", "This parameter may not be empty.")
        if len(text) > max_length:
            raise Refused("too_long", f"At most {max_length} characters.")
        return text.strip()

    return Filter(name, lookup or snake(name), read)


def currency_filter(name: str = "currency", lookup: str | None = None) -> Filter:
    """An ISO 4217 code."""

    def read(text: str, _zone: Zone) -> str:
        if text not in EXPONENTS:
            raise Refused("invalid_currency", "Expected an ISO 4217 code such as EUR.")
        return text

    return Filter(name, lookup or snake(name), read)


def boolean_filter(name: str, lookup: str | None = None) -> Filter:
    """`true` or `false`."""

    def read(text: str, _zone: Zone) -> bool:
        if text not in ("true", "false"):
            raise Refused("invalid", "Expected true or false.")
        return text == "true"

    return Filter(name, lookup or snake(name), read, schema={"type": "boolean"})


def instant_filter(name: str, lookup: str | None = None, *, date_allowed: bool = False) -> Filter:
    """`name[gte]`, `[gt]`, `[lte]`, `[lt]` with an instant; fields called …Date take a date too."""

    def read(text: str, zone: Zone) -> dt.datetime:
        return _instant(text, zone if date_allowed else None)

    return Filter(name, lookup or snake(name), read, schema={"type": "string", "format": "date-time"}, comparable=True)


class _Meaning(Filter):
    """A filter whose text is read as a condition."""

    def condition(self, parameter: str, text: str, zone: Zone) -> Q:
        """The condition itself."""
        found: Q = self.read(text, zone)
        return found


def moment_filter(name: str, meaning: Callable[[dt.datetime], Q], *, description: str) -> Filter:
    """An instant that means a condition of its own, such as what is in force then."""

    def read(text: str, _zone: Zone) -> Q:
        return meaning(_instant(text))

    schema = {"type": "string", "format": "date-time"}
    return _Meaning(name, "", read, schema=schema, description=description)


def _instant(text: str, zone: Zone | None = None) -> dt.datetime:
    try:
        # In a query string `+` means a space unless it was escaped; an offset never contains one.
        return read_instant(text.replace(" ", "+"), zone=zone)
    except serializers.ValidationError as wrong:
        raise Refused("invalid_datetime", "Expected an instant such as 2026-03-01T00:00:00Z.") from wrong


CREATED_AT = instant_filter("createdAt")


def parse_filters(query: QueryDict, filters: Iterable[Filter], *, zone: Zone, also: Iterable[str] = ()) -> Q:
    """One `Q` of all given filters. `also` names other parameters of the route; anything else is `unknown_parameter`.

    Raises `InvalidRequest` with every problem at once.
    """
    owners = {parameter: one for one in filters for parameter in one.parameters}
    condition, problems = Q(), []
    for parameter, values in query.lists():
        if parameter not in owners:
            if parameter not in also:
                problems.append(Problem(parameter, "unknown_parameter", "This parameter is not known here."))
            elif len(values) > 1:
                problems.append(Problem(parameter, "invalid", "This parameter may be given once."))
            continue
        if len(values) > 1:
            problems.append(Problem(parameter, "invalid", "This parameter may be given once."))
            continue
        try:
            condition &= owners[parameter].condition(parameter, str(values[0]), zone)
        except Refused as wrong:
            problems.append(Problem(parameter, wrong.code, wrong.message))
    if problems:
        raise InvalidRequest(problems)
    return condition
