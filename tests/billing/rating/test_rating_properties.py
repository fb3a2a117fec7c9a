"""What holds for every price: exactness, slices, monotony, size."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating.commitments import top_up
from billing.rating.derivation import replay
from billing.rating.prices import price_data, price_from
from billing.rating.rating import progress, rate
from tests.billing.rating.reference import amount_of, problems_of
from tests.billing.rating.strategies import LARGEST, decimals, prices, quantities, shares

MONOTONE = ("flat", "per_unit", "graduated", "package", "percentage", "graduated_percentage")


@settings(max_examples=200)
@given(prices(), quantities, shares)
def test_the_amount_is_that_of_plain_fractions(data: dict[str, Any], usage: list[str], share: Fraction):
    expected = amount_of(data, [Fraction(part) for part in usage], share)
    found = rate(price_from(data), usage, share=share)
    assert (found.amount, found.top_up) == expected


@given(prices())
def test_a_price_is_read_back_as_it_was_written(data: dict[str, Any]):
    price = price_from(data)
    assert price_from(price_data(price)) == price


@settings(max_examples=150)
@given(prices(), st.lists(st.tuples(quantities, st.integers(0, 50)), min_size=1, max_size=5))
def test_slices_of_a_period_sum_to_the_period_billed_at_once(
    data: dict[str, Any], parts: list[tuple[list[str], int]]
):  # fmt: skip
    price = price_from(data)
    if not price.metered:
        # Of a price that is not metered the quantity is a level, the same in each slice.
        parts = [(parts[0][0], weight) for _, weight in parts]
    whole = sum(weight for _, weight in parts) or 1
    usage: list[str] = []
    share, amount, added = Fraction(0), 0, 0
    for part, weight in parts:
        before = progress(usage if price.metered else (), share)
        slice_ = rate(price, part, share=Fraction(weight, whole), before=before)
        usage = usage + part if price.metered else part
        share += Fraction(weight, whole)
        amount, added = amount + slice_.amount, added + slice_.top_up
    at_once = rate(price, usage, share=share)
    assert (amount, added) == (at_once.amount, at_once.top_up)


@given(prices(*MONOTONE), quantities, decimals(100))
def test_a_monotone_model_never_falls_when_more_is_used(data: dict[str, Any], usage: list[str], more: str):
    price = price_from(data)
    assert rate(price, [*usage, more]).amount >= rate(price, usage).amount


@given(prices("percentage"), decimals(10_000), decimals(100))
def test_a_larger_transaction_never_costs_less(data: dict[str, Any], amount: str, more: str):
    price = price_from(data)
    larger = Decimal(amount) + Decimal(more)
    assert rate(price, [format(larger, "f")]).amount >= rate(price, [amount]).amount


@given(prices(), quantities, shares, shares)
def test_a_longer_share_never_costs_less(data: dict[str, Any], usage: list[str], one: Fraction, other: Fraction):
    price = price_from(data)
    shorter, longer = sorted([one, other])
    assert rate(price, usage, share=shorter).amount <= rate(price, usage, share=longer).amount


@given(st.integers(0, LARGEST), st.integers(0, 10**6))
def test_whole_prices_and_quantities_are_multiplied_exactly_at_any_size(unit_amount: int, quantity: int):
    price = price_from({"currency": "EUR", "unitAmount": unit_amount})
    assert rate(price, quantity).amount == unit_amount * quantity


@given(prices(bounds=False), quantities)
def test_the_parts_of_usage_may_come_in_any_grouping_where_only_their_sum_counts(
    data: dict[str, Any], usage: list[str]
):
    price = price_from(data)
    if price.model == "percentage":
        return
    together = format(sum((Decimal(part) for part in usage), Decimal(0)), "f")
    assert rate(price, usage).amount == rate(price, together).amount


@given(prices(), quantities, shares)
def test_a_top_up_is_what_the_minimum_adds(data: dict[str, Any], usage: list[str], share: Fraction):
    without = {name: value for name, value in data.items() if name != "minimumSpend"}
    rated = rate(price_from(data), usage, share=share)
    assert rated.amount - rated.top_up == rate(price_from(without), usage, share=share).amount
    assert rated.top_up >= 0


@given(prices(), quantities, shares, quantities, shares)
def test_a_derivation_replays_from_its_inputs(
    data: dict[str, Any], usage: list[str], share: Fraction, earlier: list[str], earlier_share: Fraction
):
    price = price_from(data)
    before = progress(earlier if price.metered else (), earlier_share)
    derivation = rate(price, usage, share=share, before=before).derivation
    assert replay(derivation).matches
    assert problems_of(derivation) == []


@given(
    st.integers(0, LARGEST),
    st.lists(st.tuples(st.lists(st.integers(0, LARGEST), max_size=3), st.integers(0, 9)), min_size=1, max_size=5),
)
def test_lines_and_top_ups_of_a_commitment_sum_to_those_of_the_whole_period(
    minimum: int, parts: list[tuple[list[int], int]]
):
    whole = sum(weight for _, weight in parts) or 1
    billed, share, paid = 0, Fraction(0), 0
    for amounts, weight in parts:
        found = top_up(
            minimum, amounts, currency="EUR", share=Fraction(weight, whole), before_amount=billed, before_share=share
        )
        assert replay(found.derivation).matches
        assert problems_of(found.derivation) == []
        billed, share, paid = billed + sum(amounts), share + Fraction(weight, whole), paid + sum(amounts) + found.top_up
    if share == 1:
        assert paid == max(billed, minimum)
