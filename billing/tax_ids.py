"""Tax numbers of customers beside the European one: their shapes and check digits. Pure, and asks nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_EIN: Final = re.compile(r"[0-9]{2}-[0-9]{7}")
_ABN: Final = re.compile(r"[0-9]{11}")
_ABN_WEIGHTS: Final = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
_GSTIN: Final = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z][0-9A-Z]{2}")
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class InvalidTaxId(ValueError):
    """The number cannot be one of its kind. Its text says what is expected."""


def us_ein(text: str) -> str:
    """An employer identification number of the United States, `12-3456789`. It has no check digit."""
    if not _EIN.fullmatch(text):
        raise InvalidTaxId("Expected an EIN such as 12-3456789.")
    return text


def au_abn(text: str) -> str:
    """An Australian business number: 11 digits, with or without spaces.

    One is taken from the first digit; the digits times their weights then add up to a multiple of 89 (Australian
    Business Register, "Format of the ABN").
    """
    number = text.replace(" ", "")
    if not _ABN.fullmatch(number):
        raise InvalidTaxId("Expected an ABN of 11 digits, such as 51 824 753 556.")
    digits = [int(digit) for digit in number]
    digits[0] -= 1
    if sum(digit * weight for digit, weight in zip(digits, _ABN_WEIGHTS, strict=True)) % 89:
        raise InvalidTaxId("The check digits of this ABN do not fit.")
    return number


def in_gst(text: str) -> str:
    """An Indian GSTIN: the state, the holder's PAN, which registration it is, and a check character.

    The check is the Luhn algorithm in base 36, its factors 1 and 2 from the left.
    """
    number = text.replace(" ", "").upper()
    if not _GSTIN.fullmatch(number):
        raise InvalidTaxId("Expected a GSTIN of 15 characters, such as 27AAPFU0939F1ZV.")
    total = 0
    for index, character in enumerate(number[:-1]):
        product = _DIGITS.index(character) * (1 + index % 2)
        total += product // 36 + product % 36
    if _DIGITS[-total % 36] != number[-1]:
        raise InvalidTaxId("The check character of this GSTIN does not fit.")
    return number


CHECKS: Final[Mapping[str, Callable[[str], str]]] = {"us_ein": us_ein, "au_abn": au_abn, "in_gst": in_gst}
"""By the type of the API. Each returns the number as it is stored, or raises `InvalidTaxId`."""
EU_VAT: Final = "eu_vat"
TYPES: Final = (EU_VAT, *CHECKS)
