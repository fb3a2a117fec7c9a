"""Models that take a share of money: percentage (of each transaction) and graduated percentage (of their sum)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from billing.rating.decimals import HUNDRED, SCALE
from billing.rating.prices import Price
from billing.rating.steps import SQUARE, Step
from billing.rating.unit_models import Exact, summed

PERCENT_OF: Final = 100 * SQUARE
"""The denominator of a scaled amount times a scaled percentage."""


def percentage(price: Price, transactions: Sequence[int], steps: list[Step]) -> Exact:
    """The exact sum of the fees of each transaction, in their order.

    A fee is the rate of what the included volume does not cover, plus the fixed amount, within minimum and maximum.
    The first `free_units` transactions cost nothing and use up no included volume; nor does one cost anything that the
    included volume covers wholly.
    """
    left, exact = price.included_units, 0
    for index, amount in enumerate(transactions):
        number = index + 1
        if index < price.free_units:
            steps.append(Step("free_transaction", (number, amount), 0))
            continue
        wholly, covered = 0 < left >= amount, min(left, amount)
        left -= covered
        if wholly:
            steps.append(Step("covered_transaction", (number, amount), 0))
            continue
        fee = (amount - covered) * price.rate + price.fixed_amount * HUNDRED
        if price.per_transaction_min is not None:
            fee = max(fee, price.per_transaction_min * HUNDRED)
        if price.per_transaction_max is not None:
            fee = min(fee, price.per_transaction_max * HUNDRED)
        values = (
            number, amount, covered, price.rate, price.fixed_amount, price.per_transaction_min,
            price.per_transaction_max,
        )  # fmt: skip
        steps.append(Step("transaction", values, fee, PERCENT_OF))
        exact += fee
    return summed(exact, PERCENT_OF, len(transactions), steps)


def graduated_percentage(price: Price, transactions: Sequence[int], steps: list[Step]) -> Exact:
    """The sum of the transactions runs through the tiers: each part at the rate of its tier, plus its flat amount."""
    charged = sum(transactions)
    if len(transactions) > 1:
        steps.append(Step("sum", (len(transactions),), charged, SCALE))
    if price.included_units:
        volume, charged = charged, max(0, charged - price.included_units)
        steps.append(Step("included_volume", (volume, price.included_units), charged, SCALE))
    exact, lower, used = 0, 0, 0
    for tier in price.tiers:
        if charged <= lower:
            break
        upper = charged if tier.up_to is None or charged < tier.up_to else tier.up_to
        part = (upper - lower) * tier.rate + tier.flat_amount * HUNDRED
        used += 1
        values = (used, lower, tier.up_to, upper - lower, tier.rate, tier.flat_amount)
        steps.append(Step("percentage_tier", values, part, PERCENT_OF))
        exact, lower = exact + part, upper
    return summed(exact, PERCENT_OF, used, steps)
