"""From the fields of a price as callers write them to what the engine calculates with, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from billing.rating.decimals import SCALE
from billing.rating.errors import InvalidPrice
from billing.rating.prices import OF_TRANSACTIONS, Price, price_data, price_from
from common.errors import Problem
from common.money import MAX_AMOUNT

SHARED: Final = (
    "currency", "model", "interval", "intervalCount", "billing", "taxBehavior", "minimumSpend", "maximumSpend",
)  # fmt: skip
OF_A_MODEL: Final = (
    "unitAmount", "tiers", "packageSize", "rate", "fixedAmount", "freeUnits", "perTransactionMin", "perTransactionMax",
    "includedUnits",
)  # fmt: skip
TERMS: Final = (*SHARED, *OF_A_MODEL)
MAX_INTERVAL_COUNT: Final = 1000
MAX_TIERS: Final = 500


def definition_from(terms: Mapping[str, Any], *, counted: bool) -> dict[str, Any]:
    """The stored definition of a price with these fields; `counted` when it charges for a feature that is metered.

    Raises `InvalidPrice` with every problem: those of the engine, and what is beyond the bounds of the API.
    """
    try:
        price = price_from({**terms, "metered": True} if counted else terms)
    except InvalidPrice as refused:
        raise InvalidPrice([_outside(problem) for problem in refused.details]) from None
    if beyond := list(_beyond_bounds(price)):
        raise InvalidPrice(beyond)
    return price_data(price)


def changed_terms(stored: Mapping[str, Any], changes: Mapping[str, Any], *, counted: bool) -> dict[str, Any]:
    """The fields of a stored price with `changes`; None clears. A new model leaves nothing of the fields of the old."""
    kept = dict(stored)
    was_metered = kept.pop("metered")
    model = changes.get("model") or kept["model"]
    if model != kept["model"]:
        kept = {name: value for name, value in kept.items() if name in SHARED}
    if was_metered != (counted or model in OF_TRANSACTIONS):
        kept.pop("billing")  # usage is charged at the end, anything else at the beginning, unless the caller says
    if "interval" in changes and changes["interval"] is None:
        kept.pop("intervalCount", None)
    merged = {**kept, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _outside(problem: Problem) -> Problem:
    """Callers do not say `metered`: it follows from the feature that they name."""
    if problem.path == "metered":
        return Problem("featureId", problem.code, problem.message)
    return problem


def _beyond_bounds(price: Price) -> Iterator[Problem]:
    amounts = {
        "unitAmount": price.unit_amount, "fixedAmount": price.fixed_amount,
        "perTransactionMin": price.per_transaction_min or 0, "perTransactionMax": price.per_transaction_max or 0,
        "minimumSpend": (price.minimum_spend or 0) * SCALE, "maximumSpend": (price.maximum_spend or 0) * SCALE,
        "freeUnits": price.free_units * SCALE,
    }  # fmt: skip
    for index, tier in enumerate(price.tiers):
        amounts[f"tiers[{index}].unitAmount"] = tier.unit_amount
        amounts[f"tiers[{index}].flatAmount"] = tier.flat_amount
    for path, amount in amounts.items():
        if amount > MAX_AMOUNT * SCALE:
            yield Problem(path, "too_large", f"At most {MAX_AMOUNT}.")
    if price.interval_count > MAX_INTERVAL_COUNT:
        yield Problem("intervalCount", "too_large", f"At most {MAX_INTERVAL_COUNT}.")
    if len(price.tiers) > MAX_TIERS:
        yield Problem("tiers", "too_long", f"At most {MAX_TIERS} tiers.")
