"""Lines and tax rates: what coupons are taken from and taxes are added to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from billing.rating.decimals import HUNDRED, scaled_text
from billing.rating.errors import InvalidLine
from billing.rating.prices import TaxBehavior
from billing.rating.reading import Fields
from common.errors import Problem


class TaxCategory(StrEnum):
    """Why a tax has its rate (in EN 16931 the categories S, AE, Z, E and O)."""

    STANDARD = "standard"
    REVERSE_CHARGE = "reverse_charge"
    ZERO = "zero"
    EXEMPT = "exempt"
    OUTSIDE = "outside"


class TaxRate(NamedTuple):
    """One tax of a line. `rate` is a scaled percentage. Equal taxes of different lines are one row of the breakdown.

    Who owes which tax is decided elsewhere: the engine takes category and reason as they come.
    """

    label: str
    rate: int
    category: TaxCategory = TaxCategory.STANDARD
    reason: str | None = None

    @property
    def basis_points(self) -> Decimal:
        """The rate as invoices show it: 1900 is 19 %."""
        return Decimal(scaled_text(self.rate * 100))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice before discount and tax. `amount` is in whole minor units and may be negative (a credit).

    `key` names the line in derivations and must be unique. The three ids are compared with a coupon's restrictions.
    """

    key: str
    amount: int
    taxes: tuple[TaxRate, ...]
    inclusive: bool = False
    plan_id: str | None = None
    product_id: str | None = None
    price_id: str | None = None


_LINE: Final = ("key", "amount", "taxes", "taxBehavior", "planId", "productId", "priceId")


def tax_rate_from_basis_points(label: str, rate: int | str | Decimal, category: str, reason: str | None) -> TaxRate:
    """A tax as invoices have it: 1900 is 19 %. Raises `InvalidLine`: see `tax_rate_from`; also for over 10 places."""
    problems: list[Problem] = []
    fields = Fields({"rate": rate}, "", problems, known=("rate",))
    number = fields.decimal("rate", most=100 * HUNDRED) or 0
    if number % 100:
        fields.problem("rate", "too_long", "At most 10 decimal places.")
    if problems:
        raise InvalidLine(problems)
    return tax_rate_from({"label": label, "rate": scaled_text(number // 100), "category": category, "reason": reason})


def tax_rate_from(data: object, path: str = "") -> TaxRate:
    """A tax from `{"label", "rate", "category"?, "reason"?}`, the rate in percent. Raises `InvalidLine`.

    The standard category needs a rate above 0, as EN 16931 has it (BR-S-05), and the others have none (BR-AE-05,
    BR-Z-05, BR-E-05).
    """
    problems: list[Problem] = []
    found = _tax_rate(data, path, problems)
    if problems:
        raise InvalidLine(problems)
    return found


def line_from(data: object, path: str = "") -> Line:
    """A line from `{"key", "amount", "taxes", "taxBehavior"?, "planId"?, "productId"?, "priceId"?}`.

    Raises `InvalidLine` with every problem below `path`.
    """
    problems: list[Problem] = []
    found = _line(data, path, problems)
    if problems:
        raise InvalidLine(problems)
    return found


def lines_from(data: Sequence[object], path: str = "lines") -> list[Line]:
    """Several lines; the problems of all of them at once."""
    problems: list[Problem] = []
    found = [_line(one, f"{path}[{index}]", problems) for index, one in enumerate(data)]
    if problems:
        raise InvalidLine(problems)
    return found


def check_lines(lines: Sequence[Line], path: str = "lines") -> None:
    """Refuses lines that nobody could tell apart, or that say nothing about their tax. Raises `InvalidLine`."""
    problems: list[Problem] = []
    if len({line.key for line in lines}) != len(lines):
        seen: set[str] = set()
        for index, line in enumerate(lines):
            if line.key in seen:
                problems.append(Problem(f"{path}[{index}].key", "duplicate", "Another line has this key."))
            seen.add(line.key)
    twice = {taxes for taxes in {line.taxes for line in lines} if len(set(taxes)) < len(taxes)}
    for index, line in enumerate(lines):
        if line.taxes in twice:
            problems.append(Problem(f"{path}[{index}].taxes", "duplicate", "The line has a tax twice."))
        if not line.taxes:
            message = "A line names a tax; one that is not taxed has a rate of 0 and a category that says why."
            problems.append(Problem(f"{path}[{index}].taxes", "required", message))
        if type(line.amount) is not int:
            problems.append(Problem(f"{path}[{index}].amount", "invalid", "Expected an integer of minor units."))
    if problems:
        raise InvalidLine(problems)


def line_data(line: Line) -> dict[str, Any]:
    """A line as JSON that `line_from` reads as the same line."""
    data: dict[str, Any] = {
        "key": line.key,
        "amount": line.amount,
        "taxBehavior": str(TaxBehavior.INCLUSIVE if line.inclusive else TaxBehavior.EXCLUSIVE),
        "taxes": [tax_rate_data(one) for one in line.taxes],
    }
    ids = {"planId": line.plan_id, "productId": line.product_id, "priceId": line.price_id}
    return data | {name: value for name, value in ids.items() if value is not None}


def tax_rate_data(tax: TaxRate) -> dict[str, Any]:
    """A tax as JSON, the rate in percent."""
    return {
        "label": tax.label,
        "rate": scaled_text(tax.rate),
        "category": str(tax.category),
        "reason": tax.reason,
    }


def _line(data: object, path: str, problems: list[Problem]) -> Line:
    fields = Fields(data, path, problems, known=_LINE)
    amount = fields.integer("amount", least=None) if fields.require("amount") else None
    fields.require("key")
    taxes = tuple(
        _tax_rate(one, fields.at(f"taxes[{index}]"), problems) for index, one in enumerate(fields.items("taxes"))
    )
    for index, one in enumerate(taxes):
        if one in taxes[:index]:
            fields.problem(f"taxes[{index}]", "duplicate", "The line has this tax already.")
    behavior = fields.choice("taxBehavior", TaxBehavior, TaxBehavior.EXCLUSIVE)
    ids = [fields.text(name) or None for name in ("planId", "productId", "priceId")]
    return Line(fields.text("key"), amount or 0, taxes, behavior is TaxBehavior.INCLUSIVE, *ids)


def _tax_rate(data: object, path: str, problems: list[Problem]) -> TaxRate:
    fields = Fields(data, path, problems, known=("label", "rate", "category", "reason"))
    fields.require("label")
    rate = fields.percentage("rate") if fields.require("rate") else None
    category = fields.choice("category", TaxCategory, TaxCategory.STANDARD)
    if rate is not None and (rate > 0) != (category is TaxCategory.STANDARD):
        code, message = ("too_small", "A standard rate is above 0; what is not taxed has another category.")
        if rate > 0:
            code, message = ("too_large", f"The category {category} has the rate 0.")
        fields.problem("rate", code, message)
    return TaxRate(fields.text("label"), rate or 0, category, fields.text("reason") or None)
