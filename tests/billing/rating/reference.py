"""The rules once more, in plain fractions: the script for auditors, which shares nothing with the engine."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from django.conf import settings

SCRIPT = Path(settings.BASE_DIR) / "docs" / "auditing" / "recompute.py"


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("recompute", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


recompute = _load()


def amount_of(price: dict[str, Any], usage: Sequence[Fraction], share: Fraction) -> tuple[int, int]:
    """Amount and top-up of a price, in minor units."""
    found: tuple[int, int] = recompute.amount_of(price, list(usage), share)
    return found


def problems_of(derivation: dict[str, Any]) -> list[str]:
    """Where the script comes to other amounts."""
    found: list[str] = recompute.check(derivation)
    return found
