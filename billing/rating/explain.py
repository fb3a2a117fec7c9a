"""`explain_text`: a derivation as plain text to be sent to a customer. It reads the derivation and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

from billing.rating.decimals import decimal_text, finite_places
from billing.rating.errors import InvalidDerivation
from billing.rating.steps import RULES
from common.currencies import EXPONENTS
from common.errors import Problem

_HEADINGS: Final[Mapping[str, str]] = {
    "rate": "How this amount was computed",
    "commitment": "How the minimum commitment was computed",
    "conversion": "How this amount was converted",
    "discount": "How the discounts were computed",
    "tax": "How the taxes were computed",
    "total": "How this invoice was computed",
}
_PRICES: Final[Mapping[str, str]] = {
    "flat": "fixed amount",
    "per_unit": "price per unit",
    "graduated": "graduated price (each unit at the price of its tier)",
    "volume": "volume price (all units at the price of the tier reached)",
    "package": "price per package",
    "percentage": "percentage of each transaction",
    "graduated_percentage": "graduated percentage of all transactions",
}
_PLURAL: Final = re.compile(r"\{(\w+)\} (?:amount|coupon|line|part|rate)s\b")
_NUMBER: Final = re.compile(r"-?[0-9]{1,200}(?:\.[0-9]{1,200}|/[0-9]{1,200})?")
_SHORTER: Final = (
    (" + no flat amount", ""),
    (", 0 included", ""),
    (", at least no bound", ""),
    (", at most no bound", ""),
    (", up to no end", ", the last"),
    (" to no end", " and more"),
    ("for 1 of the period", "for the whole period"),
)
_OF_CREDIT: Final = ("credit", "due")
"""The steps after the total. They are the last ones, so that leaving them out leaves no gap in the numbers."""
_MORE_PLACES: Final = 6
"""Places beyond the minor unit of what has no finite decimal."""


def explain_text(derivation: Mapping[str, Any], lines: Mapping[str, str] = MappingProxyType({})) -> str:
    """What a derivation says, line by line, with amounts in the currency's own decimals, ending in a line break.

    `lines` says what a line is called, by its key; one without a name is called by its key. Amounts are not computed
    here: see `replay`. Raises `InvalidDerivation` for what is no derivation.
    """
    try:
        if derivation["kind"] == "invoice":
            parts = [_rated(one) for one in derivation["ratings"]]
            return "\n".join([*parts, _alone(derivation["total"], lines)])
        return _alone(derivation, lines)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError) as wrong:
        raise InvalidDerivation([Problem("", "invalid", "This is no derivation that can be told.")]) from wrong


def money_text(amount: Fraction | int, currency: str) -> str:
    """An amount of minor units in major ones: `1234.50 EUR`, `0.00035 EUR` of fractions of a cent, `5 JPY`.

    What has no finite decimal is cut after six more places and marked: `0.333333… EUR`.
    """
    numerator, denominator = amount.as_integer_ratio()
    digits = EXPONENTS.get(currency, 0)
    places = finite_places(denominator)
    cut = places is None
    places = _MORE_PLACES if places is None else places
    shown = abs(numerator) * 10**places // denominator
    whole, _, part = decimal_text(shown, digits + places).partition(".")
    number = f"{whole}.{part.ljust(digits, '0')}" if part or digits else whole
    return f"{'-' if numerator < 0 else ''}{number}{'…' if cut else ''} {currency}"


def _rated(one: Mapping[str, Any]) -> str:
    told = f"Line {', '.join(one['lines'])}\n{_alone(one['derivation'])}"
    return f"{told}{_alone(one['conversion'])}" if "conversion" in one else told


def _alone(derivation: Mapping[str, Any], lines: Mapping[str, str] = MappingProxyType({})) -> str:
    """A derivation that holds no others."""
    return "\n".join([_heading(derivation), *_steps(derivation, lines), *_result(derivation)]) + "\n"


def _heading(derivation: Mapping[str, Any]) -> str:
    heading = _HEADINGS[derivation["kind"]]
    if derivation["kind"] == "rate":
        heading += f": {_PRICES[derivation['inputs']['price']['model']]}"
    return heading


def _steps(derivation: Mapping[str, Any], lines: Mapping[str, str]) -> list[str]:
    """One numbered line per step; shares of lines below it."""
    currency = derivation["currency"]
    found = []
    paid_alone = _paid_alone(derivation)
    for number, step in enumerate(derivation["steps"], start=1):
        if paid_alone and step["rule"] in _OF_CREDIT:
            continue
        rule = RULES[step["rule"]]
        told = {
            name: _told(kind, step["inputs"][name], step["inputs"]["from"] if kind == "o" else currency, name)
            for name, kind in zip(rule.names, rule.kinds, strict=True)
        }
        exact, rounded = _exact(step["exact"]), step["rounded"]
        if rule.result != "amount":
            result = step["exact"]
        elif rounded is None or exact == rounded:
            result = money_text(exact, currency)
        else:
            result = f"{money_text(exact, currency)}, rounded {money_text(rounded, currency)}"
        told_result = f": {_becomes(exact, rounded, currency)}" if step["rule"] == "rounding" else f" = {result}"
        found.append(f"{number:>3}. {_text(_counted(rule.text, step['inputs']), told)}{told_result}")
        shares = step.get("shares") or {}
        found += [
            f"       {_share_of(key, step['rule'], lines)}: {money_text(share, currency)}"
            for key, share in shares.items()
        ]  # fmt: skip
    return found


def _share_of(key: str, rule: str, lines: Mapping[str, str]) -> str:
    """Whose share it is. Invoices number their lines, and a tax its parts."""
    if rule == "tax_split":
        return f"Part {key}"
    return lines.get(key) or (f"Line {key}" if key.isdecimal() else key)


def _counted(template: str, inputs: Mapping[str, Any]) -> str:
    """The rule's sentence with `1 line` where there is one."""
    return _PLURAL.sub(lambda found: found[0][: -1 if inputs[found[1]] == 1 else None], template)


def _becomes(exact: Fraction, rounded: int, currency: str) -> str:
    if exact == rounded:
        return f"{money_text(rounded, currency)} is whole"
    return f"{money_text(exact, currency)} becomes {money_text(rounded, currency)}"


def _exact(value: Any) -> Fraction:
    """An int, a decimal or a ratio. No exponents: a short one can stand for a number that fills the memory."""
    if type(value) is int or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return Fraction(value)
    raise ValueError("no number of a derivation")


def _text(template: str, told: Mapping[str, str]) -> str:
    """The rule's sentence; what a price does not have is left out of it."""
    text = template.format_map(told)
    for phrase, instead in _SHORTER:
        text = text.replace(phrase, instead)
    return text


def _told(kind: str, value: Any, currency: str, name: str) -> str:
    """A value for people."""
    if value is None:
        return "no end" if name == "upTo" else "no bound"
    if kind in "mceo":
        if name in ("flatAmount", "fixedAmount") and _exact(value) == 0:
            return "no flat amount"
        if name == "covered" and _exact(value) == 0:
            return "0"
        return money_text(_exact(value), currency)
    if kind == "p":
        return f"{value} %"
    return str(value)


def _result(derivation: Mapping[str, Any]) -> list[str]:
    """The last lines: what it comes to."""
    amounts, currency = derivation["amounts"], derivation["currency"]
    if derivation["kind"] in ("rate", "commitment", "conversion"):
        found = [f"Amount: {money_text(amounts['amount'], currency)}"]
        if amounts.get("topUp"):
            found.append(f"Of this to reach the minimum: {money_text(amounts['topUp'], currency)}")
        return found
    if derivation["kind"] == "discount":
        return [f"Discount: {money_text(amounts['discount'], currency)}"]
    rows = _rows(amounts["rows"], currency)
    if derivation["kind"] == "tax":
        return [*rows, f"Tax: {money_text(amounts['tax'], currency)}"]
    names = (("subtotal", "Net amount"), ("discount", "Discount"), ("tax", "Tax"), ("total", "Total"))
    found = [f"{label}: {money_text(amounts[name], currency)}" for name, label in names]
    if _paid_alone(derivation):
        return [*rows, *found]
    if amounts["creditUsed"]:
        found.append(f"Credit used: {money_text(amounts['creditUsed'], currency)}")
    return [*rows, *found, f"To pay: {money_text(amounts['due'], currency)}"]


def _paid_alone(derivation: Mapping[str, Any]) -> bool:
    """Whether a total knows of no credit. What pays it is then said elsewhere, and the text ends with the total."""
    amounts = derivation["amounts"]
    return derivation["kind"] == "total" and not derivation["inputs"]["credit"] and amounts["due"] == amounts["total"]


def _rows(rows: Sequence[Mapping[str, Any]], currency: str) -> list[str]:
    """The breakdown, with the reason where a row has one."""
    found = []
    for row in rows:
        why = "" if row["category"] == "standard" else f" ({row['category'].replace('_', ' ')})"
        reason = f", {row['reason']}" if row["reason"] else ""
        rate = f"{Decimal(row['rate']):f} %"
        found.append(
            f"{row['label']} {rate}{why} of {money_text(row['taxable'], currency)}: "
            f"{money_text(row['tax'], currency)}{reason}"
        )
    return found
