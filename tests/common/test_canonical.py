"""Canonical JSON: one spelling for one value, whichever way it was computed."""

import hashlib
import json
import random
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.canonical import _any_size, canonical_json, sha256_of, typed_json

text = st.text(st.characters(exclude_categories=["Cs"]))
small = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), text)
any_size = st.one_of(small, st.integers(-(10**80), 10**80))


def trees(leaves: Any) -> Any:
    return st.recursive(leaves, lambda kids: st.one_of(st.lists(kids), st.dictionaries(text, kids)), max_leaves=20)


def shuffled(value: Any) -> Any:
    """The same value with the keys of every object in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item)) for key, item in value.items()]
        random.shuffle(items)
        return dict(items)
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@given(trees(small))
def test_the_fast_way_and_the_way_for_big_integers_agree(value):
    assert canonical_json(value) == orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == _any_size(value)


typed = st.one_of(
    any_size,
    st.datetimes(timezones=st.timezones()),
    st.dates(),
    st.uuids(),
    st.decimals(allow_nan=False, allow_infinity=False),
)


@given(trees(typed))
def test_the_way_for_known_types_agrees(value):
    try:
        expected = canonical_json(value)
    except (ValueError, OverflowError):
        return
    assert typed_json(value) == expected


@given(trees(any_size))
def test_the_value_can_be_read_back(value):
    assert json.loads(canonical_json(value)) == value


@given(trees(any_size))
def test_the_order_of_keys_does_not_count(value):
    assert canonical_json(shuffled(value)) == canonical_json(value)


@given(st.lists(text, unique=True))
def test_keys_are_sorted_by_code_point_with_and_without_big_integers(keys):
    for filler in (0, 10**40):
        decoded = json.loads(canonical_json(dict.fromkeys(keys, filler)), object_pairs_hook=list)
        assert [key for key, _ in decoded] == sorted(keys)


def test_characters_outside_the_basic_plane_sort_after_those_inside():
    # By UTF-16 units, as JavaScript sorts, the emoji would come first.
    assert canonical_json({"😀": 1, "\uffff": 2}) == '{"\uffff":2,"😀":1}'.encode()
    assert canonical_json({"😀": 10**30, "\uffff": 2}).startswith('{"\uffff"'.encode())


class Kind(StrEnum):
    CARD = "card"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ((1, 2), "[1,2]"),
        ({}, "{}"),
        (10**30, "1" + "0" * 30),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        ("é\x00\x7f\u2028", '"é\\u0000\x7f\u2028"'),
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), '"2026-01-31T09:30:00.000Z"'),
        (datetime(2026, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=1))), '"2026-01-31T08:30:00.000Z"'),
        (date(2026, 1, 31), '"2026-01-31"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Decimal("1.50"), '"1.5"'),
        (Decimal("1E+3"), '"1000"'),
        (Decimal("100"), '"100"'),
        (Decimal("-0.00"), '"0"'),
        (Decimal("1E-10"), '"0.0000000001"'),
        (Decimal("12345678901234567890123456789012345.60"), '"12345678901234567890123456789012345.6"'),
        ({Kind.CARD: Kind.CARD}, '{"card":"card"}'),
        ([Level.HIGH, True], "[3,true]"),
    ],
)
def test_each_value_has_its_one_spelling(value, expected):
    assert canonical_json(value) == expected.encode()


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_equal_decimals_have_one_spelling_that_loses_nothing(value):
    spelling = json.loads(canonical_json(value))
    assert Decimal(spelling) == value
    assert canonical_json(Decimal(f"{value:f}")) == canonical_json(value)


refused: list[Any] = [1.0, [1.5], {"a": {"b": [0.0]}}, float("nan"), {1: 2}, {None: 1}, b"x", {1, 2}, object(), 1j]


@pytest.mark.parametrize("value", refused)
def test_floats_and_everything_without_one_spelling_are_refused(value):
    with pytest.raises(TypeError):
        canonical_json(value)


@pytest.mark.parametrize(
    "value",
    [Decimal("NaN"), Decimal("Infinity"), datetime(2026, 1, 1), "\ud800", {"\ud800": 10**30}],  # noqa: DTZ001
)
def test_values_without_a_meaning_elsewhere_are_refused(value):
    with pytest.raises(ValueError):
        canonical_json(value)
    with pytest.raises(ValueError):
        typed_json(value)


def test_the_digest_is_that_of_the_canonical_bytes():
    assert sha256_of({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').digest()
    assert sha256_of({"b": 1, "a": 2}) == sha256_of({"a": 2, "b": 1}) != sha256_of({"a": 2, "b": "1"})
