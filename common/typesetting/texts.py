"""Making any text fit to be set: what breaks a layout or a font is taken out, and each change is visible or harmless.

Nothing here escapes anything: values never become source.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

BOX: Final = "\u25a1"
"""What stands for a character that no font has. The layouts draw it, because a font need not have it either."""

LONG_WORD: Final = 24
"""Words beyond this length may be broken anywhere; below it every column is wide enough."""

_ZERO_WIDTH_SPACE: Final = "\u200b"
# Controls, and marks that reorder what follows them: a name must not turn an amount round. LRM, RLM and ALM are kept.
_UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]")
_BREAKS: Final = re.compile("\r\n?|[\u2028\u2029\x85]")
_WORD: Final = re.compile(rf"\S{{{LONG_WORD + 1},}}")
_RIGHT_TO_LEFT: Final = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_JOINERS: Final = frozenset("\u200c\u200d")
# Shown as nothing by every font, whether it has them or not.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\U000e0000-\U000e0fff\n\t]"
)
_PRIVATE: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")


class Texts:
    """Prepares the texts of one document. `boxes` counts the characters that had to be replaced."""

    def __init__(self, covered: Callable[[int], bool]) -> None:
        self._covered = covered
        self.boxes: Counter[str] = Counter()

    def prepare(self, value: Any) -> Any:
        """`value` with every string in it prepared; mappings and lists are followed, keys stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.prepare(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.prepare(inner) for inner in value]
        return value

    def text(self, text: str) -> str:
        """One text: composed, without controls, boxes for what cannot be shown, breakable, direction kept inside."""
        if text.isascii() and len(text) <= LONG_WORD and text.isprintable():
            return text
        text = _UNWANTED.sub("", _BREAKS.sub("\n", unicodedata.normalize("NFC", text)))
        text = "".join(map(self._shown, text)) if not text.isascii() else text
        text = _WORD.sub(lambda found: _breakable(found.group()), text)
        return isolated(text)

    def _shown(self, character: str) -> str:
        if _INVISIBLE.match(character):
            return character
        if _PRIVATE.match(character) or not self._covered(ord(character)):
            self.boxes[character] += 1
            return BOX
        return character


def isolated(text: str) -> str:
    """A text with right-to-left letters, line by line shut off from what stands around it. Others stay as they are."""
    if not _RIGHT_TO_LEFT.search(text):
        return text
    return "\n".join(f"{_FIRST_STRONG_ISOLATE}{line}{_POP_ISOLATE}" for line in text.split("\n"))


def _breakable(word: str) -> str:
    """A long word with a place to break before each character, but never between a letter and its marks."""
    parts = [word[0]]
    for before, character in pairwise(word):
        if not (unicodedata.category(character)[0] == "M" or character in _JOINERS or before in _JOINERS):
            parts.append(_ZERO_WIDTH_SPACE)
        parts.append(character)
    return "".join(parts)
