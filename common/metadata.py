"""The pairs that callers keep at our objects, and how a change of them is applied."""

from __future__ import annotations

from collections.abc import Mapping

from common.errors import InvalidRequest, Problem

MAX_PAIRS = 50


def merged_metadata(current: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    """`current` with `change` applied: a pair replaces, null removes.

    Raises `InvalidRequest` when more than 50 pairs would remain.
    """
    merged = {key: value for key, value in {**current, **change}.items() if value is not None}
    if len(merged) > MAX_PAIRS:
        raise InvalidRequest([Problem("metadata", "too_long", f"At most {MAX_PAIRS} pairs after the change.")])
    return merged
