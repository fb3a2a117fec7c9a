"""What `Accept` prefers. A header that says anything else never fails a request."""

from __future__ import annotations

from collections.abc import Collection

_JSON = ("application/json", "application/*", "*/*")


def preferred_type(accept: str, offers: Collection[str]) -> str | None:
    """The one of `offers` that the header prefers to JSON, or None for JSON."""
    found: list[tuple[int, int, str | None]] = []
    for number, part in enumerate(accept.split(",")):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name not in offers and name not in _JSON:
            continue
        weight = next((_thousandths(one[2:]) for one in parameters if one.startswith("q=")), 1000)
        if weight:
            found.append((-weight, number, name if name in offers else None))
    return min(found, key=lambda offer: offer[:2])[2] if found else None


def _thousandths(text: str) -> int:
    """A weight of the header, 0 for one that is none."""
    whole, _, rest = text.partition(".")
    digits = whole[:1] + rest[:3].ljust(3, "0")
    return int(digits) if digits.isascii() and digits.isdigit() else 0
