"""Claims about the fields of forms: what is shown and sent back untouched is what was stored."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from django import forms
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tenants.backoffice.fields import DayTimeField, MetadataField

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)
KEYS = TEXTS.map(lambda text: text.strip()[:40].strip()).filter(bool)


def sent_back(stored: dict[str, str]) -> dict[str, str]:
    """A browser sends line breaks as carriage return and line feed."""
    field = MetadataField()
    pairs: dict[str, str] = field.clean(field.prepare_value(stored).replace("\n", "\r\n"))
    return pairs


@given(st.dictionaries(KEYS, TEXTS, max_size=5))
def test_metadata_that_nobody_touched_come_back_as_they_were(stored: dict[str, str]) -> None:
    assert sent_back(stored) == stored


@pytest.mark.parametrize(
    "stored",
    [
        {"a=b": "c"},
        {"k": "one\ntwo = x"},
        {"k": " lead"},
        {"k": "a\u2028b"},
        {'"k"': '"said"'},
        {"k": "x = y"},
        {"k": ""},
    ],
)
def test_metadata_that_lines_cannot_carry_stand_in_quotation_marks(stored: dict[str, str]) -> None:
    assert sent_back(stored) == stored


def test_plain_pairs_are_shown_plainly() -> None:
    assert MetadataField().prepare_value({"order": "17", "note": 'the "old" one'}) == 'note = the "old" one\norder = 17'


@pytest.mark.parametrize("line", ["nothing", "= x", '"" = x', '"  " = x', r'k = "\u0000"', r'k = "\ud800"'])
def test_what_is_no_pair_is_refused(line: str) -> None:
    with pytest.raises(forms.ValidationError, match="Line 1"):
        MetadataField().clean(line)


def test_an_hour_that_comes_twice_is_taken_and_one_that_never_comes_is_refused() -> None:
    with timezone.override(zoneinfo.ZoneInfo("America/New_York")):
        assert DayTimeField().clean("2026-11-01T01:30") == dt.datetime(2026, 11, 1, 5, 30, tzinfo=dt.UTC)
        with pytest.raises(forms.ValidationError):
            DayTimeField().clean("2026-03-08T02:30")
