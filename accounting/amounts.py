"""Amounts of any unit in files that programs read. Pure."""

from __future__ import annotations


def decimal_text(amount: int, exponent: int, *, point: str = ".") -> str:
    """Minor units as a decimal of the whole unit, exact however large: -1234 with exponent 2 is `-12.34`."""
    if exponent == 0:
        return str(amount)
    whole, part = divmod(abs(amount), 10**exponent)
    return f"{'-' if amount < 0 else ''}{whole}{point}{part:0{exponent}d}"
