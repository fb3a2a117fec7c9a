"""Claims about VAT numbers that nobody has to be asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from billing.tax_numbers import MEMBERS, NumberProblem, VatNumber, read_vat_number

NUMBERS: dict[str, dict[str, list[str]]] = yaml.safe_load((Path(__file__).parent / "numbers.yaml").read_text())
VALID = [(country, number) for country, one in NUMBERS.items() for number in one["valid"]]
INVALID = [(country, number) for country, one in NUMBERS.items() for number in one["invalid"]]


def test_there_are_numbers_of_all_members_and_of_northern_ireland() -> None:
    assert set(NUMBERS) == MEMBERS
    assert len(MEMBERS) == 28
    assert all(len(one["valid"]) >= 2 and len(one["invalid"]) >= 3 for one in NUMBERS.values())


@pytest.mark.parametrize(("country", "number"), VALID, ids=[number for _, number in VALID])
def test_a_published_number_may_exist(country: str, number: str) -> None:
    found = read_vat_number(number)
    assert found is not None
    assert (found.country, found.problem) == (country, None)
    assert read_vat_number(str(found)) == found


@pytest.mark.parametrize(("country", "number"), INVALID, ids=[number for _, number in INVALID])
def test_a_number_with_one_mistake_cannot_exist(country: str, number: str) -> None:
    found = read_vat_number(number)
    assert found is not None
    assert found.country == country
    assert found.problem is not None


@pytest.mark.parametrize(("country", "number"), VALID, ids=[number for _, number in VALID])
def test_hardly_a_mistyped_digit_goes_unnoticed(country: str, number: str) -> None:
    plain = str(read_vat_number(number))
    mistyped = [
        plain[:place] + digit + plain[place + 1 :]
        for place, right in enumerate(plain) if right.isdigit()
        for digit in "0123456789" if digit != right
    ]  # fmt: skip
    unnoticed = [one for one in mistyped if (found := read_vat_number(one)) and found.problem is None]
    # Numbers of the Netherlands add up in either of two ways; a rest of ten is written 0 in some countries.
    assert len(unnoticed) <= len(mistyped) // (4 if country == "NL" else 9)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("de136695976", "DE136695976"), (" DE 136.695-976 ", "DE136695976"), ("DE136\u00a0695976", "DE136695976"),
        ("GR094259216", "EL094259216"), ("gr 094259216", "EL094259216"), ("BE411905847", "BE0411905847"),
        ("BE 0411/905/847", "BE0411905847"), ("IE8Z49289F", "IE8Z49289F"),
    ],
)  # fmt: skip
def test_a_number_has_one_spelling(written: str, read: str) -> None:
    assert str(read_vat_number(written)) == read


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("DE136695978", NumberProblem.CHECKSUM), ("DE13669597", NumberProblem.LENGTH),
        ("DE13669597X", NumberProblem.FORMAT), ("DE", NumberProblem.FORMAT), ("DE!", NumberProblem.FORMAT),
        ("FR" + "1" * 60, NumberProblem.FORMAT), ("DE١٣٦٦٩٥٩٧٦", NumberProblem.FORMAT),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(written: str, problem: NumberProblem) -> None:
    found = read_vat_number(written)
    assert found is not None
    assert found.problem is problem


@pytest.mark.parametrize(
    "number",
    ["CHE-116.281.710 MWST", "GB123456789", "NO 974 760 673 MVA", "US123", "136695976", "EU372022452", "", None],
)
def test_a_number_of_no_member_is_not_judged(number: str | None) -> None:
    assert read_vat_number(number) is None


@given(st.text(max_size=80) | st.sampled_from(sorted(MEMBERS)).flatmap(lambda one: st.text().map(one.__add__)))
def test_no_text_is_too_odd_to_be_read(text: Any) -> None:
    found = read_vat_number(text)
    assert found is None or isinstance(found, VatNumber)
    if found is not None and found.problem is None:
        assert str(found).isascii()
        assert read_vat_number(str(found)) == found
