"""Which characters a font can show, read from its `cmap` table.

A font that lacks a character shows its own box without saying so, and PDF/A refuses such a document. So it is known
beforehand which characters need one of our boxes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# Tables for Unicode: (platform, encoding), formats 4 (16 bits) and 12 (32 bits). All current fonts have one of them.
_UNICODE: Final = frozenset({(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 6), (3, 1), (3, 10)})
_COLLECTION: Final = b"ttcf"
SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc", ".otc"})


def coverage(font: Path) -> frozenset[int]:
    """The code points that a font file, or any font of a collection, has a glyph for. Empty for what is no font."""
    content = font.read_bytes()
    try:
        return frozenset(point for offset in _fonts(content) for point in _points(content, offset))
    except (struct.error, IndexError):
        return frozenset()


def _fonts(content: bytes) -> tuple[int, ...]:
    if not content.startswith(_COLLECTION):
        return (0,)
    (count,) = struct.unpack_from(">L", content, 8)
    return struct.unpack_from(f">{count}L", content, 12)


def _points(content: bytes, font: int) -> Iterator[int]:
    (tables,) = struct.unpack_from(">H", content, font + 4)
    for table in range(tables):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", content, font + 12 + 16 * table)
        if tag != b"cmap":
            continue
        (count,) = struct.unpack_from(">H", content, offset + 2)
        for index in range(count):
            platform, encoding, start = struct.unpack_from(">HHL", content, offset + 4 + 8 * index)
            if (platform, encoding) in _UNICODE:
                yield from _subtable(content, offset + start)


def _subtable(content: bytes, at: int) -> Iterator[int]:
    (kind,) = struct.unpack_from(">H", content, at)
    if kind == 12:
        (groups,) = struct.unpack_from(">L", content, at + 12)
        for group in range(groups):
            first, last, glyph = struct.unpack_from(">LLL", content, at + 16 + 12 * group)
            yield from range(first if glyph else first + 1, min(last, 0x10FFFF) + 1)
    elif kind == 4:
        yield from _segments(content, at)


def _segments(content: bytes, at: int) -> Iterator[int]:
    count = struct.unpack_from(">H", content, at + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", content, at + 14)
    starts = struct.unpack_from(f">{count}H", content, at + 16 + 2 * count)
    deltas = struct.unpack_from(f">{count}H", content, at + 16 + 4 * count)
    ranges_at = at + 16 + 6 * count
    ranges = struct.unpack_from(f">{count}H", content, ranges_at)
    for index in range(count):
        for point in range(starts[index], ends[index] + 1):
            if point == 0xFFFF:
                continue
            glyph = point
            if ranges[index]:
                where = ranges_at + 2 * index + ranges[index] + 2 * (point - starts[index])
                (glyph,) = struct.unpack_from(">H", content, where)
                if not glyph:
                    continue
            if (glyph + deltas[index]) & 0xFFFF:
                yield point
