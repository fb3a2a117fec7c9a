"""Plans: several prices that are charged together (a fee, seats, usage), with a minimum commitment over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from billing.rating.commitments import Commitment, top_up
from billing.rating.errors import CurrencyDoesNotFit, InvalidPrice, InvalidUsage
from billing.rating.prices import Price, PricingModel, TaxBehavior, price_from
from billing.rating.rating import NOT_YET, NOTHING_BEFORE, WHOLE, Number, Progress, Rated, rate
from billing.rating.reading import Fields
from common.errors import Problem

COMMITMENT_KEY = "minimum commitment"
"""The key of the line that a commitment adds; no price may have it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Checked prices by their keys, in one currency. `minimum_commitment` is in minor units per period."""

    currency: str
    prices: Mapping[str, Price]
    minimum_commitment: int | None = None

    @property
    def tax_behavior(self) -> TaxBehavior:
        """Of the line of the commitment: that of the first price. `plan_from` refuses a commitment over both."""
        return next(iter(self.prices.values())).tax_behavior if self.prices else TaxBehavior.EXCLUSIVE


@dataclass(frozen=True, slots=True)
class RatedPlan:
    """What each price comes to, in the order of the plan, and what the commitment adds (None without one)."""

    plan: Plan
    rated: Mapping[str, Rated]
    commitment: Commitment | None

    @property
    def amounts(self) -> dict[str, int]:
        """The amounts of the lines by key, whole minor units; a commitment that adds nothing has no line."""
        found = {key: one.amount for key, one in self.rated.items()}
        if self.commitment is not None and self.commitment.top_up:
            found[COMMITMENT_KEY] = self.commitment.top_up
        return found

    @property
    def ratings(self) -> list[tuple[list[str], Rated | Commitment]]:
        """For `invoice_derivation`, where each amount stands on a line of its key."""
        found: list[tuple[list[str], Rated | Commitment]] = [([key], one) for key, one in self.rated.items()]
        if self.commitment is not None:
            found.append(([COMMITMENT_KEY] if self.commitment.top_up else [], self.commitment))
        return found


def plan_from(data: object, path: str = "") -> Plan:
    """A plan from `{"currency", "prices": {key: price}, "minimumCommitment"?}`.

    Raises `InvalidPrice` with the problems of all prices, `CurrencyDoesNotFit` for a price in another currency than the
    plan's. A commitment over inclusive and exclusive prices would add gross to net, so it is refused.
    """
    problems: list[Problem] = []
    fields = Fields(data, path, problems, known=("currency", "prices", "minimumCommitment"))
    currency = fields.currency()
    minimum = fields.integer("minimumCommitment")
    given = fields.data.get("prices") if fields.require("prices") else None
    if given is not None and not isinstance(given, Mapping):
        fields.problem("prices", "invalid", "Expected an object.")
    prices: dict[str, Price] = {}
    for key, one in (given if isinstance(given, Mapping) else {}).items():
        try:
            prices[str(key)] = price_from(one, fields.at(f"prices.{key}"))
        except InvalidPrice as refused:
            problems += refused.details
    if COMMITMENT_KEY in prices:
        fields.problem(f"prices.{COMMITMENT_KEY}", "invalid", "This key is that of the commitment's line.")
    if minimum is not None and len({price.tax_behavior for price in prices.values()}) > 1:
        message = "A commitment needs prices that are all inclusive or all exclusive."
        fields.problem("minimumCommitment", "not_applicable", message)
    if problems:
        raise InvalidPrice(problems)
    for key, price in prices.items():
        if price.currency != currency:
            raise CurrencyDoesNotFit(price.currency, currency, path=fields.at(f"prices.{key}.currency"))
    return Plan(currency, prices, minimum)


def rate_plan(
    plan: Plan, usage: Mapping[str, Number | Sequence[Number]], *, share: object = WHOLE,
    before: Mapping[str, Progress] | None = None, billed_before: int = 0, share_before: Fraction = NOT_YET,
) -> RatedPlan:  # fmt: skip
    """Every price of a plan for its usage: what is not given is 0, of a flat price it does not matter.

    `share` and `before` are as in `rate`; of a period in slices `billed_before` is the sum of the plan's earlier lines
    without those of the commitment, and `share_before` the part of the period that they covered. Raises `InvalidUsage`
    with the path `usage.<key>` for a price that the plan does not have, and what `rate` and `top_up` raise.
    """
    unknown = [
        Problem(f"usage.{key}", "unknown_field", "The plan has no such price.")
        for key in usage
        if key not in plan.prices
    ]
    if unknown:
        raise InvalidUsage(unknown)
    earlier = before or {}
    rated = {
        key: rate(
            price,
            usage.get(key, _none(price)),
            share=share,
            before=earlier.get(key, NOTHING_BEFORE),
            path=f"prices.{key}",
        )
        for key, price in plan.prices.items()
    }
    if plan.minimum_commitment is None:
        return RatedPlan(plan, rated, None)
    commitment = top_up(
        plan.minimum_commitment, [one.amount for one in rated.values()], currency=plan.currency, share=share,
        before_amount=billed_before, before_share=share_before,
    )  # fmt: skip
    return RatedPlan(plan, rated, commitment)


def _none(price: Price) -> Any:
    """No usage: of a percentage no transaction, which is not one of 0."""
    return () if price.model is PricingModel.PERCENTAGE else 0
