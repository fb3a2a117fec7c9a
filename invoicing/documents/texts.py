"""The fixed words of a layout, by language: `templates/invoicing/texts/<language>.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

TEMPLATES: Final = Path(__file__).resolve().parents[2] / "templates" / "invoicing"


@cache
def languages() -> tuple[str, ...]:
    """The languages that documents exist in."""
    return tuple(sorted(path.stem for path in (TEMPLATES / "texts").glob("*.json")))


@cache
def texts(language: str) -> Mapping[str, str]:
    """The words of a language. Raises KeyError for one that has none."""
    if language not in languages():
        raise KeyError(language)
    words: Mapping[str, str] = json.loads((TEMPLATES / "texts" / f"{language}.json").read_text("utf-8"))
    return words
