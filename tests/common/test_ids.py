"""Ids: UUIDv7 inside, TypeID outside, and only one spelling of each."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typeid import TypeID

from common.ids import InvalidId, decode_id, encode_id, new_id, uuid_time
from common.prefixes import CUSTOMER, INVOICE, PREFIXES

uuids = st.integers(0, 2**128 - 1).map(lambda number: UUID(int=number))


@given(uuids, st.sampled_from(sorted(PREFIXES.values())))
def test_an_id_survives_the_way_out_and_back(value, prefix):
    text = encode_id(prefix, value)
    assert len(text) == len(prefix) + 27
    assert decode_id(prefix, text) == value


@given(uuids)
def test_the_text_is_that_of_the_typeid_library(value):
    assert encode_id(INVOICE, value) == str(TypeID.from_uuid(value, INVOICE))


@pytest.mark.parametrize(
    ("suffix", "value"),
    [
        ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
        ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
        ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
        ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ],
)
def test_the_examples_of_the_specification_hold(suffix, value):
    assert encode_id(INVOICE, UUID(value)) == f"inv_{suffix}"
    assert decode_id(INVOICE, f"inv_{suffix}") == UUID(value)


@given(uuids, uuids)
def test_texts_sort_as_their_uuids_do(left, right):
    assert (encode_id(INVOICE, left) < encode_id(INVOICE, right)) == (left < right)


GOOD = "01h455vb4pex5vsknk084sn02q"
wrong: list[Any] = [
    "",
    "inv",
    "inv_",
    GOOD,
    f"inv{GOOD}",
    f"inv-{GOOD}",
    f"cst_{GOOD}",
    f"INV_{GOOD}",
    f"inv_{GOOD.upper()}",
    f"inv_{GOOD[:-1]}",
    f"inv_{GOOD}0",
    f"inv_{GOOD}\n",
    f" inv_{GOOD}",
    f"inv__{GOOD[1:]}",
    f"inv_8{GOOD[1:]}",
    f"inv_z{GOOD[1:]}",
    *(f"inv_{GOOD[:-1]}{letter}" for letter in "ilouILOU -_+é٣"),
    f"inv_0_{GOOD[2:]}",
    "01890a5d-ac96-774b-bcce-b302099a8057",
    None,
    7,
    f"inv_{GOOD}".encode(),
]


@pytest.mark.parametrize("text", wrong)
def test_any_other_spelling_is_refused(text):
    with pytest.raises(InvalidId):
        decode_id(INVOICE, text)


def test_a_prefix_that_begins_like_another_is_not_that_other():
    value = new_id()
    with pytest.raises(InvalidId):
        decode_id("p", encode_id("pm", value))
    with pytest.raises(InvalidId):
        decode_id("prov", encode_id("pr", value))


@given(st.text())
def test_arbitrary_text_never_raises_anything_but_invalid_id(text):
    for candidate in (text, f"cst_{text}"):
        with pytest.raises(InvalidId):
            decode_id(CUSTOMER, candidate)


def test_new_ids_are_of_version_7_and_each_is_later_than_the_one_before():
    made = [new_id() for _ in range(50_000)]
    assert all(earlier < later for earlier, later in pairwise(made))
    assert {value.version for value in made[:100]} == {7}
    assert type(made[0]) is UUID


def test_threads_never_make_the_same_id_and_each_sees_its_own_in_order():
    def many(_: int) -> list[UUID]:
        return [new_id() for _ in range(5_000)]

    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(many, range(4)))
    assert all(batch == sorted(batch) for batch in batches)
    assert len({value for batch in batches for value in batch}) == 20_000


def _make(count: int) -> list[int]:
    return [new_id().int for _ in range(count)]


def test_processes_forked_from_one_another_never_make_the_same_id():
    new_id()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = [pool.apply_async(_make, (5_000,)) for _ in range(2)]
        made = _make(5_000)
        for result in results:
            made += result.get(timeout=60)
    assert len(set(made)) == 15_000


def test_a_new_id_holds_the_time_at_which_it_was_made():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    at = uuid_time(new_id())
    assert before <= at <= datetime.now(UTC) + timedelta(milliseconds=1)
    assert at.tzinfo is UTC


def test_the_example_of_rfc_9562_holds_its_time():
    assert uuid_time(UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")) == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_other_versions_hold_no_time():
    with pytest.raises(ValueError):
        uuid_time(uuid4())


def test_every_prefix_is_short_lower_case_and_used_once():
    assert len(PREFIXES) == 47
    assert len(set(PREFIXES.values())) == len(PREFIXES)
    assert all(2 <= len(prefix) <= 4 and prefix.isascii() and prefix.islower() for prefix in PREFIXES.values())
    assert all(prefix.isalpha() for prefix in PREFIXES.values())
    assert PREFIXES["INVOICE"] == INVOICE == "inv"
