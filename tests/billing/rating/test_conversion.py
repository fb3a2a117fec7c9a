"""Conversion: what holds for every rate, and how it stands in the derivation of an invoice."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.commitments import top_up
from billing.rating.conversion import Converted, convert
from billing.rating.decimals import SCALE
from billing.rating.derivation import digest, invoice_derivation, replay
from billing.rating.errors import InvalidConversion, InvalidDerivation, InvalidLine
from billing.rating.explain import explain_text
from billing.rating.lines import lines_from
from billing.rating.prices import price_from
from billing.rating.rating import Rated, rate
from billing.rating.steps import RULES
from billing.rating.totals import Total, total
from common.currencies import EXPONENTS
from tests.billing.rating.reference import problems_of, recompute
from tests.billing.rating.strategies import LARGEST, plain
from tests.billing.rating.test_derivations import as_read, changed, json_values, leaves
from tests.conformance.arithmetic import half_away, value_of

VAT = {"label": "VAT", "rate": 19}
amounts = st.one_of(st.integers(-1000, 1000), st.integers(-LARGEST, LARGEST))
rates = st.one_of(st.integers(1, 2 * SCALE), st.integers(1, 10**9 * SCALE)).map(
    lambda value: plain(Decimal(value).scaleb(-12))
)
pairs = st.lists(st.sampled_from(["EUR", "USD", "JPY", "KRW", "KWD", "CLF"]), min_size=2, max_size=2, unique=True)


# --- every amount, every rate -------------------------------------------------------------------------------------


@given(amounts, rates, pairs)
def test_the_amount_is_that_of_plain_fractions_rounded_once(amount: int, factor: str, pair: list[str]):
    found = convert(amount, factor, source=pair[0], target=pair[1])
    exact = amount * Fraction(factor) * Fraction(10) ** (EXPONENTS[pair[1]] - EXPONENTS[pair[0]])
    assert type(found.amount) is int
    assert found.amount == half_away(exact)
    assert abs(found.amount - exact) <= Fraction(1, 2)
    assert problems_of(found.derivation) == []
    assert replay(as_read(found.derivation)).matches


@given(amounts, rates, pairs)
def test_what_is_given_back_is_what_was_charged(amount: int, factor: str, pair: list[str]):
    charged, returned = (convert(one, factor, source=pair[0], target=pair[1]).amount for one in (amount, -amount))
    assert charged == -returned


@given(amounts, st.integers(0, LARGEST), rates, pairs)
def test_more_never_becomes_less(amount: int, more: int, factor: str, pair: list[str]):
    less, greater = (convert(one, factor, source=pair[0], target=pair[1]).amount for one in (amount, amount + more))
    assert less <= greater


@given(st.integers(0, LARGEST), rates, rates, pairs)
def test_a_better_rate_never_gives_less(amount: int, one: str, other: str, pair: list[str]):
    worse, better = sorted((one, other), key=Decimal)
    assert (
        convert(amount, worse, source=pair[0], target=pair[1]).amount
        <= convert(amount, better, source=pair[0], target=pair[1]).amount
    )


@given(amounts, rates, pairs)
def test_the_step_follows_from_its_formula(amount: int, factor: str, pair: list[str]):
    (step,) = convert(amount, factor, source=pair[0], target=pair[1]).derivation["steps"]
    names = {name: Fraction(value) for name, value in step["inputs"].items() if name not in ("from", "to")}
    assert value_of(step["formula"], names) == step["rounded"] == half_away(Fraction(step["exact"]))
    assert set(step["inputs"]) == set(RULES["conversion"].names)


def test_a_rate_counts_as_the_database_gives_it_back():
    stored = convert(4900, Decimal("0.921300000000"), source="USD", target="EUR")
    assert stored.derivation == convert(4900, "0.9213", source="USD", target="EUR").derivation


@pytest.mark.parametrize("amount", [True, 1.0, "1", None, Decimal(1)], ids=str)
def test_an_amount_is_an_integer(amount: Any):
    with pytest.raises(InvalidConversion) as refused:
        convert(amount, 1, source="USD", target="EUR")
    assert [(one.path, one.code) for one in refused.value.details] == [("amount", "invalid")]


@pytest.mark.parametrize("factor", [True, 0.5, "1e3", "", None, Decimal("NaN"), "0,5", " 1"], ids=repr)
def test_a_rate_is_a_plain_decimal(factor: Any):
    with pytest.raises(InvalidConversion) as refused:
        convert(1, factor, source="USD", target="EUR")
    assert [(one.path, one.code) for one in refused.value.details] == [("rate", "invalid")]


def test_the_script_for_auditors_knows_the_decimals_of_every_currency():
    assert {code: recompute.DECIMALS.get(code, 2) for code in EXPONENTS} == EXPONENTS
    assert set(recompute.DECIMALS) <= set(EXPONENTS)


# --- on an invoice ------------------------------------------------------------------------------------------------

# 600 calls of 0.015 USD are 9.00 USD, of which the minimum is 10.00 USD.
CALLS = {"currency": "USD", "model": "per_unit", "metered": True, "unitAmount": "1.5", "minimumSpend": 1000}


def rated() -> Rated:
    return rate(price_from(CALLS), 600)


def to_euros(amount: int) -> Converted:
    return convert(amount, "0.9213", source="USD", target="EUR")


def invoice() -> tuple[Total, list[tuple[list[str], Any]], dict[int, Converted]]:
    """In euros: a rating in dollars on two lines, one in euros, a commitment in yen, and a plain line."""
    calls, fee = rated(), rate(price_from({"currency": "EUR", "unitAmount": 500}), 1)
    commitment = top_up(3000, [1000], currency="JPY")
    whole, of_minimum = to_euros(calls.amount), to_euros(calls.top_up)
    of_yen = convert(commitment.top_up, "0.0061", source="JPY", target="EUR")
    lines = lines_from(
        [
            {"key": "calls", "amount": whole.amount - of_minimum.amount, "taxes": [VAT]},
            {"key": "minimum", "amount": of_minimum.amount, "taxes": [VAT]},
            {"key": "fee", "amount": 500, "taxes": [VAT]},
            {"key": "commitment", "amount": of_yen.amount, "taxes": [VAT]},
            {"key": "book", "amount": 1234, "taxes": [VAT]},
        ]
    )
    ratings: list[tuple[list[str], Any]] = [(["calls", "minimum"], calls), (["fee"], fee), (["commitment"], commitment)]
    return total(lines, currency="EUR"), ratings, {0: whole, 2: of_yen}


def test_the_lines_come_to_what_was_converted():
    whole, ratings, conversions = invoice()
    assert [line.amount for line in whole.discounted.lines] == [829, 92, 500, 1220, 1234]
    derivation = as_read(invoice_derivation(whole, ratings, conversions))
    assert ["conversion" in one for one in derivation["ratings"]] == [True, False, True]
    found = replay(derivation)
    assert found.matches
    assert found.computed == derivation
    assert digest(found.computed) == digest(derivation)
    assert problems_of(derivation) == []


def test_an_invoice_in_one_currency_is_derived_as_before():
    fee = rate(price_from({"currency": "EUR", "unitAmount": 500}), 1)
    whole = total(lines_from([{"key": "fee", "amount": 500, "taxes": [VAT]}]), currency="EUR")
    derivation = invoice_derivation(whole, [(["fee"], fee)])
    assert derivation == invoice_derivation(whole, [(["fee"], fee)], {})
    assert derivation["ratings"] == [{"lines": ["fee"], "derivation": fee.derivation}]


@pytest.mark.parametrize(
    ("conversions", "code"),
    [
        (lambda right: {2: right[2]}, "currency_mismatch"),
        (lambda right: right | {0: convert(999, "0.9213", source="USD", target="EUR")}, "currency_mismatch"),
        (lambda right: right | {0: convert(1000, "0.9213", source="CAD", target="EUR")}, "currency_mismatch"),
        (lambda right: right | {0: convert(1000, "0.9213", source="USD", target="GBP")}, "currency_mismatch"),
        (lambda right: right | {0: convert(1000, "0.9223", source="USD", target="EUR")}, "invalid"),
    ],
    ids=["none", "another amount", "from another currency", "into another currency", "another rate"],
)
def test_a_rating_that_does_not_come_to_the_invoice_is_refused(
    conversions: Callable[[dict[int, Converted]], dict[int, Converted]], code: str
):
    whole, ratings, right = invoice()
    with pytest.raises(InvalidLine) as refused:
        invoice_derivation(whole, ratings, conversions(right))
    assert [(one.path, one.code) for one in refused.value.details] == [("ratings[0]", code)]


def found_in(derivation: Any) -> list[str]:
    """Paths of what a replay finds; the script for auditors finds something too."""
    assert problems_of(derivation)
    return [one.path for one in replay(derivation).differences]


def test_a_conversion_that_was_left_out_or_exchanged_is_found():
    whole = as_read(invoice_derivation(*invoice()))
    without = as_read(whole)
    del without["ratings"][0]["conversion"]
    assert found_in(without) == ["ratings[0].derivation.currency", "ratings[0].lines"]
    other = as_read(whole)
    other["ratings"][0]["conversion"] = as_read(to_euros(999).derivation)
    assert found_in(other) == ["ratings[0].conversion.inputs.amount", "ratings[0].lines"]
    other["ratings"][0]["conversion"] = as_read(convert(1000, "0.9213", source="CAD", target="EUR").derivation)
    assert found_in(other) == ["ratings[0].conversion.inputs.from"]
    other["ratings"][0]["conversion"] = as_read(convert(1000, "0.9213", source="USD", target="GBP").derivation)
    assert found_in(other) == ["ratings[0].conversion.currency"]


def test_every_change_of_a_conversion_is_found_or_refused():
    whole = as_read(invoice_derivation(*invoice()))
    for path in leaves(whole["ratings"][0]["conversion"]):
        wrong = changed(whole, ("ratings", 0, "conversion", *path))
        try:
            places = [one.path for one in replay(wrong).differences]
        except InvalidDerivation as refused:
            places = [one.path for one in refused.details]
        assert places, path
        assert all(place.startswith("ratings[0].conversion.") for place in places[:1]), path
        # The script compares amounts only, and 0.92131 gives the same cents.
        if path[0] in ("inputs", "amounts", "currency") and path != ("inputs", "rate"):
            assert problems_of(wrong), path


@pytest.mark.parametrize("place", ["rate", "invoice"])
def test_only_a_conversion_stands_where_one_belongs(place: str):
    derivation = as_read(invoice_derivation(*invoice()))
    derivation["ratings"][0]["conversion"] = as_read(derivation if place == "invoice" else rated().derivation)
    with pytest.raises(InvalidDerivation) as refused:
        replay(derivation)
    assert [one.path for one in refused.value.details] == ["ratings[0].conversion.kind"]


@given(st.data())
def test_whatever_stands_in_a_conversion_it_is_replayed_or_refused(data: st.DataObject):
    derivation = as_read(invoice_derivation(*invoice()))
    one = derivation["ratings"][0]
    path = data.draw(st.sampled_from([*leaves(one["conversion"]), ("inputs",), ("steps",), ()]))
    parent, key = one, "conversion"
    for name in path:
        parent, key = parent[key], name
    parent[key] = data.draw(json_values)
    for tell in (replay, explain_text):
        try:
            tell(derivation)
        except InvalidDerivation:
            pass


def test_the_text_says_the_rate_and_both_amounts():
    assert explain_text(convert(4900, "0.9213", source="USD", target="EUR").derivation) == (
        "How this amount was converted\n"
        "  1. 49.00 USD at 0.9213 EUR per USD = 45.1437 EUR, rounded 45.14 EUR\n"
        "Amount: 45.14 EUR\n"
    )
    assert "-10.00 USD at 150 JPY per USD = -1500 JPY\n" in explain_text(
        convert(-1000, 150, source="USD", target="JPY").derivation
    )


def test_the_text_of_an_invoice_tells_the_conversion_after_the_rating():
    text = explain_text(invoice_derivation(*invoice()))
    assert (
        "Amount: 10.00 USD\n"
        "Of this to reach the minimum: 1.00 USD\n"
        "How this amount was converted\n"
        "  1. 10.00 USD at 0.9213 EUR per USD = 9.213 EUR, rounded 9.21 EUR\n"
        "Amount: 9.21 EUR\n"
    ) in text
    assert "2000 JPY at 0.0061 EUR per JPY = 12.20 EUR\n" in text
