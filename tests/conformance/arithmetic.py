"""Plain arithmetic written as text, computed in fractions: hand calculations of cases, and formulas of derivations."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any


def half_away(value: Fraction) -> int:
    """Rounding, written once more and without the project's own."""
    whole = math.floor(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


FUNCTIONS: dict[str, Callable[[list[Fraction]], Fraction | int]] = {
    "round": lambda values: half_away(values[0]),
    "ceil": lambda values: math.ceil(values[0]),
    "min": min,
    "max": max,
}
OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.Mult: lambda one, other: one * other,
    ast.Div: lambda one, other: one / other,
}


def value_of(text: str, names: Mapping[str, Fraction | None] | None = None) -> Fraction:
    """The exact value. A name whose value is None is left out of `min` and `max`."""
    found = _value(ast.parse(text, mode="eval").body, text, names or {})
    assert found is not None
    return found


def all_worked_out(text: Any) -> Any:
    """A calculation, a list of them, or named ones, each rounded in the end."""
    if isinstance(text, dict):
        return {name: all_worked_out(one) for name, one in text.items()}
    return [all_worked_out(one) for one in text] if isinstance(text, list) else half_away(value_of(str(text)))


def _value(node: ast.AST, text: str, names: Mapping[str, Fraction | None]) -> Fraction | None:
    match node:
        case ast.Constant():
            return Fraction(ast.get_source_segment(text, node) or "")
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_some(operand, text, names)
        case ast.BinOp(left=left, op=operator, right=right):
            return OPERATORS[type(operator)](_some(left, text, names), _some(right, text, names))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            values = [_value(one, text, names) for one in arguments]
            return Fraction(FUNCTIONS[name]([value for value in values if value is not None]))
    raise AssertionError(f"{text} is not plain arithmetic")


def _some(node: ast.AST, text: str, names: Mapping[str, Fraction | None]) -> Fraction:
    value = _value(node, text, names)
    assert value is not None, f"{text} needs a value that is not there"
    return value
