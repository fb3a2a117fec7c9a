"""How texts of machines are shortened."""

from __future__ import annotations

from tenants.backoffice import display

LONGEST = 160


def short(text: str | None) -> str:
    """The first line of an error, not too long for a row."""
    first = (text or "").strip().partition("\n")[0]
    return display.EMPTY if not first else first if len(first) <= LONGEST else first[: LONGEST - 1] + "…"
