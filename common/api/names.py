"""The two spellings of a field: snake_case inside, camelCase on the wire."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def camel(name: str) -> str:
    """`unit_price` → `unitPrice`; a name without underscores stays."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`unitPrice` → `unit_price`, the reverse of `camel`."""
    return "".join(f"_{character.lower()}" if character.isupper() else character for character in name)
