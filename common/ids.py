"""Ids: a UUIDv7 in the database, a TypeID (`inv_01hqx3qgf2c8mhwy9s6zwmf3yh`) everywhere outside.

The text form follows version 0.3 of the TypeID specification: the prefix, an underscore, and the 128 bits as 26
characters of Crockford's base32 in lower case. Encoding and decoding are ours because they stand on the hottest
paths; each takes about a microsecond.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
# `int(text, 32)` reads 0-9 and a-v, and in linear time, because 32 is a power of two.
_TO_BASE_32: Final = bytes.maketrans(_ALPHABET.encode(), b"0123456789abcdefghijklmnopqrstuv")
# 26 characters hold 130 bits; the first may use three of its five, or the value would not fit into a UUID.
_is_suffix: Final = re.compile(f"[0-7][{_ALPHABET}]{{25}}").fullmatch
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class InvalidId(ValueError):
    """The text is not an id of the wanted kind."""


def new_id() -> UUID:
    """A new UUIDv7 made from the real time, later than every one that this process has made before.

    The time inside is when the row was made by the clock of the machine, never a business time.
    """
    return uuid7()


def encode_id(prefix: str, value: UUID) -> str:
    """The outside form of an id. `prefix` is one of `common.prefixes`."""
    number = value.int
    high, low = number >> 60, number & 0xFFF_FFFF_FFFF_FFFF
    pairs = _PAIRS
    return (
        f"{prefix}_{pairs[high >> 60]}{pairs[high >> 50 & 1023]}{pairs[high >> 40 & 1023]}{pairs[high >> 30 & 1023]}"
        f"{pairs[high >> 20 & 1023]}{pairs[high >> 10 & 1023]}{pairs[high & 1023]}{pairs[low >> 50]}"
        f"{pairs[low >> 40 & 1023]}{pairs[low >> 30 & 1023]}{pairs[low >> 20 & 1023]}{pairs[low >> 10 & 1023]}"
        f"{pairs[low & 1023]}"
    )


def decode_id(prefix: str, text: str) -> UUID:
    """The UUID inside an id of the kind `prefix`.

    Only the exact form that `encode_id` gives is accepted. Raises InvalidId for another prefix, another length, a
    character outside the alphabet (upper case included) and a value of more than 128 bits.
    """
    if not isinstance(text, str) or not text.startswith(prefix) or text[len(prefix) : len(prefix) + 1] != "_":
        raise InvalidId(f"An id that begins with {prefix}_ is expected.")
    suffix = text[len(prefix) + 1 :]
    if _is_suffix(suffix) is None:
        raise InvalidId(f"What follows {prefix}_ is not 26 characters of the id alphabet.")
    return UUID(int=int(suffix.encode().translate(_TO_BASE_32), 32))


def uuid_time(value: UUID) -> datetime:
    """The instant in UTC, to the millisecond, at which a UUIDv7 was made. Raises ValueError for other versions."""
    if value.version != 7:
        raise ValueError("Only a UUID of version 7 holds the time at which it was made.")
    return _EPOCH + timedelta(milliseconds=value.int >> 80)
