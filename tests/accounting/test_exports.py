"""The pairs that a file for DATEV is made of use up every line of an entry."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from accounting.amounts import decimal_text
from accounting.books import BookLine
from accounting.enums import Side
from accounting.exports import account_number, pairs
from common.money import allocate
from tests.conftest import AT


def line(position: int, side: str, amount: int, currency: str) -> BookLine:
    return BookLine(
        UUID(int=1), AT, "manual", None, None, None, position, UUID(int=2), None, "asset", side, amount, currency
    )


@st.composite
def entries(draw: st.DrawFn) -> list[BookLine]:
    """A balanced entry in one or two units."""
    lines: list[BookLine] = []
    for currency in draw(st.sampled_from([["EUR"], ["EUR", "USD"]])):
        total = draw(st.integers(10, 10**15))
        for side in (Side.DEBIT, Side.CREDIT):
            weights = draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
            lines += [line(0, side, part, currency) for part in allocate(total, weights) if part]
    mixed = draw(st.permutations(lines))
    return [line(position, one.side, one.amount, one.currency) for position, one in enumerate(mixed)]


@given(entry=entries())
def test_pairs_use_up_every_line(entry):
    used: Counter[int] = Counter()
    made = list(pairs(entry))
    for debit, credit, amount in made:
        assert amount > 0
        assert (debit.side, credit.side, debit.currency) == ("debit", "credit", credit.currency)
        used[debit.position] += amount
        used[credit.position] += amount
    assert used == {one.position: one.amount for one in entry}
    assert len(made) < len(entry)


def test_amounts_and_numbers_as_datev_writes_them():
    assert decimal_text(5, 2, point=",") == "0,05"
    assert decimal_text(123_456, 3, point=".") == "123.456"
    assert decimal_text(7, 0, point=",") == "7"
    assert decimal_text(-5, 2) == "-0.05"
    assert decimal_text(-(10**40) - 1, 12) == "-" + "1" + "0" * 28 + "." + "0" * 11 + "1"
    assert account_number("cash:EUR", "skr03") == "1200"
    assert account_number("receivables:EUR", "skr04") == "1200"
    assert account_number("wallet", "skr04") == account_number(None, "skr04") == "1370"
