"""Merging metadata in a change."""

from __future__ import annotations

from collections.abc import Mapping

from common.api.fields import merge_metadata
from common.errors import InvalidRequest, Problem

MAX_PAIRS = 50


def merged_metadata(current: Mapping[str, str], change: Mapping[str, str | None]) -> dict[str, str]:
    """`current` with `change` applied: a pair replaces, null removes.

    Raises `InvalidRequest` when more than 50 pairs would remain.
    """
    merged = merge_metadata(current, change)
    if len(merged) > MAX_PAIRS:
        raise InvalidRequest([Problem("metadata", "too_long", f"At most {MAX_PAIRS} pairs after the change.")])
    return merged
