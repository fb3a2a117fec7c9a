"""Steps of a computation: taken down as tuples while it runs, written out as JSON or text only when somebody asks.

`RULES` is the vocabulary of derivations: what each rule reads, its formula, and how it is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from billing.rating.decimals import SCALE, ratio_text, scaled_text

SQUARE: Final = SCALE * SCALE
"""The denominator of a scaled quantity times a scaled amount."""


class Step(NamedTuple):
    """One application of a rule. The exact result is `numerator`/`denominator`; `rounded` where it was rounded."""

    rule: str
    values: tuple[Any, ...]
    numerator: int
    denominator: int = 1
    rounded: int | None = None
    shares: Mapping[str, int] | None = None  # of the lines, where the result was split


class Rule(NamedTuple):
    """What a rule reads: names, and a letter of `_KINDS` for each; its formula over these names; and its text."""

    names: tuple[str, ...]
    kinds: str
    formula: str
    text: str
    result: str  # quantity, amount (minor units) or count


def _rule(reads: str, formula: str, text: str, result: str = "amount") -> Rule:
    pairs = [part.split(":") for part in reads.split()]
    return Rule(tuple(name for name, _ in pairs), "".join(kind for _, kind in pairs), formula, text, result)


_TRANSACTION: Final = "transaction:i amount:m covered:m rate:p fixedAmount:m perTransactionMin:m perTransactionMax:m"

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {
        # --- the quantity
        "usage": _rule("parts:i", "sum of the parts", "{parts} parts added up", "quantity"),
        "included_units": _rule(
            "quantity:q includedUnits:q", "max(0, quantity - includedUnits)",
            "{quantity} less {includedUnits} included", "quantity",
        ),
        "included_volume": _rule(
            "volume:m includedUnits:m", "max(0, volume - includedUnits)", "{volume} less {includedUnits} included"
        ),
        # --- the models
        "flat": _rule("unitAmount:m", "unitAmount", "Fixed amount"),
        "per_unit": _rule("units:q unitAmount:m", "units * unitAmount", "{units} × {unitAmount}"),
        "packages": _rule(
            "units:q packageSize:q", "ceil(units / packageSize)", "Packages of {packageSize} begun with {units}",
            "count",
        ),
        "package": _rule("packages:i unitAmount:m", "packages * unitAmount", "{packages} × {unitAmount}"),
        "graduated_tier": _rule(
            "tier:i above:q upTo:q units:q unitAmount:m flatAmount:m", "units * unitAmount + flatAmount",
            "Tier {tier}, {above} to {upTo}: {units} × {unitAmount} + {flatAmount}",
        ),
        "volume_tier": _rule(
            "tier:i upTo:q units:q unitAmount:m flatAmount:m", "units * unitAmount + flatAmount",
            "All in tier {tier}, up to {upTo}: {units} × {unitAmount} + {flatAmount}",
        ),
        "percentage_tier": _rule(
            "tier:i above:m upTo:m volume:m rate:p flatAmount:m", "volume * rate / 100 + flatAmount",
            "Tier {tier}, {above} to {upTo}: {rate} of {volume} + {flatAmount}",
        ),
        "transaction": _rule(
            _TRANSACTION,
            "min(perTransactionMax, max(perTransactionMin, (amount - covered) * rate / 100 + fixedAmount))",
            "Transaction {transaction} of {amount}, {covered} included: {rate} + {fixedAmount}, "
            "at least {perTransactionMin}, at most {perTransactionMax}",
        ),
        "free_transaction": _rule("transaction:i amount:m", "0", "Transaction {transaction} of {amount} is free"),
        "covered_transaction": _rule(
            "transaction:i amount:m", "0", "Transaction {transaction} of {amount} is wholly included"
        ),
        "nothing_used": _rule("", "0", "Nothing to charge"),
        "sum": _rule("parts:i", "sum of the parts", "{parts} amounts added up"),
        # --- from the exact amount to that of the line
        "rounding": _rule("", "round(exact)", "Rounded, a half away from zero"),
        "maximum_spend": _rule("amount:e maximumSpend:c", "min(amount, maximumSpend)", "At most {maximumSpend}"),
        "minimum_spend": _rule("amount:e minimumSpend:c", "max(amount, minimumSpend)", "At least {minimumSpend}"),
        "share": _rule("amount:e share:r", "amount * share", "{share} of the period"),
        "minimum_share": _rule(
            "minimumSpend:c share:r", "round(minimumSpend * share)",
            "Minimum of {minimumSpend} for {share} of the period",
        ),
        "minimum": _rule("amount:c minimum:c", "max(amount, minimum)", "At least {minimum}"),
        "already_billed": _rule(
            "amount:c alreadyBilled:c", "amount - alreadyBilled", "{amount} up to here, {alreadyBilled} billed before"
        ),
        "commitment_share": _rule(
            "minimumCommitment:c share:r", "round(minimumCommitment * share)",
            "Commitment of {minimumCommitment} for {share} of the period",
        ),
        "commitment": _rule(
            "billed:c minimum:c billedBefore:c minimumBefore:c",
            "max(billed, minimum) - max(billedBefore, minimumBefore) - (billed - billedBefore)",
            "Up to {minimum}, of which {billed} are used",
        ),
        # --- another currency
        "conversion": _rule(
            "amount:o from:s to:s rate:q fromUnits:i toUnits:i", "round(amount * rate * toUnits / fromUnits)",
            "{amount} at {rate} {to} per {from}",
        ),
        # --- coupons
        "coupon_percentage": _rule(
            "code:s base:c percentage:p most:c", "min(most, round(base * percentage / 100))",
            "{code}: {percentage} of {base}",
        ),
        "coupon_amount": _rule(
            "code:s base:c available:c most:c", "min(most, base, available)", "{code}: {available} off, of {base}"
        ),
        "coupon_ended": _rule("code:s periodsUsed:i", "0", "{code} has ended"),
        "coupon_shares": _rule(
            "code:s discount:c", "discount split by what is left of each line, largest remainder", "{code} on the lines"
        ),
        "coupon_shares_bounded": _rule(
            "code:s discount:c",
            "discount split by what is left of each line, largest remainder, where no kind of taxes falls below 0",
            "{code} on the lines",
        ),
        "coupon_shares_all": _rule(
            "code:s discount:c", "what is left of each line, credits included", "{code} on the lines, credits included"
        ),
        "coupon_left": _rule(
            "code:s available:c discount:c keepRemainder:i", "available - discount if kept, else 0",
            "Left of {code} for later invoices",
        ),
        # --- taxes
        "tax_exclusive": _rule(
            "label:s category:s rate:p base:c", "round(base * rate / 100)", "{label} {rate} of {base}"
        ),
        "tax_inclusive": _rule(
            "label:s category:s rate:p gross:c allRates:p", "gross * rate / (100 + allRates)",
            "{label} {rate} contained in {gross}",
        ),
        "tax_inclusive_sum": _rule(
            "label:s category:s rate:p parts:i", "round(sum of the parts)", "{label} {rate} contained, {parts} parts"
        ),
        "tax_split": _rule(
            "label:s tax:c", "tax split by the exact parts, largest remainder", "{label} by kinds of lines"
        ),
        "net_of_gross": _rule("gross:c tax:c", "gross - tax", "{gross} less {tax} contained tax"),
        "net_shares": _rule("net:c", "net split by the gross amounts, largest remainder", "Net amounts of the lines"),
        "net_discount": _rule(
            "discount:c allRates:p", "round(discount * 100 / (100 + allRates))", "{discount} discount without tax"
        ),
        "net_discount_shares": _rule(
            "discount:c", "discount split by the gross discounts, largest remainder", "Net discounts of the lines"
        ),
        # --- totals
        "subtotal": _rule("lines:i", "sum of the net amounts before discount", "Net amount of {lines} lines"),
        "discount": _rule("coupons:i", "sum of the net discounts", "Discount of {coupons} coupons"),
        "tax": _rule("rates:i", "sum of the taxes", "Tax of {rates} rates"),
        "total": _rule("subtotal:c discount:c tax:c", "subtotal - discount + tax", "{subtotal} - {discount} + {tax}"),
        "credit": _rule("total:c credit:c", "min(credit, max(0, total))", "Credit used, of {credit}"),
        "due": _rule("total:c creditUsed:c", "max(0, total - creditUsed)", "To pay"),
    }
)  # fmt: skip


_AS_THEY_ARE: Final = frozenset("icos")


def step_data(step: Step) -> dict[str, Any]:
    """A step as JSON: `rule`, `inputs`, `formula`, `exact` (decimal or ratio), `rounded` (int, or null), `shares`."""
    rule = RULES[step.rule]
    data: dict[str, Any] = {
        "rule": step.rule,
        "inputs": {
            name: value if value is None or kind in _AS_THEY_ARE else value_data(kind, value)
            for name, kind, value in zip(rule.names, rule.kinds, step.values, strict=True)
        },
        "formula": rule.formula,
        "exact": ratio_text(step.numerator, step.denominator),
        "rounded": step.rounded,
    }
    if step.shares is not None:
        data["shares"] = dict(step.shares)
    return data


def steps_data(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """All steps as JSON, in their order."""
    return [step_data(step) for step in steps]


def value_data(kind: str, value: Any) -> Any:
    """A value by the letter of its kind.

    q quantity, m amount in minor units, p percentage: scaled decimals, written as decimal strings. i a count, c whole
    minor units, o those of the currency that is converted: ints. r a share (Fraction), e an exact amount (numerator,
    denominator): decimals or ratios. s text.
    """
    if value is None or kind in _AS_THEY_ARE:
        return value
    if kind in "qmp":
        return scaled_text(value)
    return ratio_text(*(value if kind == "e" else value.as_integer_ratio()))
