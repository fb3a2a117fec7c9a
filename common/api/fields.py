"""Strict fields of request bodies: nothing is coerced, every refusal carries a code of the contract."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from rest_framework import serializers

from common.clock import parse_instant, start_of_day
from common.currencies import EXPONENTS
from common.ids import InvalidId, decode_id
from common.metadata import MAX_PAIRS
from common.money import MAX_AMOUNT

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST = dt.datetime(1, 1, 2, tzinfo=dt.UTC)
_LAST = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def refuse(code: str, message: str) -> serializers.ValidationError:
    """A validation error with a code of the contract."""
    return serializers.ValidationError(message, code=code)


class TextField(serializers.Field[str, Any, str, Any]):
    """A string of at most `max_length` characters that is trimmed, to `min_length` at least.

    Line breaks are refused, except in `multiline`.
    """

    def __init__(self, *, max_length: int, min_length: int = 1, multiline: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_length, self.min_length, self.multiline = max_length, min_length, multiline

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "minLength": self.min_length, "maxLength": self.max_length}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise refuse("invalid", "Expected a string.")
        text = data.strip()
        if not text and self.min_length:
            if self.required:
                raise refuse("required", "This field may not be empty.")
            raise refuse("too_short", "This field may not be empty.")
        if len(data) > self.max_length:
            raise refuse("too_long", f"At most {self.max_length} characters.")
        if _CONTROL.search(text) or (not self.multiline and ("\n" in text or "\r" in text)):
            raise refuse("invalid", "Control characters are not allowed.")
        return text


class PatternField(TextField):
    """A trimmed string that matches a pattern as a whole."""

    def __init__(self, *, pattern: str, hint: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pattern, self.hint = re.compile(pattern), hint

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {**super().json_schema(), "pattern": f"^{self.pattern.pattern}$"}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not self.pattern.fullmatch(text):
            raise refuse("invalid", self.hint)
        return text


class EmailField(TextField):
    """An e-mail address; its shape is checked, not whether it exists."""

    _shape = re.compile(r"[^@\s,;<>()\[\]\"\\]{1,64}@(?:[^@\s.,;<>()\[\]\"\\]{1,63}\.)+[^@\s.,;<>()\[\]\"\\]{2,63}")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "format": "email", "maxLength": self.max_length}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not self._shape.fullmatch(text) or ".." in text:
            raise refuse("invalid", "This is not an e-mail address.")
        return text


class IntegerField(serializers.Field[int, Any, int, Any]):
    """A JSON integer; `"5"`, `5.0` and `true` are refused."""

    def __init__(self, *, min_value: int, max_value: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_value, self.max_value = min_value, max_value

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "integer", "minimum": self.min_value, "maximum": self.max_value}

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise refuse("invalid", "Expected an integer.")
        if data < self.min_value:
            raise refuse("too_small", f"At least {self.min_value}.")
        if data > self.max_value:
            raise refuse("too_large", f"At most {self.max_value}.")
        return data


class AmountField(IntegerField):
    """An amount in minor units of the currency beside it, at most 10^15."""

    def __init__(self, *, min_value: int = 0, max_value: int = MAX_AMOUNT, **kwargs: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **kwargs)


class DecimalField(serializers.Field[Decimal, Any, str, Any]):
    """A decimal string (an integer is read too) with at most `places` digits after the point."""

    _shape = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")

    def __init__(
        self, *, places: int, min_value: Decimal | None = None, max_value: Decimal | None = None, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.places, self.min_value, self.max_value = places, min_value, max_value

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "format": "decimal"}

    def to_internal_value(self, data: Any) -> Decimal:
        text = str(data) if isinstance(data, int) and not isinstance(data, bool) else data
        if not isinstance(text, str) or not self._shape.fullmatch(text):
            raise refuse("invalid", 'Expected a decimal string such as "12.5".')
        try:
            value = Decimal(text)
        except InvalidOperation as wrong:
            raise refuse("invalid", 'Expected a decimal string such as "12.5".') from wrong
        if len(text.partition(".")[2]) > self.places:
            raise refuse("too_long", f"At most {self.places} decimal places.")
        if self.min_value is not None and value < self.min_value:
            raise refuse("too_small", f"At least {self.min_value:f}.")
        if self.max_value is not None and value > self.max_value:
            raise refuse("too_large", f"At most {self.max_value:f}.")
        return value


class BooleanField(serializers.Field[bool, Any, bool, Any]):
    """`true` or `false`, nothing that looks like it."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "boolean"}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise refuse("invalid", "Expected true or false.")
        return data


class ChoiceField(serializers.ChoiceField):
    """One of a closed list of strings."""

    def __init__(self, choices: Any, *, aliases: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(choices=choices, **kwargs)
        self.spellings = dict(aliases or {})

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise refuse("invalid_choice", "Expected one of: " + ", ".join(map(str, self.choices)) + ".")
        value = self.spellings.get(data.strip(), data.strip())
        if value not in self.choices:
            raise refuse("invalid_choice", "Expected one of: " + ", ".join(map(str, self.choices)) + ".")
        return value


class CurrencyField(serializers.Field[str, Any, str, Any]):
    """An active ISO 4217 code in upper case."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data.strip() not in EXPONENTS:
            raise refuse("invalid_currency", "Expected an ISO 4217 code such as EUR.")
        return data.strip()


def id_pattern(prefix: str) -> str:
    """The shape of an id with this prefix, for the OpenAPI document."""
    return f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"


class IdField(serializers.Field[UUID, Any, str, Any]):
    """A TypeID with one prefix, as UUID."""

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", "pattern": id_pattern(self.prefix)}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            raise refuse("invalid_id", f"Expected an id that starts with {self.prefix}_.")
        try:
            return decode_id(self.prefix, data.strip())
        except InvalidId as wrong:
            raise refuse("invalid_id", f"Expected an id that starts with {self.prefix}_.") from wrong


class InstantField(serializers.Field[dt.datetime, Any, str, Any]):
    """An instant with explicit offset. With `date_allowed`, also `YYYY-MM-DD`: 00:00 in the zone that the context's
    `time_zone()` names."""

    def __init__(self, *, date_allowed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.date_allowed = date_allowed

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"type": "string", **({} if self.date_allowed else {"format": "date-time"})}

    def to_internal_value(self, data: Any) -> dt.datetime:
        if not isinstance(data, str):
            raise refuse("invalid_datetime", "Expected an instant such as 2026-03-01T00:00:00Z.")
        zone = self.context.get("time_zone") if self.date_allowed else None
        return read_instant(data, zone=zone)


def read_instant(text: str, *, zone: Callable[[], str] | None) -> dt.datetime:
    """The UTC instant of `text`; a bare date is midnight where `zone()` says, refused when `zone` is None.

    The first and the last day of the calendar are refused: in some zone they lie outside of it, and could not be shown.
    """
    text = text.strip()
    try:
        if zone is not None and _DATE.fullmatch(text):
            found = start_of_day(dt.date.fromisoformat(text), zone())
        else:
            found = parse_instant(text)
    except (ValueError, OverflowError) as wrong:
        message = "Expected an instant with its offset, such as 2026-03-01T00:00:00Z."
        raise refuse("invalid_datetime", message) from wrong
    if not _FIRST <= found < _LAST:
        raise refuse("invalid_datetime", "Expected an instant between 0001-01-02 and 9999-12-31, both 00:00 UTC.")
    return found


class MetadataField(serializers.Field[dict[str, Any], Any, dict[str, str], Any]):
    """At most 50 pairs of strings: key up to 40 characters, value up to 500. With `merge`, null removes its key."""

    def __init__(self, *, merge: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.merge = merge

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {
            "type": "object",
            "additionalProperties": {"type": ["string", "null"], "maxLength": 500},
            "maxProperties": MAX_PAIRS,
        }

    def to_internal_value(self, data: Any) -> dict[str, str | None]:
        if not isinstance(data, Mapping):
            raise refuse("invalid", "Expected an object of strings.")
        errors: dict[str, Any] = {}
        values: dict[str, str | None] = {}
        if len(data) > MAX_PAIRS:
            raise refuse("too_long", f"At most {MAX_PAIRS} pairs.")
        for key, value in data.items():
            name = key.strip()
            if name in values:
                errors[key] = refuse("invalid", "This key is given twice.").detail
            elif not name:
                errors[key] = refuse("too_short", "A key may not be empty.").detail
            elif len(name) > 40:
                errors[key] = refuse("too_long", "A key has at most 40 characters.").detail
            elif value is None:
                if self.merge or self.parent.partial:
                    values[name] = None
            elif not isinstance(value, str):
                errors[key] = refuse("invalid", "Expected a string.").detail
            elif len(value) > 500:
                errors[key] = refuse("too_long", "A value has at most 500 characters.").detail
            else:
                values[name] = value
        if errors:
            raise serializers.ValidationError(errors)
        return values


class NumberOutput(serializers.Field[Any, Any, Any, Any]):
    """Documents a number that is an integer where it is whole, else a decimal string."""

    def json_schema(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {"oneOf": [{"type": "integer"}, {"type": "string", "format": "decimal"}]}
