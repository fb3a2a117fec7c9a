"""Money: whole minor units, one rounding rule, and splitting without loss."""

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.currencies import EXPONENTS
from common.money import (
    MAX_AMOUNT,
    CurrencyMismatch,
    Money,
    UnknownCurrency,
    allocate,
    exponent,
    format_plain,
    is_currency,
    round_half_away,
    round_ratio,
)

amounts = st.integers(-MAX_AMOUNT, MAX_AMOUNT)
huge_integers = st.integers(-(10**60), 10**60)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**25), max_value=10**25)
weights = st.lists(st.one_of(st.integers(0, 10**18), st.decimals(0, 10**9, places=6)), min_size=1, max_size=30)


def euros(amount: int) -> Money:
    return Money(amount, "EUR")


# --- rounding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "rounded"),
    [("232.5", 233), ("-232.5", -233), ("0.5", 1), ("-0.5", -1), ("2.5", 3), ("0.4999999999999999999999999999999", 0)],
)
def test_a_half_is_rounded_away_from_zero(value, rounded):
    assert round_half_away(Decimal(value)) == rounded
    assert round_half_away(Fraction(value)) == rounded


@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_is_exact_for_values_beyond_the_precision_of_the_context(sign):
    with localcontext() as context:
        context.prec = 3
        assert round_half_away(sign * Decimal(10**30)) == sign * 10**30
        assert round_half_away(Decimal(f"{sign * (10**30 + 1)}.5")) == sign * (10**30 + 2)
        assert Money(sign * (10**30 + 1), "EUR").times(Decimal("1.0")) == Money(sign * (10**30 + 1), "EUR")


@given(huge_integers, st.integers(1, 10**30))
def test_rounding_a_fraction_is_never_further_off_than_a_half_and_is_symmetric(numerator, denominator):
    value = Fraction(numerator, denominator)
    rounded = round_half_away(value)
    assert abs(rounded - value) <= Fraction(1, 2)
    if abs(rounded - value) == Fraction(1, 2):
        assert abs(rounded) > abs(value)
    assert round_half_away(-value) == -rounded
    assert round_ratio(numerator, denominator) == rounded


@given(decimals)
def test_a_decimal_and_the_equal_fraction_round_alike(value):
    assert round_half_away(value) == round_half_away(Fraction(value))


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_rounding_refuses_what_is_not_a_finite_number(value):
    with pytest.raises(ValueError):
        round_half_away(Decimal(value))


# --- money --------------------------------------------------------------------------------------------------------


@given(amounts, amounts, amounts)
def test_addition_is_that_of_integers(left, middle, right):
    assert euros(left) + euros(right) == euros(right) + euros(left) == euros(left + right)
    assert (euros(left) + euros(middle)) + euros(right) == euros(left) + (euros(middle) + euros(right))
    assert euros(left) - euros(right) == euros(left) + -euros(right)
    assert sum([euros(left), euros(middle), euros(right)], Money.zero("EUR")) == euros(left + middle + right)


@given(amounts, amounts)
def test_money_of_one_currency_is_ordered_by_amount(left, right):
    assert (euros(left) < euros(right)) == (left < right)
    assert (euros(left) <= euros(right)) == (left <= right)
    assert (euros(left) > euros(right)) == (left > right)
    assert (euros(left) >= euros(right)) == (left >= right)


@pytest.mark.parametrize("operator", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_amounts_in_different_currencies_are_never_combined(operator):
    with pytest.raises(CurrencyMismatch) as caught:
        getattr(euros(100), operator)(Money(100, "USD"))
    assert (caught.value.code, caught.value.status) == ("currency_mismatch", 422)
    assert str(caught.value) == "Amounts in EUR and USD cannot be combined."


def test_equal_amounts_in_different_currencies_are_not_equal():
    assert euros(100) != Money(100, "USD")
    assert len({euros(100), Money(100, "USD"), euros(100)}) == 2


def test_only_no_money_is_false():
    assert not Money.zero("JPY")
    assert euros(-1)


def test_money_cannot_be_changed():
    money: Any = euros(1)
    with pytest.raises(AttributeError):
        money.amount = 2


def test_a_quantity_is_multiplied_exactly_and_rounded_once():
    assert euros(465).times(Decimal("0.5")) == euros(233)
    assert euros(-465).times(Decimal("0.5")) == euros(-233)
    assert euros(1999).times(3) == euros(5997)
    assert euros(MAX_AMOUNT).times(Decimal("1.0000000000000000000000000000000001")) == euros(MAX_AMOUNT)


def test_a_rate_may_be_a_fraction_that_no_decimal_can_hold():
    assert euros(1900).times_rate(Decimal("0.19")) == euros(361)
    assert euros(11900).times_rate(Fraction(19, 119)) == euros(1900)
    assert euros(100).times_rate(Fraction(2, 3)) == euros(67)


@given(amounts, decimals)
def test_multiplication_agrees_with_exact_arithmetic_whatever_the_context(amount, factor):
    with localcontext() as context:
        context.prec = 1
        product = euros(amount).times(factor)
        assert euros(amount).times_rate(factor) == product
    assert product == euros(round_half_away(Fraction(amount) * Fraction(factor)))


bad_numbers: list[Any] = [1.0, True, "1", None]


@pytest.mark.parametrize("bad", bad_numbers)
def test_floats_and_bools_are_refused_everywhere(bad):
    for refused in (
        lambda: Money(bad, "EUR"),
        lambda: euros(1).times(bad),
        lambda: euros(1).times_rate(bad),
        lambda: round_half_away(bad),
        lambda: allocate(bad, [1]),
        lambda: allocate(1, [1, bad]),
        lambda: allocate(0, [bad]),
        lambda: euros(1) + bad,
        lambda: euros(1) - bad,
        lambda: euros(1) < bad,
    ):
        with pytest.raises(TypeError):
            refused()


def test_a_decimal_is_not_an_amount_and_an_int_is_not_a_rate():
    bad_amount: Any = Decimal(5)
    bad_rate: Any = 2
    with pytest.raises(TypeError):
        Money(bad_amount, "EUR")
    with pytest.raises(TypeError):
        euros(1).times_rate(bad_rate)


@pytest.mark.parametrize("code", ["eur", "", "EU", "E R", "EUR ", "€UR", "1EU"])
def test_what_cannot_be_a_currency_code_is_refused(code):
    with pytest.raises(ValueError):
        Money(1, code)


def test_money_can_be_in_a_tenants_own_unit():
    assert Money(5, "CREDITS") + Money(6, "CREDITS") == Money(11, "CREDITS")
    assert format_plain(Money(11, "CREDITS")) == "11 CREDITS"


# --- currencies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("HUF", 2), ("ISK", 0)])
def test_exponents_are_those_of_iso_4217(code, digits):
    assert exponent(code) == digits


def test_the_table_has_every_active_code_with_a_minor_unit():
    assert len(EXPONENTS) == 165
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in EXPONENTS)
    assert {list(EXPONENTS.values()).count(digits) for digits in (0, 3, 4)} == {17, 7, 2}


@pytest.mark.parametrize("code", ["XXX", "XAU", "DEM", "HRK", "eur", "", "CREDITS", None, 978])
def test_anything_else_is_not_a_currency(code):
    assert not is_currency(code)
    with pytest.raises(UnknownCurrency):
        exponent(code)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(123450, "EUR"), "1234.50 EUR"),
        (Money(-5, "EUR"), "-0.05 EUR"),
        (Money(-1234, "JPY"), "-1234 JPY"),
        (Money(1, "KWD"), "0.001 KWD"),
        (Money(0, "CLF"), "0.0000 CLF"),
    ],
)
def test_amounts_are_written_plainly(money, text):
    assert format_plain(money) == text


@given(huge_integers, st.sampled_from(sorted(EXPONENTS)))
def test_the_plain_form_loses_nothing(amount, currency):
    number, code = format_plain(Money(amount, currency)).split()
    assert code == currency
    assert Fraction(number) * 10 ** exponent(currency) == amount


# --- splitting ----------------------------------------------------------------------------------------------------


@given(huge_integers, weights)
def test_the_parts_always_sum_to_the_total_and_are_less_than_one_unit_off(total, weights):
    if not any(weights):
        weights = [*weights, 1]
    parts = allocate(total, weights)
    assert sum(parts) == total
    whole = sum(Fraction(weight) for weight in weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * Fraction(weight) / whole) < 1
        if weight == 0:
            assert part == 0
    assert allocate(-total, weights) == [-part for part in parts]


@given(st.integers(0, 10**15), weights, st.integers(1, 1000))
def test_only_the_proportion_of_the_weights_counts(total, weights, factor):
    if any(weights):
        assert allocate(total, weights) == allocate(total, [Fraction(weight) * factor for weight in weights])


def test_the_units_that_remain_go_to_the_largest_remainders_and_then_to_the_first():
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]
    assert allocate(101, [1, 1, 1]) == [34, 34, 33]
    assert allocate(10, [1, 3, 3]) == [2, 4, 4]
    assert allocate(10, [Decimal("0.5"), Decimal("1.50")]) == [3, 7]
    assert allocate(5, [0, 1, 0, 1]) == [0, 3, 0, 2]


def test_nothing_can_be_split_among_anybody():
    assert allocate(0, []) == []
    assert allocate(0, [0, 0]) == [0, 0]
    assert allocate(0, [3, Decimal("0.1")]) == [0, 0]


@pytest.mark.parametrize(
    ("total", "weights"),
    [(1, []), (1, [0]), (-1, [0, Decimal(0)]), (1, [2, -1]), (0, [-1]), (1, [Decimal("NaN")]), (1, [Decimal("Inf")])],
)
def test_a_split_without_an_answer_is_refused(total, weights):
    with pytest.raises(ValueError):
        allocate(total, weights)
