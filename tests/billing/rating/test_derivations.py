"""Derivations prove amounts: a changed one is found out, a hostile one is refused, and the text follows them."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.commitments import top_up
from billing.rating.coupons import coupon_from
from billing.rating.derivation import digest, invoice_derivation, replay
from billing.rating.errors import InvalidCoupon, InvalidDerivation, InvalidLine, InvalidPrice
from billing.rating.explain import explain_text, money_text
from billing.rating.lines import lines_from
from billing.rating.prices import price_from
from billing.rating.rating import Rated, rate
from billing.rating.steps import RULES
from billing.rating.totals import Total, total
from common.canonical import canonical_json
from tests.billing.rating.reference import SCRIPT, problems_of

VAT = {"label": "VAT", "rate": 19}
CALLS = {
    "currency": "EUR", "model": "graduated", "metered": True, "minimumSpend": 500, "includedUnits": 10,
    "tiers": [{"upTo": 100, "unitAmount": "1.5"}, {"upTo": None, "unitAmount": "0.0125", "flatAmount": 20}],
}  # fmt: skip


def rated() -> Rated:
    """600.123 calls."""
    return rate(price_from(CALLS), "600.123")


def invoice() -> tuple[Total, list[tuple[list[str], Any]]]:
    """Two rated lines, one of them in two parts, a commitment, a coupon and a plain inclusive line."""
    calls, commitment = rated(), top_up(1000, [500], currency="EUR")
    lines = lines_from(
        [
            {"key": "calls", "amount": calls.amount - calls.top_up, "taxes": [VAT]},
            {"key": "minimum", "amount": calls.top_up, "taxes": [VAT]},
            {"key": "commitment", "amount": commitment.top_up, "taxes": [VAT]},
            {"key": "book", "amount": 1234, "taxBehavior": "inclusive", "taxes": [{"label": "VAT", "rate": 7}]},
        ]
    )
    coupon = coupon_from({"code": "TEN", "type": "percentage", "percentage": 10})
    ratings: list[tuple[list[str], Any]] = [(["calls", "minimum"], calls), (["commitment"], commitment)]
    return total(lines, [coupon], currency="EUR", credit=7), ratings


def as_read(derivation: Any) -> Any:
    """After a way through JSON."""
    return json.loads(canonical_json(derivation))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value that is not a container."""
    if isinstance(value, dict):
        return [found for key, one in value.items() for found in leaves(one, (*path, key))]
    if isinstance(value, list):
        return [found for index, one in enumerate(value) for found in leaves(one, (*path, index))]
    return [path]


def changed(derivation: Any, path: tuple[Any, ...]) -> Any:
    """The derivation with another value at a place."""
    found = copy.deepcopy(derivation)
    parent = found
    for key in path[:-1]:
        parent = parent[key]
    value = parent[path[-1]]
    parent[path[-1]] = value + 1 if type(value) is int else f"{value}1" if isinstance(value, str) else "1"
    return found


def test_a_whole_invoice_replays_to_itself():
    derivation = as_read(invoice_derivation(*invoice()))
    found = replay(derivation)
    assert found.matches
    assert found.computed == derivation
    assert digest(found.computed) == digest(derivation)


def test_every_stated_result_is_compared():
    """Whatever is changed in steps and amounts is named with its path."""
    derivation = as_read(rated().derivation)
    for path in leaves(derivation):
        if path[0] in ("steps", "amounts"):
            found = replay(changed(derivation, path))
            assert [one.path.replace("[", ".").replace("]", "") for one in found.differences] == [
                ".".join(map(str, path))
            ]


@pytest.mark.parametrize("other", ["500", True, 500.0])
def test_the_same_number_of_another_type_is_a_difference(other: Any):
    derivation = as_read(rated().derivation)
    assert derivation["amounts"]["amount"] == 500
    derivation["amounts"]["amount"] = other
    assert [one.path for one in replay(derivation).differences] == ["amounts.amount"]


def test_the_script_for_auditors_comes_to_the_same_and_finds_what_was_changed(tmp_path: Path):
    derivation = as_read(invoice_derivation(*invoice()))
    assert problems_of(derivation) == []
    for path in leaves(derivation):
        if "amounts" in path:
            assert problems_of(changed(derivation, path)), path
    right, wrong = tmp_path / "right.json", tmp_path / "wrong.json"
    right.write_text(json.dumps(derivation))
    wrong.write_text(json.dumps(changed(derivation, ("total", "amounts", "due"))))
    for file, status, last in ((right, 0, "Everything fits."), (wrong, 1, "Something does not fit.")):
        ran = subprocess.run([sys.executable, "-I", SCRIPT, file], capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stdout.splitlines()[-1]) == (status, last)


def test_an_input_that_is_changed_is_refused_or_changes_something_stated():
    derivation = as_read(invoice_derivation(*invoice()))
    # What is taken along and has no part in the arithmetic; a digest covers it all the same.
    silent = {"interval", "billing", "periodsUsed", "stackingOrder", "taxBehavior"}
    for path in leaves(derivation):
        if "inputs" not in path or path[-1] in silent:
            continue
        try:
            found = replay(changed(derivation, path))
        except InvalidDerivation:
            continue
        assert not found.matches, path


def test_a_line_of_the_invoice_must_come_to_what_was_rated():
    whole, ratings = invoice()
    derivation = as_read(invoice_derivation(whole, ratings))
    derivation["ratings"][0]["lines"] = ["calls"]
    assert [one.path for one in replay(derivation).differences] == ["ratings[0].lines"]
    with pytest.raises(InvalidLine) as refused:
        invoice_derivation(whole, [(["calls"], ratings[0][1])])
    assert [problem.path for problem in refused.value.details] == ["ratings[0]"]


@pytest.mark.parametrize("version", [0, 3, "1", True, None, 1.0])
def test_another_version_is_refused(version: Any):
    with pytest.raises(InvalidDerivation) as refused:
        replay({**rated().derivation, "version": version})
    assert [(problem.path, problem.code) for problem in refused.value.details] == [("version", "invalid_choice")]


def test_an_invoice_of_the_first_version_keeps_its_rule():
    """There a coupon beside a credit at another rate was bounded by the sum before tax, and tax was left."""
    first = json.loads((Path(__file__).parent / "version_1.json").read_text())
    assert replay(first).differences == []
    assert replay(first).computed == first
    assert problems_of(first) == []
    assert explain_text(first).endswith("Total: 6.33 EUR\n")


@pytest.mark.parametrize("place", [("version",), ("total", "version")])
def test_an_invoice_and_its_total_are_of_one_version(place: tuple[str, ...]):
    found = as_read(invoice_derivation(*invoice()))
    parent = found["total"] if len(place) > 1 else found
    parent["version"] = 1
    assert [one.path for one in replay(found).differences] == ["total.version"]
    assert problems_of(found)


def test_a_refused_input_is_named_with_its_path():
    derivation = as_read(rated().derivation)
    derivation["inputs"]["price"]["tiers"][1]["upTo"] = "50"
    with pytest.raises(InvalidDerivation) as refused:
        replay(derivation)
    assert [problem.path for problem in refused.value.details] == ["inputs.price.tiers[1].upTo"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["1", "1/3"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("place", "path"), [(("total",), "total.kind"), (("ratings", 0, "derivation"), "ratings[0].derivation.kind")]
)
def test_an_invoice_does_not_stand_in_an_invoice(place: tuple[Any, ...], path: str):
    derivation = as_read(invoice_derivation(*invoice()))
    parent = derivation
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = as_read(derivation)
    with pytest.raises(InvalidDerivation) as refused:
        replay(derivation)
    assert [problem.path for problem in refused.value.details] == [path]
    with pytest.raises(InvalidDerivation):
        explain_text(derivation)


@pytest.mark.parametrize("number", ["1e999999999", "1/0", "9" * 1000, 0.5, None, "½"])
def test_a_number_that_would_fill_the_memory_is_not_told(number: Any):
    derivation = as_read(rated().derivation)
    derivation["steps"][0]["exact"] = number
    with pytest.raises(InvalidDerivation):
        explain_text(derivation)


@given(st.data())
def test_whatever_stands_in_a_derivation_it_is_replayed_or_refused(data: st.DataObject):
    derivation = as_read(invoice_derivation(*invoice()))
    path = data.draw(st.sampled_from([*leaves(derivation), ("total",), ("ratings",), ("total", "inputs", "lines")]))
    parent = derivation
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = data.draw(json_values)
    for tell in (replay, explain_text):
        try:
            tell(derivation)
        except InvalidDerivation:
            pass


@given(json_values)
def test_definitions_are_read_or_refused(value: Any):
    for read in (price_from, coupon_from, lambda data: lines_from([data])):
        for given_value in (value, {"currency": "EUR", "model": value, "type": value, "tiers": value, "taxes": value}):
            try:
                read(given_value)
            except (InvalidCoupon, InvalidLine, InvalidPrice):
                pass


def test_a_derivation_has_no_floats_and_one_spelling():
    derivation = invoice_derivation(*invoice())
    assert canonical_json(derivation) == canonical_json(as_read(derivation))


def test_every_step_says_what_it_read_and_its_formula():
    for step in as_read(invoice_derivation(*invoice())["total"])["steps"] + as_read(rated().derivation)["steps"]:
        assert set(step) >= {"rule", "inputs", "formula", "exact", "rounded"}
        assert step["formula"] == RULES[step["rule"]].formula


def test_the_text_names_each_tier_and_the_rounding():
    assert explain_text(rated().derivation) == (
        "How this amount was computed: graduated price (each unit at the price of its tier)\n"
        "  1. 600.123 less 10 included = 590.123\n"
        "  2. Tier 1, 0 to 100: 100 × 0.015 EUR = 1.50 EUR\n"
        "  3. Tier 2, 100 and more: 490.123 × 0.000125 EUR + 0.20 EUR = 0.261265375 EUR\n"
        "  4. 2 amounts added up = 1.761265375 EUR\n"
        "  5. Rounded, a half away from zero: 1.761265375 EUR becomes 1.76 EUR\n"
        "  6. Minimum of 5.00 EUR for the whole period = 5.00 EUR\n"
        "  7. At least 5.00 EUR = 5.00 EUR\n"
        "Amount: 5.00 EUR\n"
        "Of this to reach the minimum: 3.24 EUR\n"
    )


def test_the_text_names_what_shares_are_of():
    """Lines by their keys, or by their numbers; parts of a tax are none."""
    taxes = [[VAT], [VAT, {"label": "Local", "rate": 1}]]
    lines = [
        {"key": key, "amount": 11900, "taxBehavior": "inclusive", "taxes": of}
        for key, of in zip(("1", "Book"), taxes, strict=True)
    ]
    text = explain_text(total(lines_from(lines), currency="EUR").derivation)
    assert "       Part 1: 19.00 EUR\n       Part 2: 18.84 EUR\n" in text
    assert "       Line 1: 100.00 EUR\n" in text
    assert "       Book: 99.17 EUR\n" in text
    assert "VAT 19 % contained, 2 parts = " in text


def test_the_text_of_an_invoice_ends_with_what_is_to_be_paid():
    whole, ratings = invoice()
    text = explain_text(invoice_derivation(whole, ratings))
    assert text.startswith("Line calls, minimum\nHow this amount was computed")
    assert text.endswith(f"Credit used: 0.07 EUR\nTo pay: {money_text(whole.due, 'EUR')}\n")
    assert "VAT 19 % of" in text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123450, "EUR", "1234.50 EUR"),
        (-5, "EUR", "-0.05 EUR"),
        (1234, "JPY", "1234 JPY"),
        (1234, "KWD", "1.234 KWD"),
        (0, "EUR", "0.00 EUR"),
    ],
)
def test_amounts_are_told_in_the_decimals_of_their_currency(amount: int, currency: str, text: str):
    assert money_text(amount, currency) == text


def test_fractions_of_a_cent_are_told_exactly_or_marked_as_cut():

    assert money_text(Fraction("0.0000000001"), "EUR") == "0.000000000001 EUR"
    assert money_text(Fraction(100, 3), "EUR") == "0.33333333… EUR"
    assert money_text(Fraction(-2, 3), "JPY") == "-0.666666… JPY"


def test_what_a_line_and_its_minimum_share_is_fixed_by_the_minimum():
    whole, ratings = invoice()
    derivation = as_read(invoice_derivation(whole, ratings))
    calls, minimum = derivation["total"]["inputs"]["lines"][:2]
    calls["amount"] -= 100
    minimum["amount"] += 100
    moved = {**derivation, "total": as_read(replay(derivation["total"]).computed)}
    assert problems_of(moved) == ["calls, minimum: the second line is not what the minimum adds"]
    assert [one.path for one in replay(moved).differences] == ["ratings[0].lines[1]"]


def test_a_minimum_on_a_line_of_its_own_is_what_it_adds():
    whole, [(keys, calls), commitment] = invoice()
    with pytest.raises(InvalidLine) as refused:
        invoice_derivation(whole, [(keys[::-1], calls), commitment])
    assert [one.path for one in refused.value.details] == ["ratings[0]"]
