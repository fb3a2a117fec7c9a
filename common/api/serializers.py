"""Input serializers: shape only. They report every problem at once and never write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import SkipField, empty

from common.api.names import camel
from common.errors import InvalidRequest, Problem

MAX_PROBLEMS = 100
# DRF's codes → the contract's. What is not listed reads `invalid`.
_CODES = {
    "required": "required",
    "null": "required",
    "blank": "required",
    "max_length": "too_long",
    "min_length": "too_short",
    "empty": "too_short",
    "max_value": "too_large",
    "min_value": "too_small",
    "max_string_length": "too_long",
    "invalid_choice": "invalid_choice",
}
_OWN_CODES = frozenset(
    {
        "required", "invalid", "unknown_field", "unknown_parameter", "too_small", "too_large", "too_short", "too_long",
        "invalid_choice", "invalid_id", "invalid_currency", "invalid_datetime", "mutually_exclusive",
    }
)  # fmt: skip


class InputSerializer(serializers.Serializer[Any]):
    """A request body. Fields are declared in snake_case and read in camelCase.

    `null` means absent; in a partial update (`partial=True`) it clears a field that allows it. Unknown fields are
    refused. `aliases` maps another accepted spelling to a field's name.
    """

    aliases: Mapping[str, str] = {}

    def run_validation(self, data: Any = empty) -> Any:
        """The validated values; a subclass may say None in `to_internal_value`, which DRF would take for a mistake."""
        absent, data = self.validate_empty_values(data)
        if absent:
            return data
        values = self.to_internal_value(data)
        return values if values is None else self.validate(values)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The validated values by snake_case name; raises DRF's `ValidationError` with every problem."""
        if not isinstance(data, Mapping):
            raise serializers.ValidationError({"": [ErrorDetail("Expected an object.", code="invalid")]})
        known = self._known
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for key in data:
            if len(errors) >= MAX_PROBLEMS:
                break
            if key not in known:
                errors[str(key)] = [ErrorDetail("This field is not known here.", code="unknown_field")]
        for key, field in known.items():
            given = data.get(key, empty)
            if given is empty and key in self.aliases:
                continue
            name = str(field.field_name)
            if given is None and not (self.partial and field.allow_null):
                given = empty
            if given is empty and name in values:
                continue
            if given is empty:
                # DRF asks the outermost serializer whether a field may be missing; an item inside a PATCH is whole.
                if not self.partial and field.required:
                    errors[key] = [ErrorDetail("This field is required.", code="required")]
                elif not self.partial and field.default is not empty:
                    values[name] = field.default() if callable(field.default) else field.default
                continue
            try:
                values[name] = field.run_validation(given)
            except serializers.ValidationError as refused:
                errors[key] = refused.detail
            except SkipField:
                pass
        self._compare_spellings(data, values, errors)
        if errors:
            raise serializers.ValidationError(errors)
        return values

    @classmethod
    def spelt(cls, data: Mapping[str, Any]) -> dict[str, str]:
        """Which fields of a valid body are given under their other name only: `{"fromAccountId": "from"}`."""
        return {
            camel(name): alias
            for alias, name in cls.aliases.items()
            if data.get(alias) is not None and data.get(camel(name)) is None
        }

    def _compare_spellings(self, data: Mapping[str, Any], values: Mapping[str, Any], errors: dict[str, Any]) -> None:
        """A field that is given under its other name is not missing; given under both, it must say the same twice."""
        for alias, name in self.aliases.items():
            if data.get(alias) is None:
                continue
            if data.get(camel(name)) is None:
                errors.pop(camel(name), None)
            elif camel(name) not in errors and alias not in errors and not self._same(name, data[camel(name)], values):
                text = f"{camel(name)} says something else."
                errors[alias] = [ErrorDetail(text, code="mutually_exclusive")]

    def _same(self, name: str, given: Any, values: Mapping[str, Any]) -> bool:
        return bool(self.fields[name].run_validation(given) == values.get(name))

    @cached_property
    def _known(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The fields by what they are called on the wire: found once, also for a list of a thousand."""
        known = {camel(str(field.field_name)): field for field in self.fields.values() if not field.read_only}
        return known | {alias: self.fields[name] for alias, name in self.aliases.items()}

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Inputs are never rendered."""
        raise NotImplementedError(f"{type(self).__name__} describes input only")


def validate(serializer: type[InputSerializer], data: Any, *, partial: bool = False, **context: Any) -> dict[str, Any]:
    """The validated values of `data`, or `InvalidRequest` listing every problem with its path (at most 100)."""
    checked = serializer(data=data, partial=partial, context=context)
    try:
        return dict(checked.run_validation(data))
    except serializers.ValidationError as refused:
        raise InvalidRequest(list(problems(refused.detail))[:MAX_PROBLEMS]) from None


def problems(detail: Any, path: str = "") -> Iterator[Problem]:
    """DRF's nested error detail as flat problems: `{"items": {0: {"unitPrice": …}}}` → `items[0].unitPrice`."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            if key == "non_field_errors" or key == "":
                yield from problems(inner, path)
            elif isinstance(key, int):
                yield from problems(inner, f"{path}[{key}]")
            else:
                yield from problems(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            if isinstance(inner, ErrorDetail):
                code = inner.code if inner.code in _OWN_CODES else _CODES.get(str(inner.code), "invalid")
                yield Problem(path=path, code=code, message=str(inner))
            else:
                yield from problems(inner, f"{path}[{index}]")
    else:
        yield Problem(path=path, code="invalid", message=str(detail))
