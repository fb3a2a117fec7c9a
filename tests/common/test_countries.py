"""Claims about the table of countries."""

import pytest

from common.countries import COUNTRIES, is_country


def test_every_assigned_code_is_there_once() -> None:
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isascii() and code.isupper() for code in COUNTRIES)


@pytest.mark.parametrize("code", ["DE", "GB", "GR", "CH", "US", "AX", "SS", "CW", "ZW"])
def test_assigned_codes_are_countries(code: str) -> None:
    assert is_country(code)


@pytest.mark.parametrize("code", ["UK", "EL", "EU", "XK", "AN", "YU", "de", "D", "", "DEU", None, 49])
def test_anything_else_is_none(code: object) -> None:
    assert not is_country(code)
