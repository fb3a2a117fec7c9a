"""The formula of each step, computed by somebody else from the step's own inputs, gives the step's result."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import given, settings

from billing.enums import BillingInterval
from billing.rating.commitments import top_up
from billing.rating.coupons import coupon_from
from billing.rating.lines import lines_from
from billing.rating.prices import Interval, price_from
from billing.rating.rating import progress, rate
from billing.rating.steps import RULES
from billing.rating.totals import total
from tests.billing.rating.strategies import lines, prices, quantities, several_coupons, shares
from tests.conformance.arithmetic import value_of

# What a formula can only say in words, because it reads other steps or the lines.
IN_WORDS = {
    "usage", "sum", "rounding", "coupon_shares", "coupon_shares_bounded", "coupon_shares_all", "coupon_left",
    "tax_inclusive_sum", "tax_split", "net_shares", "net_discount_shares", "subtotal", "discount", "tax",
}  # fmt: skip


def check(steps: list[dict[str, Any]]) -> None:
    """Each step by its formula; shares by their sum; sums by the steps before them."""
    for position, step in enumerate(steps):
        exact, rounded = Fraction(step["exact"]), step["rounded"]
        if step["rule"] not in IN_WORDS:
            names = {name: _number(value) for name, value in step["inputs"].items()}
            assert value_of(step["formula"], names) in (exact, rounded), step
        if step["rule"] == "rounding":
            assert value_of("round(exact)", {"exact": exact}) == rounded
        if step["rule"] in ("sum", "tax_inclusive_sum") and position >= step["inputs"]["parts"]:
            parts = steps[position - step["inputs"]["parts"] : position]
            assert sum(Fraction(one["exact"]) for one in parts) == exact
        if "shares" in step:
            assert sum(step["shares"].values()) == rounded == exact


def _number(value: Any) -> Fraction | None:
    try:
        return None if value is None else Fraction(value)
    except ValueError:
        return None  # a label or a code


def test_every_rule_has_arithmetic_or_is_one_that_needs_words():
    assert set(RULES) >= IN_WORDS
    for name, rule in RULES.items():
        if name not in IN_WORDS:
            value_of(rule.formula, {one: Fraction(1) for one in rule.names})


@settings(max_examples=150)
@given(prices(), quantities, shares, quantities, shares)
def test_the_steps_of_a_rating_follow_from_their_formulas(
    data: dict[str, Any], usage: list[str], share: Fraction, earlier: list[str], earlier_share: Fraction
):
    price = price_from(data)
    check(rate(price, usage, share=share).derivation["steps"])
    before = progress(earlier if price.metered else (), earlier_share)
    check(rate(price, usage, share=share, before=before).derivation["steps"])


@given(lines(least=-2000), several_coupons)
def test_the_steps_of_an_invoice_follow_from_their_formulas(given_lines: Any, given_coupons: Any):
    coupons = [coupon_from(one) for one in given_coupons]
    check(total(lines_from(given_lines), coupons, currency="EUR", credit=500).derivation["steps"])


@given(shares, shares)
def test_the_steps_of_a_commitment_follow_from_their_formulas(share: Fraction, earlier: Fraction):
    found = top_up(10_001, [17, 4000], currency="EUR", share=share, before_amount=300, before_share=earlier)
    check(found.derivation["steps"])


def test_the_intervals_are_those_of_the_catalogue():
    assert [str(one) for one in Interval] == [str(one) for one in BillingInterval]
