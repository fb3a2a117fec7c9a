"""What a picture is, read from its own first bytes. Nothing is decoded: the header tells kind and size."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

PNG: Final = "image/png"
JPEG: Final = "image/jpeg"

_PNG_HEAD: Final = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
# Frames of a JPEG: SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD9)})


class UnknownImage(ValueError):
    """The bytes are not a PNG or JPEG picture."""


@dataclass(frozen=True, slots=True)
class Image:
    """Kind and size of a picture; the size in pixels, as the header claims it."""

    media_type: str
    width: int
    height: int


def read_image(content: bytes) -> Image:
    """Kind and size of a PNG or JPEG picture. Raises `UnknownImage` for anything else, and for an empty picture."""
    if content.startswith(_PNG_HEAD) and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
        image = Image(PNG, width, height)
    elif content.startswith(b"\xff\xd8\xff"):
        image = Image(JPEG, *_jpeg_size(content))
    else:
        raise UnknownImage("This is neither a PNG nor a JPEG picture.")
    if not image.width or not image.height:
        raise UnknownImage("The picture is empty.")
    return image


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1  # padding
            continue
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        if marker in _FRAMES and at + 9 <= len(content):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    raise UnknownImage("The JPEG picture has no frame.")
