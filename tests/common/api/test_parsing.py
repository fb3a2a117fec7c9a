"""Claims about JSON bodies: what is refused is refused with 400, and nothing becomes an error of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.api.parsing import MAX_DEPTH, parse_json
from common.canonical import canonical_json
from common.errors import MalformedJson
from tests.clients import Api

DEEP = MAX_DEPTH + 1

REFUSED: dict[str, bytes] = {
    "only spaces": b"  ",
    "not JSON": b"{taxRate: 1}",
    "single quotes": b"{'taxRate': 1}",
    "cut off": b'{"taxRate": 1',
    "two values": b"{} {}",
    "trailing comma": b'{"taxRate": 1,}',
    "comment": b'{"taxRate": 1} // x',
    "byte order mark": b'\xef\xbb\xbf{"taxRate": 1}',
    "latin-1": '{"taxLabel": "ü"}'.encode("latin-1"),
    "UTF-16": '{"taxRate": 1}'.encode("utf-16"),
    "overlong UTF-8": b'{"taxLabel": "\xc0\x80"}',
    "surrogate in UTF-8": b'{"taxLabel": "\xed\xa0\x80"}',
    "same key twice": b'{"taxRate": 1, "taxRate": 2}',
    "same key twice, inside": b'{"smtp": {"port": 1, "port": 1}}',
    "same key twice, escaped": b'{"taxRate": 1, "\\u0074axRate": 2}',
    "NaN": b'{"taxRate": NaN}',
    "Infinity": b'{"taxRate": Infinity}',
    "-Infinity": b'{"taxRate": -Infinity}',
    "NUL": b'{"taxLabel": "a\x00b"}',
    "NUL, escaped": b'{"taxLabel": "a\\u0000b"}',
    "NUL in a key, escaped": b'{"a\\u0000": 1}',
    "half a surrogate pair": b'{"taxLabel": "\\ud800"}',
    "the other half": b'{"taxLabel": "\\udc00x"}',
    "half a pair in a key": b'{"\\ud800": 1}',
    "control character in a string": b'{"taxLabel": "a\nb"}',
    "leading zero": b'{"taxRate": 01}',
    "plus": b'{"taxRate": +1}',
    "hexadecimal": b'{"taxRate": 0x1}',
    "digits without end": b'{"taxRate": ' + b"9" * 5000 + b"}",
    "negative digits without end": b'{"taxRate": -' + b"9" * 5000 + b"}",
    "too deep, arrays": b"[" * DEEP + b"]" * DEEP,
    "too deep, objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep without end": b"[" * 100_000,
    "deep without end, objects": b'{"a":' * 100_000,
}

INVALID: dict[str, bytes] = {
    "a list": b"[]",
    "null": b"null",
    "a string": b'"x"',
    "a number": b"1",
    "a float": b'{"taxRate": 1.5}',
    "a float that is whole": b'{"taxRate": 5.0}',
    "an exponent": b'{"taxRate": 1e3}',
    "a float beyond all": b'{"taxRate": 1e400}',
    "a float below all": b'{"taxRate": -1e400}',
    "a float in an unknown place": b'{"x": [1.5, {"y": 1e400}]}',
    "an integer of 4000 digits": b'{"taxRate": ' + b"9" * 4000 + b"}",
    "an integer of 4000 digits for a string": b'{"taxLabel": ' + b"9" * 4000 + b"}",
    "an integer beyond 64 bits in an unknown place": b'{"x": 18446744073709551616}',
    "an empty key": b'{"": 1}',
    "non_field_errors": b'{"non_field_errors": 1}',
    "a key of brackets": b'{"a[0].b": 1}',
    "many unknown keys": json.dumps({f"k{number}": 1 for number in range(5000)}).encode(),
    "a string with a half read number": b'{"taxRate": "\\u0661"}',
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_as_malformed(name: str) -> None:
    with pytest.raises(MalformedJson):
        parse_json(REFUSED[name])


@pytest.mark.parametrize("with_key", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_over_the_api_it_is_400_malformed_json(api: Api, name: str, with_key: bool) -> None:
    answer = api.patch("/api/settings", raw=REFUSED[name], key="k" if with_key else None)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize("with_key", [False, True])
@pytest.mark.parametrize("name", INVALID)
def test_what_is_json_but_no_settings_is_400_validation_error(api: Api, name: str, with_key: bool) -> None:
    answer = api.patch("/api/settings", raw=INVALID[name], key="k" if with_key else None)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert 1 <= len(answer.json()["details"]) <= 100


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ('{"a": "[[[[{{{{"}', {"a": "[[[[{{{{"}),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, None),
        ('{"a": 9223372036854775808}', {"a": 9223372036854775808}),
        ('{"a": "\\"[\\\\"}', {"a": '"[\\'}),
        ("  {}\n", {}),
    ],
)
def test_it_is_read(text: str, value: Any) -> None:
    read = parse_json(text.encode())
    if value is not None:
        assert read == value


def test_brackets_within_strings_are_no_depth() -> None:
    text = json.dumps(["[" * 1000, "{" * 1000, '\\"[' * 100])
    assert parse_json(text.encode()) == json.loads(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse_json(body)
    except MalformedJson:
        pass


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_every_json_value_is_read_as_it_was_written(value: Any, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value
    canonical_json(value)
