"""Claims about the strict fields: nothing is coerced, and each refusal has its code."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from rest_framework import serializers

from common.api.address import AddressInput
from common.api.fields import (
    AmountField,
    BooleanField,
    ChoiceField,
    CurrencyField,
    DecimalField,
    EmailField,
    IdField,
    InstantField,
    IntegerField,
    MetadataField,
    PatternField,
    TextField,
)
from common.api.places import LocaleField, TimeZoneField
from common.api.serializers import InputSerializer, validate
from common.errors import InvalidRequest
from common.ids import encode_id
from common.metadata import merged_metadata
from common.money import MAX_AMOUNT

ID = UUID("01900000-0000-7000-8000-000000000001")
NOTHING: Any = object()


class Pair(InputSerializer):
    left_id = IdField("acc")
    aliases = {"left": "left_id"}


class Line(InputSerializer):
    name = TextField(max_length=10)
    quantity = IntegerField(min_value=1, max_value=9, required=False, default=1)


class Everything(InputSerializer):
    text = TextField(max_length=5, required=False, allow_null=True)
    notes = TextField(max_length=50, required=False, multiline=True)
    code = PatternField(max_length=5, pattern=r"[A-Z]+", hint="Letters.", required=False)
    email = EmailField(required=False)
    number = IntegerField(min_value=1, max_value=9, required=False)
    amount = AmountField(required=False)
    rate = DecimalField(places=2, min_value=Decimal(0), max_value=Decimal(100), required=False)
    flag = BooleanField(required=False)
    kind = ChoiceField(["one_time", "recurring"], aliases={"one-time": "one_time"}, required=False)
    currency = CurrencyField(required=False)
    customer_id = IdField("cst", required=False)
    paid_at = InstantField(required=False)
    due_date = InstantField(date_allowed=True, required=False)
    time_zone = TimeZoneField(required=False)
    locale = LocaleField(required=False)
    address = AddressInput(required=False, allow_null=True)
    metadata = MetadataField(required=False)
    lines = Line(many=True, required=False)
    new_name = TextField(max_length=5, required=False)

    aliases = {"oldName": "new_name"}


def read(data: Any, *, partial: bool = False) -> dict[str, Any]:
    return validate(Everything, data, partial=partial, time_zone=lambda: "Europe/Berlin")


def problems(data: Any, *, partial: bool = False) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        read(data, partial=partial)
    return [(one.path, one.code) for one in refused.value.details]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("text", " abc ", "abc"), ("text", "ééééé", "ééééé"), ("notes", "a\nb", "a\nb"), ("code", "ABC", "ABC"),
        ("email", " a.b+c@x-y.example.com ", "a.b+c@x-y.example.com"), ("number", 9, 9),
        ("amount", 0, 0), ("amount", MAX_AMOUNT, MAX_AMOUNT),
        ("rate", "12.50", Decimal("12.50")), ("rate", 12, Decimal(12)), ("flag", False, False),
        ("kind", "recurring", "recurring"), ("kind", "one-time", "one_time"), ("currency", "KWD", "KWD"),
        ("paidAt", "2026-03-01T01:00:00+01:00", dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        ("dueDate", "2026-03-01", dt.datetime(2026, 2, 28, 23, tzinfo=dt.UTC)),
        ("dueDate", "2026-03-01T00:00:00Z", dt.datetime(2026, 3, 1, tzinfo=dt.UTC)),
        ("timeZone", "America/New_York", "America/New_York"), ("locale", "pt-BR", "pt-BR"), ("locale", "pl", "pl"),
        ("metadata", {" a ": "b"}, {"a": "b"}), ("metadata", {"a": ""}, {"a": ""}), ("metadata", {"a": None}, {}),
        ("lines", [{"name": "a"}], [{"name": "a", "quantity": 1}]), ("lines", [], []),
        ("address", {"city": "Bonn", "country": "DE"}, {
            "line1": None, "line2": None, "city": "Bonn", "region": None, "postalCode": None, "country": "DE",
        }),
    ],
)  # fmt: skip
def test_it_is_read(name: str, given: Any, value: Any) -> None:
    assert list(read({name: given}).values()) == [value]


@pytest.mark.parametrize(
    ("name", "given", "path", "code"),
    [
        ("text", "abcdef", "", "too_long"), ("text", "  abc ", "", "too_long"),
        ("text", " ", "", "too_short"), ("text", 5, "", "invalid"),
        ("text", True, "", "invalid"), ("text", ["a"], "", "invalid"), ("text", {}, "", "invalid"),
        ("text", "a\nb", "", "invalid"), ("text", "a\x07", "", "invalid"), ("text", "a\x7f", "", "invalid"),
        ("notes", "a\x08", "", "invalid"), ("code", "abc", "", "invalid"), ("code", "ABCDEF", "", "too_long"),
        ("email", "a", "", "invalid"), ("email", "a@b", "", "invalid"), ("email", "a b@c.de", "", "invalid"),
        ("email", "a@b..de", "", "invalid"), ("email", "a@b.de\r\nBcc: x@y.de", "", "invalid"),
        ("email", "x" * 250 + "@b.de", "", "too_long"), ("email", "a@b.de,c@d.de", "", "invalid"),
        ("number", 0, "", "too_small"), ("number", 10, "", "too_large"), ("number", "5", "", "invalid"),
        ("number", 5.0, "", "invalid"), ("number", True, "", "invalid"), ("number", 10**400, "", "too_large"),
        ("number", -(10**400), "", "too_small"), ("number", float("1e308"), "", "invalid"),
        ("amount", MAX_AMOUNT + 1, "", "too_large"), ("amount", -1, "", "too_small"),
        ("rate", "12.505", "", "too_long"), ("rate", "100.01", "", "too_large"), ("rate", "-1", "", "too_small"),
        ("rate", "1e3", "", "invalid"), ("rate", "NaN", "", "invalid"), ("rate", "Infinity", "", "invalid"),
        ("rate", 1.5, "", "invalid"), ("rate", " 1", "", "invalid"), ("rate", "١", "", "invalid"),
        ("rate", True, "", "invalid"), ("rate", "9" * 5000, "", "invalid"), ("rate", 10**40, "", "invalid"),
        ("flag", "true", "", "invalid"), ("flag", 1, "", "invalid"), ("kind", "other", "", "invalid_choice"),
        ("kind", 1, "", "invalid_choice"), ("kind", [], "", "invalid_choice"), ("kind", {}, "", "invalid_choice"),
        ("currency", "eur", "", "invalid_currency"), ("currency", "XXX", "", "invalid_currency"),
        ("currency", ["EUR"], "", "invalid_currency"), ("customerId", "cst_x", "", "invalid_id"),
        ("customerId", encode_id("inv", ID), "", "invalid_id"), ("customerId", str(ID), "", "invalid_id"),
        ("customerId", 5, "", "invalid_id"), ("customerId", encode_id("cst", ID).upper(), "", "invalid_id"),
        ("paidAt", "2026-03-01T00:00:00", "", "invalid_datetime"), ("paidAt", "2026-03-01", "", "invalid_datetime"),
        ("paidAt", "2026-02-30T00:00:00Z", "", "invalid_datetime"), ("paidAt", 1, "", "invalid_datetime"),
        ("paidAt", "9999-12-31T23:59:59-01:00", "", "invalid_datetime"),
        ("paidAt", "9999-12-31T00:00:00Z", "", "invalid_datetime"),
        ("paidAt", "0001-01-01T23:59:59Z", "", "invalid_datetime"),
        ("dueDate", "0001-01-01", "", "invalid_datetime"), ("dueDate", "2026-02-30", "", "invalid_datetime"),
        ("timeZone", "Berlin", "", "invalid"), ("timeZone", 5, "", "invalid"), ("locale", "english", "", "invalid"),
        ("address", {"country": "XX"}, ".country", "invalid"), ("address", {"x": 1}, ".x", "unknown_field"),
        ("address", [], "", "invalid"), ("metadata", [], "", "invalid"), ("metadata", "x", "", "invalid"),
        ("metadata", {"a": 1}, ".a", "invalid"), ("metadata", {"a": {}}, ".a", "invalid"),
        ("metadata", {"a" * 41: "b"}, "." + "a" * 41, "too_long"), ("metadata", {"a": "b" * 501}, ".a", "too_long"),
        ("metadata", {" ": "b"}, ". ", "too_short"), ("metadata", {"a": "1", " a": "2"}, ". a", "invalid"),
        ("metadata", {f"k{number}": "x" for number in range(51)}, "", "too_long"),
        ("lines", [{}], "[0].name", "required"), ("lines", [{"name": "a"}, {"name": None}], "[1].name", "required"),
        ("lines", [{"name": " "}], "[0].name", "required"),
        ("lines", [{"name": "a", "x": 1}], "[0].x", "unknown_field"),
        ("lines", [5], "[0]", "invalid"), ("lines", [None], "[0]", "required"), ("lines", {}, "", "invalid"),
        ("lines", "x", "", "invalid"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("partial", [False, True])
def test_it_is_refused(name: str, given: Any, path: str, code: str, partial: bool) -> None:
    assert problems({name: given}, partial=partial) == [(name + path, code)]


def test_null_means_absent_and_in_a_change_it_clears_what_may_be_empty() -> None:
    nulls = {"text": None, "number": None, "lines": None, "address": None, "metadata": None, "oldName": None}
    assert read(nulls) == {}
    assert read(nulls, partial=True) == {"text": None, "address": None}


def test_an_item_inside_a_change_is_whole_all_the_same() -> None:
    assert read({"lines": [{"name": "a"}]}, partial=True) == {"lines": [{"name": "a", "quantity": 1}]}
    assert problems({"lines": [{"quantity": 2}]}, partial=True) == [("lines[0].name", "required")]


def test_an_alias_is_read_as_its_field() -> None:
    assert read({"oldName": "a"}) == {"new_name": "a"}
    assert problems({"oldName": "abcdef"}) == [("oldName", "too_long")]
    assert read({"oldName": "a", "newName": " a "}) == read({"oldName": "a", "newName": None}) == {"new_name": "a"}


def test_a_field_under_both_of_its_names_says_the_same_twice() -> None:
    assert problems({"oldName": "a", "newName": "b"}) == [("oldName", "mutually_exclusive")]
    assert problems({"oldName": "a", "newName": "abcdef"}) == [("newName", "too_long")]


def test_what_is_wrong_under_an_alias_is_not_missing_as_well() -> None:
    with pytest.raises(InvalidRequest) as refused:
        validate(Pair, {"left": "nonsense"})
    assert [(one.path, one.code) for one in refused.value.details] == [("left", "invalid_id")]


def test_snake_case_is_not_the_spelling_of_the_api() -> None:
    assert problems({"customer_id": "x"}) == [("customer_id", "unknown_field")]


@pytest.mark.parametrize("data", [[], None, "x", 5, True, 1.5])
def test_a_body_that_is_no_object_is_refused(data: Any) -> None:
    assert [path for path, _ in problems(data)] == [""]


def test_every_problem_is_listed_and_at_most_a_hundred() -> None:
    assert len(problems({f"k{number}": 1 for number in range(300)})) == 100
    assert sorted(problems({"text": 1, "number": 0, "x": 1})) == [
        ("number", "too_small"), ("text", "invalid"), ("x", "unknown_field"),
    ]  # fmt: skip


def test_metadata_is_merged_and_null_removes() -> None:
    assert read({"metadata": {"a": None, "b": "1"}}, partial=True) == {"metadata": {"a": None, "b": "1"}}
    assert merged_metadata({"a": "1", "b": "2"}, {"a": None, "b": "3", "c": "4", "d": None}) == {"b": "3", "c": "4"}


def test_every_field_describes_itself_for_the_document() -> None:
    for name, field in Everything().fields.items():
        if not isinstance(field, serializers.BaseSerializer | serializers.ChoiceField):
            assert field.json_schema()["type"], name  # type: ignore[attr-defined]
