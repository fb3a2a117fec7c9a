"""From JSON to what the engine computes with: every problem is collected, each with the path of its field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from billing.rating.decimals import SCALE, NotADecimal, scaled, scaled_text
from common.errors import Problem
from common.money import is_currency

Choice = TypeVar("Choice", bound=StrEnum)


class Fields:
    """One object of the input: `Fields(data, "prices[0]", problems, known=…)`.

    Each method reads a field and gives its value; what is wrong goes to `problems`, and the value is then a harmless
    one. `problems` is shared by an object and what lies in it.
    """

    def __init__(self, data: object, path: str, problems: list[Problem], *, known: Sequence[str]) -> None:
        self.path, self.problems = path, problems
        self.data: Mapping[str, object] = {}
        if not isinstance(data, Mapping):
            self.problem("", "invalid", "Expected an object.")
            return
        self.data = data
        for name in data:
            if name not in known:
                self.problem(str(name), "unknown_field", "This field is not known.")

    def at(self, name: str) -> str:
        """The path of a field."""
        return ".".join(part for part in (self.path, name) if part)

    def problem(self, name: str, code: str, message: str) -> None:
        """Something is wrong with a field."""
        self.problems.append(Problem(self.at(name), code, message))

    def given(self, name: str) -> bool:
        """Whether there is a value other than null."""
        return self.data.get(name) is not None

    def require(self, name: str) -> bool:
        """Whether there is a value; it is a problem when there is none."""
        if not self.given(name):
            self.problem(name, "required", "This field is required.")
        return self.given(name)

    def decimal(self, name: str, *, least: int | None = 0, most: int | None = None) -> int | None:
        """A decimal, scaled; None when it is not given. The bounds are scaled, too, and inclusive."""
        if not self.given(name):
            return None
        try:
            number = scaled(self.data[name])
        except NotADecimal as wrong:
            self.problem(name, wrong.code, str(wrong))
            return None
        if least is not None and number < least:
            self.problem(name, "too_small", f"At least {scaled_text(least)}.")
        elif most is not None and number > most:
            self.problem(name, "too_large", f"At most {scaled_text(most)}.")
        return number

    def percentage(self, name: str) -> int | None:
        """A percentage of 0 to 100, scaled."""
        return self.decimal(name, most=100 * SCALE)

    def integer(self, name: str, *, least: int | None = 0) -> int | None:
        """A whole number; None when it is not given."""
        value = self.data.get(name)
        if value is None:
            return None
        if type(value) is not int:
            self.problem(name, "invalid", "Expected an integer.")
            return None
        if least is not None and value < least:
            self.problem(name, "too_small", f"At least {least}.")
        return value

    def choice(self, name: str, kind: type[Choice], default: Choice) -> Choice:
        """A member of a closed list."""
        value = self.data.get(name, default)
        try:
            return kind(value)  # type: ignore[arg-type]
        except ValueError:
            self.problem(name, "invalid_choice", f"Expected one of: {', '.join(kind)}.")
            return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.data.get(name, default)
        if not isinstance(value, bool):
            self.problem(name, "invalid", "Expected true or false.")
            return default
        return value

    def text(self, name: str, *, default: str = "") -> str:
        """Text of one character at least, where it is given."""
        value = self.data.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or not value:
            self.problem(name, "invalid", "Expected a string that is not empty.")
            return default
        return value

    def currency(self, name: str = "currency") -> str:
        """An ISO 4217 code; it must be given."""
        value = self.data.get(name)
        if self.require(name) and not is_currency(value):
            self.problem(name, "invalid_currency", "Expected an ISO 4217 code such as EUR.")
        return str(value)

    def items(self, name: str) -> Sequence[object]:
        """A list; empty when it is not given."""
        value = self.data.get(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            self.problem(name, "invalid", "Expected a list.")
            return ()
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        found = []
        for index, value in enumerate(self.items(name)):
            if isinstance(value, str) and value:
                found.append(value)
            else:
                self.problem(f"{name}[{index}]", "invalid", "Expected a string that is not empty.")
        return tuple(found)

    def decimals(self, name: str, *, least: int | None = None) -> tuple[int, ...]:
        """A list of decimals, scaled."""
        return decimals_from(self.items(name), self.at(name), self.problems, least=least)


def decimals_from(
    values: Sequence[object], path: str, problems: list[Problem], *, least: int | None = None
) -> tuple[int, ...]:
    """Each value scaled; what is no decimal, or below `least`, becomes a problem of `path[index]`."""
    found = []
    for index, value in enumerate(values):
        try:
            number = scaled(value)
        except NotADecimal as wrong:
            problems.append(Problem(f"{path}[{index}]", wrong.code, str(wrong)))
            continue
        if least is not None and number < least:
            problems.append(Problem(f"{path}[{index}]", "too_small", f"At least {scaled_text(least)}."))
        found.append(number)
    return tuple(found)
