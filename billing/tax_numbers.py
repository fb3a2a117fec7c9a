"""VAT numbers of the European Union, judged by their published formats and check digits alone. Pure: nobody is asked.

What each member wants of its numbers is what `python-stdnum` knows; no other module knows that library. A right number
may belong to nobody, and to whom it belongs only the member can say (`billing.vies`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from stdnum.eu import vat
from stdnum.exceptions import InvalidChecksum, InvalidComponent, InvalidLength, ValidationError

MEMBERS: Final = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "EL", "ES", "FI", "FR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "XI",
    }
)  # fmt: skip
"""As VAT numbers and VIES spell them: EL for Greece, and XI, Northern Ireland, which trades goods as a member does."""

_SPELLED_OTHERWISE: Final = {"GR": "EL"}
_SEPARATORS: Final = re.compile(r"[\s.,/:-]+")
_BODY: Final = re.compile(r"[A-Z0-9+*]{2,13}")


class NumberProblem(StrEnum):
    """What is wrong with a number that claims to be a member's."""

    FORMAT = "invalid_format"
    LENGTH = "invalid_length"
    COMPONENT = "invalid_component"
    CHECKSUM = "invalid_checksum"


@dataclass(frozen=True, slots=True)
class VatNumber:
    """A number that begins with the code of a member, in its one spelling; `problem` is None when it may exist."""

    country: str
    body: str  # without the country
    problem: NumberProblem | None = None

    def __str__(self) -> str:
        return self.country + self.body


def read_vat_number(text: str | None) -> VatNumber | None:
    """The number that `text` writes, or None for what begins with no code of a member, and for nothing.

    Case, spaces, dots, commas, slashes, colons and dashes do not count; Greece may be GR.
    """
    plain = _SEPARATORS.sub("", text or "").upper()
    country = _SPELLED_OTHERWISE.get(plain[:2], plain[:2])
    if country not in MEMBERS:
        return None
    body = plain[2:]
    if not _BODY.fullmatch(body):
        return VatNumber(country, body, NumberProblem.FORMAT)
    try:
        whole = vat.validate(country + body)
    except ValidationError as wrong:
        return VatNumber(country, body, _problem(wrong))
    # The library fills up what was written short: Belgium's numbers had nine digits once.
    return VatNumber(country, whole.removeprefix(country))


def _problem(wrong: ValidationError) -> NumberProblem:
    match wrong:
        case InvalidChecksum():
            return NumberProblem.CHECKSUM
        case InvalidLength():
            return NumberProblem.LENGTH
        case InvalidComponent():
            return NumberProblem.COMPONENT
        case _:
            return NumberProblem.FORMAT
